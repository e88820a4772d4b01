"""Digests that bind an experiment: of raw bytes, of the normative fields, of one unit."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any


def of_bytes(raw: bytes) -> str:
    """SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()


def of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical(value: Any) -> str:
    """Plain data as one line of JSON, equal for equal data: keys sorted, no spaces, numbers in their shortest form.

    The JSON Canonicalization Scheme (RFC 8785) for the data of a spec: text, whole numbers below 2^53, finite numbers, truth
    values, lists and mappings with text for keys.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """Whole floats as integers, as RFC 8785 writes them: 1.0 is 1."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and math.isfinite(value) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def of_data(value: Any) -> str:
    """SHA-256 of plain data in canonical form."""
    return of_bytes(canonical(value).encode())
