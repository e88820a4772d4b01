"""A short digest of plain data, the same on every machine and in every run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

FORM = 1  # of the text that is hashed; raised when equal questions would get other digests than before


def digest(value: Any) -> str:
    """The first 16 hexadecimal digits of SHA-256 over a canonical JSON form of `value`.

    A field at its default is left out, so that a field added later changes no digest of a value that does not use it; so is one
    that does not count when two values are compared.
    """
    text = json.dumps([FORM, _canonical(value)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _canonical(value: Any) -> Any:
    """`value` as JSON; a dataclass carries its type's name, for two operators may have equal fields."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"type": type(value).__name__} | {name: _canonical(item) for name, item in used(value).items()}
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_canonical(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(map(_canonical, value))
    return value


def used(value: Any) -> dict[str, Any]:
    """The fields of a dataclass that are not at their defaults, by name."""
    kept = {f.name: getattr(value, f.name) for f in fields(value) if f.compare}
    defaults = {f.name: f.default for f in fields(value) if f.default is not MISSING}
    return {name: item for name, item in kept.items() if name not in defaults or item != defaults[name]}


def plain(value: Any) -> Any:
    """Dataclasses, mappings and tuples as JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value
