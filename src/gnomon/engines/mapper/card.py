"""What the mapper counts and leaves out, by Timeloop's conventions."""

from __future__ import annotations

from dataclasses import replace

from gnomon.core.card import Card
from gnomon.engines.mapper.conventions import TIMELOOP

CARD = Card(
    tool="mapper",
    version=TIMELOOP,
    ports="added up",
    overlap="always",
    first_load="hidden",
    last_store="hidden",
    array_fill="none",
    tiles="given",
    halo="kept",
    neighbours="used",
    leaving_outputs="not read",
    partial_sums="an output that is not finished is read back, but for its first partial sum",
    cycles="the longest of the units' time and each memory's words over its bandwidth; fill and drain of wires that have one",
    energy="multiply-accumulates, accesses of memories in blocks, leaks and wires where they are given",
    units="cycles, pJ",
    search="none: the mapping is given",
)
SEARCHING = replace(
    CARD,
    tiles="ragged",
    search="mappings that the constraints allow, ragged tiles among them, by a population that gets better; a bound is told",
)
