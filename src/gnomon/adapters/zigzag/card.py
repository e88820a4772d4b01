"""What ZigZag counts and leaves out, as its cost model of version 3.9.1 does it."""

from __future__ import annotations

from gnomon.core.card import Card

CARD = Card(
    tool="zigzag",
    version="3.9.1",
    ports="in turn",
    overlap="where two tiles fit",
    first_load="added",
    last_store="added",
    array_fill="none",
    tiles="fractional",
    halo="fetched again",
    neighbours="not used",
    leaving_outputs="read",
    partial_sums="an output that is not finished is read back in its full width",
    cycles="multiply-accumulates in time, stalls of the port that stalls most, the first load, the last store",
    energy="multiply-accumulates and accesses of memories, in words of a port; no wires, no leaks",
    units="cycles, pJ",
    search="the 3 spatial mappings that use most of the array, each with all orders of at most 6 loops in time",
)
