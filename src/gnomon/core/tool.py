"""What an outside tool is to us; of a tool for mappings, what it is asked and answers, and what an adapter of one consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from gnomon.core.accelerator import Accelerator
from gnomon.core.card import Card
from gnomon.core.loop_nest import LoopNest
from gnomon.core.map_space import MapRules
from gnomon.core.problem import Problem

Files = Mapping[str, str]  # name of a file in the folder where the tool runs -> its text

Objective = Literal["latency", "energy", "edp"]
Term = Literal["ideal", "idle units", "stalls", "first load", "last store", "array"]
# Of a total of cycles: what the multiply-accumulates take with every unit busy, what more they take because some are not,
# waiting for memories, before the first and after the last of them, and words moving through the array and its wires.
TERMS: tuple[Term, ...] = ("ideal", "idle units", "stalls", "first load", "last store", "array")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A problem on an accelerator. Some tools take the mapping that is given; most look for one of their own."""

    problem: Problem
    accelerator: Accelerator
    kept: tuple[frozenset[str], ...]  # the data spaces that each memory may keep, the innermost memory first
    nest: LoopNest | None = None
    rules: MapRules | None = None  # for a search; most tools know none of them
    objective: Objective = "latency"  # what a search makes small


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyPart:
    """Energy of a data space at a memory, of all its instances, or of the units."""

    part: str  # name of the memory, or of the units
    space: str = ""  # empty: of no data space
    energy_pj: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Words of a data space that one instance of a memory reads, is filled with and is updated with."""

    part: str
    space: str
    reads: int
    fills: int
    updates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a tool says of a question."""

    tool: str
    version: str
    card: Card
    cycles: float
    cycle_terms: Mapping[Term, float]  # add up to the cycles; a term that the tool does not know is not there
    energy_pj: float | None  # None: the tool has no energy
    energy_parts: tuple[EnergyPart, ...] = ()  # add up to the energy
    counts: tuple[Counts, ...] = ()  # of a tool that tells them
    mapping: str = ""  # as the tool writes it
    notes: tuple[str, ...] = ()  # what was assumed where the question leaves it open, and what the tool keeps apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run of a tool may take."""

    time_s: float = 600.0
    memory_bytes: int = 8 * 2**30  # of all its processes together


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """The version of a tool that an adapter is made for, and how it is had."""

    version: str
    licence: str  # SPDX
    package: str = ""  # on the Python package index; empty: there is none, and `by_hand` says what to do
    needs: tuple[str, ...] = ()  # further requirements, those that the package forgets among them
    python: tuple[int, int] = (3, 11)  # the least that it and its needs run on
    proof: str = ""  # a line of Python that fails where it is not whole
    by_hand: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A tool that is there."""

    version: str
    place: str  # a folder, a program or an image


@runtime_checkable
class OutsideTool(Protocol):
    """An adapter of a tool that has to be installed."""

    name: str
    pin: Pin

    def installed(self) -> Installed | None:
        """What there is of it on this machine; None: nothing."""
        ...


@runtime_checkable
class MappingTool(Protocol):
    """An adapter of a tool for mappings: three steps, of which the first and the last touch no file and no process."""

    name: str
    cites: tuple[str, ...]
    pin: Pin
    card: Card

    def installed(self) -> Installed | None:
        """What there is of it on this machine; None: nothing."""
        ...

    def missing(self, question: Question) -> tuple[str, ...]:
        """Reasons, in words, why the tool cannot be asked this; empty when it can. The tool need not be there."""
        ...

    def translate(self, question: Question) -> Files:
        """The tool's input."""
        ...

    def run(self, files: Files, limits: Limits) -> Files:
        """The tool's output. ToolError when it is missing, fails, takes too much or gives nothing."""
        ...

    def read(self, output: Files, question: Question) -> Answer:
        """What the output says. ToolError when it is not what the tool writes."""
        ...
