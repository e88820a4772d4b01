"""Tools in environments of their own: whole, or not there."""

import json
import os
import sys
import zipfile
from pathlib import Path

import pytest

from gnomon.core.errors import ToolError
from gnomon.core.tool import Pin
from gnomon.tools import environments
from gnomon.tools.environments import complaint, found, make, need, python_in, remove
from gnomon.tools.home import tools_home

PIN = Pin(version="1.2", licence="MIT", package="gnomon-made-up-tool", proof="import made_up_tool")
VENV = 'for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python"'


def _python(folder, pip="exit 0", proof="exit 0"):
    """A program in the place of Python: makes an environment that holds itself, and answers as it is told."""
    file = folder / "python"
    file.write_text(
        "#!/bin/sh\n"
        f'case "$*" in\n*"-m venv"*) {VENV};;\n*"-m pip"*) {pip};;\n*"import made_up_tool"*) {proof};;\n'
        """*) echo '{"python": "3.12.1", "packages": {"six": "1.17"}}';;\nesac\n"""
    )
    file.chmod(0o755)
    return str(file)


def test_an_installed_tool_is_found_with_its_version_and_its_packages(tmp_path):
    made = make("tool", PIN, tmp_path / "home", _python(tmp_path))
    assert made == found("tool", tmp_path / "home")
    assert (made.version, made.python_version, made.packages) == ("1.2", "3.12.1", {"six": "1.17"})
    assert os.access(made.python, os.X_OK)
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["tool"]


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ({"pip": "echo 'ERROR: No matching distribution found for x' >&2; exit 1"}, "pip failed: No matching distrib"),
        (
            {"proof": "echo 'ModuleNotFoundError: six' >&2; exit 1"},
            "was installed and does not run: ModuleNotFoundError",
        ),
    ],
)
def test_an_installation_that_fails_leaves_nothing(tmp_path, faults, told):
    with pytest.raises(ToolError, match=told):
        make("tool", PIN, tmp_path / "home", _python(tmp_path, **faults))
    assert list((tmp_path / "home").iterdir()) == []


def test_an_installation_that_is_interrupted_leaves_nothing(tmp_path, monkeypatch):
    run = environments._run

    def interrupted(words, *rest):
        if "pip" in words:
            raise KeyboardInterrupt
        return run(words, *rest)

    monkeypatch.setattr(environments, "_run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make("tool", PIN, tmp_path / "home", _python(tmp_path))
    assert list((tmp_path / "home").iterdir()) == []


def test_a_failed_installation_leaves_the_one_before_it(tmp_path):
    make("tool", PIN, tmp_path / "home", _python(tmp_path))
    with pytest.raises(ToolError):
        make("tool", PIN, tmp_path / "home", _python(tmp_path, pip="exit 1"))
    assert found("tool", tmp_path / "home").version == "1.2"


def test_what_a_killed_installation_left_goes_with_the_next(tmp_path):
    home = tmp_path / "home"
    (home / ".tool.making-999999999" / "bin").mkdir(parents=True)
    (home / f".other.making-{os.getpid()}").mkdir()
    make("tool", PIN, home, _python(tmp_path))
    assert {path.name for path in home.iterdir()} == {"tool", f".other.making-{os.getpid()}"}


def test_a_tool_of_another_version_is_not_used(tmp_path):
    make("tool", PIN, tmp_path / "home", _python(tmp_path))
    newer = Pin(version="2.0", licence="MIT", package="gnomon-made-up-tool", proof="pass")
    with pytest.raises(
        ToolError, match=r"1\.2 is installed, and 2\.0 is what it is asked by: run `gnomon tools install"
    ):
        need("tool", newer, tmp_path / "home")


def test_a_removed_tool_is_gone(tmp_path):
    make("tool", PIN, tmp_path / "home", _python(tmp_path))
    assert remove("tool", tmp_path / "home")
    assert not remove("tool", tmp_path / "home")
    assert list((tmp_path / "home").iterdir()) == []


def test_a_folder_without_its_record_is_no_environment(tmp_path):
    (tmp_path / "tool").mkdir()
    assert found("tool", tmp_path) is None
    (tmp_path / "tool" / "gnomon-tool.json").write_text("{")
    assert found("tool", tmp_path) is None


@pytest.mark.slow
def test_a_wheel_is_really_installed_and_runs_where_it_stands(tmp_path, monkeypatch):
    """With pip itself, from a folder and not from an index."""
    name = "gnomon_made_up_tool-1.2"
    with zipfile.ZipFile(tmp_path / f"{name}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("made_up_tool.py", "answer = 42\n")
        wheel.writestr(f"{name}.dist-info/METADATA", "Metadata-Version: 2.1\nName: gnomon-made-up-tool\nVersion: 1.2\n")
        wheel.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{name}.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    made = make("tool", PIN, tmp_path / "home", getattr(sys, "_base_executable", sys.executable))
    assert made.packages["gnomon-made-up-tool"] == "1.2"
    said = environments._run([str(made.python), "-I", "-c", "import made_up_tool; print(made_up_tool.answer)"], "it")
    assert said.strip() == "42"


def test_the_record_is_what_names_an_environment(tmp_path):
    place = python_in(tmp_path / "tool")
    place.parent.mkdir(parents=True)
    (tmp_path / "tool" / "gnomon-tool.json").write_text(
        json.dumps({"version": "1", "python": "3.11.2", "packages": {}})
    )
    assert found("tool", tmp_path).python == place


@pytest.mark.parametrize(
    ("variables", "home"),
    [
        ({"GNOMON_TOOLS": "/somewhere", "XDG_DATA_HOME": "/data"}, "/somewhere"),
        ({"XDG_DATA_HOME": "/data"}, "/data/gnomon/tools"),
        ({"XDG_DATA_HOME": "relative"}, str(Path.home() / ".local/share/gnomon/tools")),
        ({}, str(Path.home() / ".local/share/gnomon/tools")),
    ],
)
def test_the_home_of_tools_is_among_the_user_s_data(variables, home):
    assert tools_home(variables) == Path(home)


def test_the_line_that_names_a_fault_is_told():
    assert complaint("Collecting x\nERROR: first\nERROR: second\n") == "first"
    assert complaint("one\ntwo\n\n") == "two"
    assert complaint("") == "it said nothing"
