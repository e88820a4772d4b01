"""Data, not code: devices, systems, accelerators, energies, scenarios, measurements and the table of other spellings."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

ROOT: Traversable = files(__name__)


@cache
def names(folder: str) -> tuple[str, ...]:
    """Names of the YAML files in one folder of the catalogue, sorted."""
    return tuple(sorted(f.name.removesuffix(".yaml") for f in (ROOT / folder).iterdir() if f.name.endswith(".yaml")))


def text(folder: str, name: str) -> str:
    """The YAML file of that name."""
    return (ROOT / folder / f"{name}.yaml").read_text(encoding="utf-8")
