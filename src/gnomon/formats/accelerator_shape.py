"""What an accelerator file must look like, key by key."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gnomon.core.convolution import Dim, Space
from gnomon.formats.quantity import Number, Source
from gnomon.formats.strict import Strict

_Counts = dict[Dim, int]


class WrittenLoops(Strict):
    """Rules for the loops in time at a memory; what is not ruled is free."""

    only: tuple[Dim, ...] | None = None  # the dimensions that may have a loop here at all
    exactly: _Counts = Field(default_factory=dict)
    at_most: _Counts = Field(default_factory=dict)
    at_least: _Counts = Field(default_factory=dict)
    inner: tuple[Dim, ...] = ()
    outer: tuple[Dim, ...] = ()


class WrittenSpread(Strict):
    """Rules for the loops over the children of a memory; without x and y any dimension may run along either."""

    x: tuple[Dim, ...] | None = None  # the dimensions that may run along x, the innermost first
    y: tuple[Dim, ...] | None = None
    exactly: _Counts = Field(default_factory=dict)
    at_most: _Counts = Field(default_factory=dict)
    at_least: _Counts = Field(default_factory=dict)


class WrittenMemory(Strict):
    """A memory, its energies those of one access of a block, and what its dataflow keeps and loops over there."""

    name: str
    mesh_x: Number
    mesh_y: Number
    words: Number | None = None  # of an instance; left out: without end
    word_bits: Number
    block_words: Number | None = None
    cluster: Number | None = None
    multiple_buffering: Number | None = None
    read_words_per_cycle: Number | None = None
    write_words_per_cycle: Number | None = None
    shared_words_per_cycle: Number | None = None
    energy: str | None = None  # an entry of the table of energies, for reads and writes
    read_pj: Number | None = None
    write_pj: Number | None = None
    leak_pj: Number | None = None
    keeps: tuple[Space, ...] | None = None  # these and no others; left out: free
    temporal: WrittenLoops = WrittenLoops()
    spatial: WrittenSpread = WrittenSpread()


class WrittenUnits(Strict):
    """The multiply-accumulate units."""

    name: str
    mesh_x: Number
    mesh_y: Number
    word_bits: Number
    energy: tuple[str, ...] = ()  # entries of the table of energies that one multiply-accumulate is made of
    mac_pj: Number | None = None


class WrittenEnergies(Strict):
    """The table that entries are of."""

    table: str
    mac_pj: Number | None = None  # what one multiply-accumulate costs, where the table is relative to it


class AcceleratorFile(Strict):
    """One spatial accelerator, as written down. Every number may carry its own source; bare ones have the file's default."""

    schema_: Literal["gnomon/accelerator/1"] = Field(alias="schema")
    name: str
    title: str = ""
    description: str = ""
    sources: dict[str, Source] = Field(default_factory=dict)
    source: str = "file"
    clock: Number
    technology_nm: Number | None = None
    energies: WrittenEnergies | None = None
    units: WrittenUnits
    memories: tuple[WrittenMemory, ...] = Field(min_length=1)  # the innermost first
    notes: tuple[str, ...] = ()
