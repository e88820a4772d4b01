"""A model cut into chunks of layers for the stages of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gnomon.core.errors import BadInput
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
    found: list[list[Piece]] = []
    for piece in pieces:
        if found and found[-1][-1].repeat == piece.repeat:
            found[-1].append(piece)
        else:
            found.append([piece])
    return tuple(Block(pieces=tuple(run), copies=run[0].repeat, is_layer=run[0].repeat > 1) for run in found)


def layer_count(of: Sequence[Block]) -> int:
    """Layers that a pipeline can share out: blocks that repeat; 1 where none does."""
    return sum(block.copies for block in of if block.is_layer) or 1


def chunks(of: Sequence[Block], count: int) -> tuple[Chunk, ...]:
    """`count` chunks with equally many layers; what comes before the first and after the last layer goes with it. BadInput."""
    layers = layer_count(of)
    if layers % count:
        raise BadInput(f"{layers} layers cannot be divided into {count} chunks", field="pp")
    if count == 1:
        return (Chunk(blocks=tuple(of), index=0),)
    each = layers // count
    found: list[list[Block]] = [[]]
    room = each
    for block in of:
        left = block.copies
        if not block.is_layer:
            found[-1].append(block)
            continue
        while left:
            if not room:
                found.append([])
                room = each
            taken = min(left, room)
            found[-1].append(Block(pieces=block.pieces, copies=taken, is_layer=True))
            left, room = left - taken, room - taken
    return tuple(Chunk(blocks=tuple(part), index=index) for index, part in enumerate(found))
