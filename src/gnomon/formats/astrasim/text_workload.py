"""The text files that ASTRA-sim 1.0 took: a strategy, a count of layers, and a line for each of them.

    HYBRID_DLRM 4
    8
    Embedding -1 300 ALLTOALL 98304 300 ALLTOALL 98304 300 NONE 0 98

A line: name, a number that is read nowhere, and of the forward pass, of the gradients of inputs and of the gradients of weights
each the computation in us, the collective and its bytes; then the time of the update, which Chakra's converter reads and leaves out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gnomon.core.errors import BadInput, near_match
from gnomon.core.trace import CollectiveKind
from gnomon.formats.strict import read_text

STRATEGIES = (
    "MICRO",
    "DATA",
    "MODEL",
    "HYBRID_DATA_MODEL",
    "HYBRID_MODEL_DATA",
    "HYBRID_DLRM",
    "HYBRID_DLRM_ENHANCED",
)
_WITHOUT_RULE = ("HYBRID_TRANSFORMER", "HYBRID_TRANSFORMER_FWD_IN_BCKWD", "HYBRID_CUSTOMIZED")
COLLECTIVES = {
    "NONE": None,
    "ALLREDUCE": CollectiveKind.ALL_REDUCE,
    "ALLGATHER": CollectiveKind.ALL_GATHER,
    "REDUCESCATTER": CollectiveKind.REDUCE_SCATTER,
    "ALLTOALL": CollectiveKind.ALL_TO_ALL,
}
_COLUMNS = 12
_MOST_LAYERS = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A computation of a layer and the collective after it."""

    compute_us: int
    collective: CollectiveKind | None  # None: the file says NONE
    comm_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer in its three parts."""

    name: str
    forward: Part
    input_gradient: Part
    weight_gradient: Part


@dataclass(frozen=True, slots=True, kw_only=True)
class TextWorkload:
    """A whole file."""

    strategy: str  # one of STRATEGIES
    layers: tuple[Layer, ...]
    last_bottom_layer: int | None  # of HYBRID_DLRM: where what the embeddings exchanged is needed


def read_text_workload(path: Path) -> TextWorkload:
    """The workload of a file. BadInput with the line."""
    lines = [(number, line.split()) for number, line in enumerate(read_text(path).splitlines(), 1) if line.strip()]
    if len(lines) < 2:
        raise BadInput(
            "expected a strategy, a count of layers, and a line for each layer: is the file cut off?", where=str(path)
        )
    (first, head), (second, count) = lines[:2]
    strategy = _strategy(head[0], f"{path}:{first}")
    layers = tuple(_layer(words, f"{path}:{number}") for number, words in lines[2:])
    expected = _whole(count[0], "the count of layers", f"{path}:{second}")
    if not 0 < expected == len(layers) <= _MOST_LAYERS:
        raise BadInput(f"{expected} layers said, {len(layers)} given", where=f"{path}:{second}")
    bottom = _last_bottom_layer(head, len(layers), f"{path}:{first}") if "DLRM" in strategy else None
    return TextWorkload(strategy=strategy, layers=layers, last_bottom_layer=bottom)


def _strategy(word: str, where: str) -> str:
    if word in _WITHOUT_RULE:
        raise BadInput(
            f"{word}: there is no rule for what waits for what in it, in Chakra's converter neither; "
            f"known: {', '.join(STRATEGIES)}",
            where=where,
        )
    if word not in STRATEGIES:
        raise BadInput(
            f"no strategy {word!r:.60}{near_match(word, STRATEGIES)}; known: {', '.join(STRATEGIES)}", where=where
        )
    return word


def _last_bottom_layer(head: list[str], layers: int, where: str) -> int:
    """The first number after the strategy; ASTRA-sim 1.0 has a word before it, Chakra's converter has none."""
    numbers = [word for word in head[1:] if re.fullmatch(r"[0-9]{1,9}", word)]
    if not numbers:
        raise BadInput("the number of the last bottom layer is missing: HYBRID_DLRM 4", where=where)
    if not 0 < int(numbers[0]) < layers:
        raise BadInput(f"the last bottom layer is {numbers[0]}: 1 to {layers - 1} expected", where=where)
    return int(numbers[0])


def _layer(words: list[str], where: str) -> Layer:
    if len(words) < _COLUMNS:
        raise BadInput(f"{len(words)} columns, where a layer has {_COLUMNS}", where=where)
    parts = [_part(words[at : at + 3], where) for at in (2, 5, 8)]
    return Layer(name=words[0], forward=parts[0], input_gradient=parts[1], weight_gradient=parts[2])


def _part(words: list[str], where: str) -> Part:
    if words[1] not in COLLECTIVES:
        raise BadInput(f"no collective {words[1]!r:.40}{near_match(words[1], COLLECTIVES)}", where=where)
    return Part(
        compute_us=_whole(words[0], "a computation in us", where),
        collective=COLLECTIVES[words[1]],
        comm_bytes=_whole(words[2], "the bytes of a collective", where),
    )


def _whole(word: str, what: str, where: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", word):
        raise BadInput(f"{word!r:.40} is no whole number, which {what} must be", where=where)
    return int(word)
