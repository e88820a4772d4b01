"""`PIN`, the file of an adapter's folder that names the version of its tool -> Pin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gnomon.core.tool import Pin
from gnomon.formats.strict import load_yaml, read_text


def read_pin(folder: Path) -> Pin:
    """The pin of the adapter in this folder."""
    path = folder / "PIN"
    data, _ = load_yaml(read_text(path), str(path))
    given: dict[str, Any] = dict(data)
    given["needs"] = tuple(given.get("needs", ()))
    major, minor = str(given.pop("python", "3.11")).split(".")
    return Pin(**given, python=(int(major), int(minor)))
