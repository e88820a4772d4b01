"""Where an export may be written: nowhere that the protocol keeps, and not over what the experiment reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gnomon.core.errors import BadInput
from gnomon.lab.repository import PROTECTED, root_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export wrote."""

    format: str
    place: str  # a file, a folder, or an address
    what: str  # in words: how much of what
    counts: dict[str, Any] = field(default_factory=dict)  # the same, for programs
    notes: tuple[str, ...] = ()  # what the user should know before using it


def refuse_kept(spec: Path, target: Path, inputs: Iterable[str] = ()) -> None:
    """BadInput for a place among the protocol's own files, or one that the experiment reads."""
    root, there = root_of(spec), target.resolve()
    for name in PROTECTED:
        if there == root / name or there.is_relative_to((root / name).resolve()):
            raise BadInput(f"{target}: the protocol keeps {name}; an export is written elsewhere")
    if there in {(root / name).resolve() for name in inputs}:
        raise BadInput(f"{target}: the experiment reads it; an export is written elsewhere")
