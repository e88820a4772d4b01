"""Which Python a tool's environment is made with."""

import sys

import pytest

from gnomon.core.errors import ToolError, UsageError
from gnomon.tools.interpreters import interpreter


def _python(folder, name, version):
    file = folder / name
    file.write_text(f"#!/bin/sh\necho {version}\n")
    file.chmod(0o755)
    return str(file)


def test_our_own_is_taken_where_it_is_new_enough():
    assert interpreter("tool", (3, 11)) == str(getattr(sys, "_base_executable", sys.executable))


def test_a_newer_one_on_the_path_is_taken_where_ours_is_too_old(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    _python(tmp_path, "python3.18", "nothing that is a version")
    newer = _python(tmp_path, "python3.19", "3 19")
    assert interpreter("tool", (3, 18)) == newer


def test_none_that_is_new_enough_is_told_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"tool needs Python 3\.18 or newer.* --python /path/to/python3\.18"):
        interpreter("tool", (3, 18))


def test_the_one_that_is_asked_for_must_run_and_be_new_enough(tmp_path):
    old = _python(tmp_path, "python", "3 10")
    with pytest.raises(UsageError, match=r"is Python 3\.10, and tool needs 3\.12 or newer"):
        interpreter("tool", (3, 12), old)
    with pytest.raises(UsageError, match="is no Python that runs"):
        interpreter("tool", (3, 12), str(tmp_path / "none"))
