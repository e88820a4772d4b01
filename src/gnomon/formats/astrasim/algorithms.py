"""The names of collective algorithms in system.json, and algorithms that are traces of their own."""

from __future__ import annotations

import re
from itertools import count, takewhile
from pathlib import Path

from gnomon.core.cluster_rules import Algorithm, AlgorithmName, CustomAlgorithm
from gnomon.core.errors import BadInput, near_match
from gnomon.formats.chakra.file import path_of, read_ranks

_PLAIN = {
    "ring": Algorithm(name=AlgorithmName.RING),
    "direct": Algorithm(name=AlgorithmName.DIRECT),
    "halvingDoubling": Algorithm(name=AlgorithmName.HALVING_DOUBLING),
    "doubleBinaryTree": Algorithm(name=AlgorithmName.DOUBLE_BINARY_TREE),
    "oneRing": Algorithm(name=AlgorithmName.RING, spans_all=True),
    "oneDirect": Algorithm(name=AlgorithmName.DIRECT, spans_all=True),
    "oneHalvingDoubling": Algorithm(name=AlgorithmName.HALVING_DOUBLING, spans_all=True),
}
_WINDOWED = re.compile(r"(direct|oneDirect)([0-9]+)")


def algorithm(text: str) -> Algorithm:
    """What a name stands for. BadInput."""
    if text in _PLAIN:
        return _PLAIN[text]
    windowed = _WINDOWED.fullmatch(text)
    if windowed is None:
        raise BadInput(f"no algorithm {text!r}{near_match(text, _PLAIN)}")
    if int(windowed[2]) < 1:
        raise BadInput(f"{text!r} would never send: at least one message in flight")
    return Algorithm(name=AlgorithmName.DIRECT, window=int(windowed[2]), spans_all=windowed[1] == "oneDirect")


def custom_algorithm(text: str, folder: Path) -> CustomAlgorithm:
    """The traces of a prefix, from the folder of system.json. BadInput where there is none."""
    prefix = folder / text
    paths = list(takewhile(Path.exists, (path_of(prefix, member) for member in count())))
    if not paths:
        raise BadInput(
            f"{path_of(prefix, 0)}: no such file; a custom algorithm has a trace for each member of the group"
        )
    return CustomAlgorithm(members=read_ranks(paths), place=str(prefix))
