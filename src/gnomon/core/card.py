"""A semantics card: what a model of mappings counts and leaves out, in terms that can be set beside another's.

Two answers to one question differ first of all because two models count different things; their cards say which.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The conventions of one model. A term with few known values is a word; the others are sentences."""

    tool: str
    version: str
    # data spaces on one port: their words are added up before they are rounded, or each transfer takes whole cycles in
    # its turn; one each: none shares its port with another
    ports: Literal["added up", "in turn", "one each"]
    # a memory's time and the units' time: the longer of them counts; it does where there is room for two tiles; they are
    # added up
    overlap: Literal["always", "where two tiles fit", "never"]
    first_load: Literal["hidden", "added", "apart"]  # apart: told beside the total
    last_store: Literal["hidden", "added", "apart"]
    array_fill: Literal["none", "drain", "fill and drain"]  # words moving through the array from unit to unit
    tiles: Literal["divisors", "ragged", "fractional", "given"]  # what parts a dimension is cut into
    halo: Literal["kept", "fetched again"]  # words that two neighbouring tiles of an input share
    neighbours: Literal["used", "not used"]  # a unit may have words from the unit beside it
    leaving_outputs: Literal[
        "read", "not read"
    ]  # whether an output is read where it leaves a memory for the next outside
    partial_sums: str  # when an output is read back
    cycles: str  # what the total of cycles includes
    energy: str  # what the total of energy includes
    units: str  # in which the tool answers
    search: str  # which mappings it chooses from, and how

    def told(self) -> dict[str, str]:
        """Every term by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def differing(cards: tuple[Card, ...]) -> tuple[str, ...]:
    """The terms in which these cards are not alike, in the order of a card; the names of the tools are no term."""
    if not cards:
        return ()
    terms = [name for name in cards[0].told() if name not in ("tool", "version")]
    return tuple(name for name in terms if len({card.told()[name] for card in cards}) > 1)
