"""Process groups: {"1": [0, 1, 2, 3], ...}."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from gnomon.core.errors import BadInput
from gnomon.formats.strict import read_json

Groups = Mapping[int, tuple[int, ...]]  # number of a group -> its ranks, in the order of its ring


def read_groups(path: Path, npus: int) -> Groups:
    """The groups of a file. BadInput. One whose name holds "empty" has none, as for ASTRA-sim."""
    if "empty" in str(path):
        return {}
    data = read_json(path)
    if not isinstance(data, dict):
        raise BadInput('expected groups, {"1": [0, 1]}', where=str(path))
    return {_number(key, path): _ranks(key, value, npus, path) for key, value in data.items()}


def _number(key: str, path: Path) -> int:
    if not key.isdecimal() or int(key) < 1:
        raise BadInput(f"{key!r} is no name of a group: positive integers are (0 means all ranks)", where=str(path))
    return int(key)


def _ranks(key: str, value: object, npus: int, path: Path) -> tuple[int, ...]:
    if not isinstance(value, list) or not value or not all(type(rank) is int for rank in value):
        raise BadInput("expected a list of ranks", field=key, where=str(path))
    for rank in value:
        if not 0 <= rank < npus:
            raise BadInput(f"no rank {rank}: the network has {npus} NPUs, 0 to {npus - 1}", field=key, where=str(path))
    if len(set(value)) < len(value):
        raise BadInput("a rank stands twice", field=key, where=str(path))
    return tuple(value)


def groups_text(groups: Groups) -> str:
    """The file of groups."""
    return json.dumps({str(number): list(ranks) for number, ranks in groups.items()})
