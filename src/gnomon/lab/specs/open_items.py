"""What is still open in a spec: fields that are TODO, and lines of prose that begin with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gnomon.formats.strict import FieldPath

TODO = "TODO"
_OPEN = re.compile(r"TODO(:|\s*$)")


def is_open(value: Any) -> bool:
    """Whether a field or a line is TODO, alone or with what is to be done: `TODO: which unit?`."""
    return isinstance(value, str) and _OPEN.match(value) is not None


def open_fields(value: Any, path: FieldPath = ()) -> Iterator[FieldPath]:
    """Paths of the fields that are open, in their order."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from open_fields(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from open_fields(item, (*path, index))
    elif is_open(value):
        yield path
