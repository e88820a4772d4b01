"""What SCALE-Sim counts and leaves out, as its version 3.0.0 does it."""

from __future__ import annotations

from gnomon.core.card import Card

CARD = Card(
    tool="scalesim",
    version="3.0.0",
    ports="one each",
    overlap="always",
    first_load="added",
    last_store="added",
    array_fill="fill and drain",
    tiles="ragged",
    halo="kept",
    neighbours="used",
    leaving_outputs="not read",
    partial_sums="every partial sum leaves the array and is written; it is not read back",
    cycles="each fold of the array with its fill and drain, one after another; stalls; with a bandwidth of DRAM, the first load and the last store",
    energy="none",
    units="cycles",
    search="none: one dataflow, the product cut into folds as large as the array",
)
