"""What Timeloop counts and leaves out, at commit 4cf6d4c."""

from __future__ import annotations

from gnomon.core.card import Card

CARD = Card(
    tool="timeloop",
    version="4cf6d4c",
    ports="added up",
    overlap="always",
    first_load="hidden",
    last_store="hidden",
    array_fill="none",
    tiles="divisors",
    halo="kept",
    neighbours="used",
    leaving_outputs="not read",
    partial_sums="an output that is not finished is read back, but for its first partial sum",
    cycles="the longest of the units' time and each memory's words over its bandwidth; fill and drain of wires that have one",
    energy="multiply-accumulates, accesses of memories in blocks, leaks and wires where they are given",
    units="cycles, pJ",
    search="a given mapping is evaluated; without one, random divisors and orders until 500 in a row are no better",
)
