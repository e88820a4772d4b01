"""Plug-ins: the built-in parts, and a distribution from outside that is built, installed and asked."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from gnomon.api import plugins
from gnomon.core.engine import Engine
from gnomon.core.errors import BadInput
from gnomon.testing import EngineContract

PLUGIN = Path(__file__).parent.parent / "plugin"


def _from_source(name):
    """A module of the plug-in, without installing it."""
    spec = importlib.util.spec_from_file_location(
        f"constant_rate_{name}", PLUGIN / "src" / "constant_rate" / f"{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestContractOfThePlugIn(EngineContract):
    engine = _from_source("engine").ConstantRate()


# --- Built in


def test_built_in_engines_and_formats_are_found_by_entry_point():
    assert {"null", "roofline"} <= set(plugins.names("engines"))
    assert "hf-config" in plugins.names("formats")


def test_built_in_parts_are_whole():
    for group in plugins.GROUPS:
        assert [part.fault for part in plugins.inspect(group)] == [""] * len(plugins.names(group))


def test_an_engine_is_loaded_once():
    assert plugins.engine("roofline") is plugins.engine("roofline")
    assert isinstance(plugins.engine("roofline"), Engine)


def test_an_unknown_engine_is_refused_with_the_near_one():
    with pytest.raises(BadInput, match=r"unknown engine 'roofine'; did you mean 'roofline'\? \(known: .*null"):
        plugins.engine("roofine")


def test_a_part_that_lacks_the_protocol_is_reported(monkeypatch):
    point = EntryPoint(name="half", value="collections:Counter", group="gnomon.engines")
    monkeypatch.setattr(plugins, "_every", lambda group: [point])
    (found,) = plugins.inspect("engines")
    assert found.fault == "engine 'half' of an unknown package is broken: it lacks a part of the Engine protocol"


def test_of_two_parts_with_one_name_gnomon_s_own_is_used_and_the_other_is_reported(monkeypatch):
    own = plugins._every("engines")
    foreign = EntryPoint(name="roofline", value="collections:Counter", group="gnomon.engines")
    monkeypatch.setattr(plugins, "_every", lambda group: [*own, foreign])
    faults = {part.fault for part in plugins.inspect("engines") if part.name == "roofline"}
    assert plugins.engine("roofline").name == "roofline"
    assert "" in faults
    assert any(fault.startswith("hidden: gnomon ") for fault in faults)


# --- From outside


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the plug-in installed in it, as pip would do it."""
    pytest.importorskip(
        "hatchling", reason="hatchling is not installed: the plug-in cannot be built (pip install hatchling)"
    )
    source = tmp_path_factory.mktemp("source") / "plugin"
    shutil.copytree(PLUGIN, source)  # a build leaves nothing behind in the repository
    target = tmp_path_factory.mktemp("target")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-index",
        "--no-deps",
    ]
    command += ["--no-build-isolation", "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def _run(installed, code):
    """What a fresh interpreter with the plug-in prints, as JSON."""
    environment = os.environ | {"PYTHONPATH": str(installed)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_installed_engine_is_listed_without_being_imported(installed):
    code = (
        "import json, sys; from gnomon.api import plugins; names = plugins.names('engines');"
        "print(json.dumps([names, 'constant_rate' in sys.modules]))"
    )
    names, is_imported = _run(installed, code)
    assert {"broken", "constant-rate", "null", "roofline"} <= set(names)
    assert not is_imported


def test_an_installed_engine_answers(installed):
    code = (
        "import json, gnomon; found = gnomon.predict('resnet-18', 'a100', engine='constant-rate', dtype='fp16');"
        "time = found['time']; print(json.dumps([time.value, time.flop, time.moved_bytes, found.engine]))"
    )
    value, flop, moved, name = _run(installed, code)
    assert value == pytest.approx((flop + moved) / 1e12)
    assert name == "constant-rate"


@pytest.mark.slow
def test_a_broken_engine_is_reported_and_harms_nothing(installed):
    code = (
        "import json, gnomon; from gnomon.api import plugins;"
        "faults = {part.name: [part.package, part.fault] for part in plugins.inspect('engines')};"
        "answer = gnomon.predict('resnet-18', 'a100'); print(json.dumps([faults, answer.is_answered]))"
    )
    faults, is_answered = _run(installed, code)
    package, fault = faults["broken"]
    assert package == "gnomon-constant-rate 1.2.3"
    assert fault == (
        "engine 'broken' of gnomon-constant-rate 1.2.3 is broken: "
        "ModuleNotFoundError: No module named 'a_library_that_nobody_has'"
    )
    assert {name for name, (_, text) in faults.items() if text} == {"broken"}
    assert is_answered


@pytest.mark.slow
def test_asking_a_broken_engine_says_what_is_broken(installed):
    code = (
        "import json, gnomon\n"
        "try:\n    gnomon.predict('resnet-18', 'a100', engine='broken')\n"
        "except gnomon.BadInput as fault:\n    print(json.dumps(str(fault)))"
    )
    assert "a_library_that_nobody_has" in _run(installed, code)
