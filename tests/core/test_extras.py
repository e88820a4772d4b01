"""Where the package of an extra is missing, the error says how to install it here."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

import gnomon
from gnomon.core.errors import ToolError
from gnomon.formats.sweep_file import SearchShape
from gnomon.formats.traced.onnx_file import OnnxFile
from gnomon.sweeps.search import Search

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DOORS: dict[str, tuple[str, Callable[[], object]]] = {
    "torch": ("torch", lambda: gnomon.from_torch(object(), ())),
    "onnx": ("onnx", lambda: OnnxFile().read(Path("model.onnx"))),
    "optuna": ("search", lambda: Search((), SearchShape(trials=1), {"y": "min"}, "fits")),
}


@pytest.mark.parametrize("package", DOORS)
def test_a_package_that_is_missing_is_told_with_the_extra_that_brings_it(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra, door = DOORS[package]
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ToolError) as fault:
        door()
    remedy = f"`python -m pip install -e '.[{extra}]'` in your clone of Gnomon"
    assert str(fault.value) == f"{package} is not installed; say {remedy}"
    assert any(line.startswith(package) for line in PROJECT["optional-dependencies"][extra])


def test_an_extra_for_users_pins_no_version() -> None:
    pinned = [line for extra in ("onnx", "search", "torch") for line in PROJECT["optional-dependencies"][extra]]
    assert [line for line in pinned if ">=" not in line] == []
