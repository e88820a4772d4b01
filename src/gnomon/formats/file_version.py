"""The `schema` line of a file: which kind and version it is, and what to do about one that is not read here."""

from __future__ import annotations

import re
from typing import Any

from gnomon.core.errors import BadInput
from gnomon.formats.strict import FieldPath

# The one version of each kind that this Gnomon reads.
READ = {"scenario": 1, "device": 1, "system": 1, "sweep": 1, "accelerator": 1, "energies": 1}

# What is done with a kind of file, where another was expected.
_USES = {"sweep": "; `gnomon sweep {}` runs it, and a report is made of the folder that this writes"}

_CALLED = {"accelerator": "an accelerator", "energies": "a table of energies"}  # the others by their own word


def check_version(data: Any, kind: str, where: str, lines: dict[FieldPath, int]) -> None:
    """BadInput in one line for another kind of file, and for a newer or older version; all else is left to the shape."""
    written = data.get("schema") if isinstance(data, dict) else None
    other = re.fullmatch(r"gnomon/([a-z]+)/[0-9]+", written) if isinstance(written, str) else None
    if other is not None and other[1] != kind and other[1] in READ:
        raise BadInput(
            f"{written}: this is {_called(other[1])}, expected {_called(kind)}{_USES.get(other[1], '').format(where)}",
            field="schema",
            where=f"{where}:{lines[('schema',)]}",
        )
    found = re.fullmatch(rf"gnomon/{kind}/([0-9]+)", written) if isinstance(written, str) else None
    if found is None or int(found[1]) == READ[kind]:
        return
    place = f"{where}:{lines[('schema',)]}: schema: {written}"
    read = f"gnomon/{kind}/{READ[kind]}"
    if int(found[1]) > READ[kind]:
        raise BadInput(f"{place} is newer than this Gnomon reads ({read}): `git pull` in your clone of Gnomon")
    raise BadInput(
        f"{place} is older than this Gnomon reads: write `schema: {read}` and mend what `gnomon check {where}` then names"
    )


def _called(kind: str) -> str:
    return _CALLED.get(kind, f"a {kind}")
