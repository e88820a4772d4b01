"""A model cut into chunks of layers for the stages of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from gnomon.core.errors import BadInput
from gnomon.core.training_plan import counts_text
from gnomon.core.workload import Node
from gnomon.parallel.piece import Piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Pieces that run one after another, `copies` times."""

    pieces: tuple[Piece, ...]
    copies: int
    is_layer: bool  # one of many in the model, however few of them are here

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The pieces that compute."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Node))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """The layers that a stage runs in one go."""

    blocks: tuple[Block, ...]
    index: int  # of all chunks, in the order of the forward pass


def blocks(pieces: Sequence[Piece]) -> tuple[Block, ...]:
    """Runs of pieces that repeat alike."""
    return tuple(
        Block(pieces=tuple(run), copies=copies, is_layer=copies > 1)
        for copies, run in groupby(pieces, lambda piece: piece.repeat)
    )


def layer_count(of: Sequence[Block]) -> int:
    """Layers that a pipeline can share out: blocks that repeat; 1 where none does."""
    return sum(block.copies for block in of if block.is_layer) or 1


def chunks(of: Sequence[Block], count: int, sizes: tuple[int, ...] | None = None) -> tuple[Chunk, ...]:
    """`count` chunks with equally many layers, or with `sizes`; the first and the last hold what is before and after the layers.

    BadInput where they do not hold all layers, or one would hold nothing.
    """
    layers = layer_count(of)
    if sizes is None:
        if layers % count:
            uneven = [("stage_layers", counts_text(_nearly_equal(layers, count)))] if layers > count else []
            raise BadInput(f"{layers} layers do not divide evenly into {count} chunks", field="pp", remedies=uneven)
        sizes = (layers // count,) * count
    elif sum(sizes) != layers:
        raise BadInput(
            f"{counts_text(sizes)} adds up to {sum(sizes)} layers, but the model has {layers}", field="stage_layers"
        )
    if count == 1:
        return (Chunk(blocks=tuple(of), index=0),)
    found: list[list[Block]] = [[]]
    room = sizes[0]
    for block in of:
        left = block.copies
        if not block.is_layer:
            if not room and sizes[len(found) :] == (0,):
                found.append([])
            found[-1].append(block)
            continue
        while left:
            while not room:
                room = sizes[len(found)]
                found.append([])
            taken = min(left, room)
            found[-1].append(Block(pieces=block.pieces, copies=taken, is_layer=True))
            left, room = left - taken, room - taken
    if len(found) < count or not all(found):
        raise BadInput(f"{counts_text(sizes)} leaves a chunk with nothing to run", field="stage_layers")
    return tuple(Chunk(blocks=tuple(part), index=index) for index, part in enumerate(found))


def _nearly_equal(layers: int, count: int) -> list[int]:
    """Layers of each chunk, at most one apart; those at the ends, beside the embedding and the head, have fewer."""
    sizes = [-(-layers // count)] * count
    for at in range(count * sizes[0] - layers):
        sizes[-1 - at // 2 if at % 2 == 0 else at // 2] -= 1
    return sizes
