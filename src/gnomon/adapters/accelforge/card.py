"""What AccelForge counts and leaves out, as its version 1.0.467 is asked here."""

from __future__ import annotations

from gnomon.core.card import Card

CARD = Card(
    tool="accelforge",
    version="1.0.467",
    ports="added up",
    overlap="always",
    first_load="hidden",
    last_store="hidden",
    array_fill="none",
    tiles="divisors",
    halo="kept",
    neighbours="not used",
    leaving_outputs="read",
    partial_sums="an output that is not finished is read back, but for its first partial sum",
    cycles="the longest of the units' time and each memory's words over its bandwidth, not rounded to whole cycles",
    energy="multiply-accumulates and accesses of memories, in fractions of a block; no wires, no leaks",
    units="seconds of a clock that ticks once in a second, and its energy as it is given: pJ",
    search="every mapping with whole divisors, all but the best pruned; of equally fast ones the one with least energy",
)
