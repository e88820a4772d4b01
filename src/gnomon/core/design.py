"""A spatial accelerator as it is published: its parts, its clock and its dataflow, each number with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf

from gnomon.core.accelerator import Accelerator
from gnomon.core.convolution import DIMS, SPACES
from gnomon.core.device import Device, Sourced
from gnomon.core.digest import digest
from gnomon.core.dtype import DTYPES
from gnomon.core.errors import Unsupported
from gnomon.core.map_space import LevelRules, LoopRules, MapRules
from gnomon.core.problem import Problem

Names = Mapping[str, str]
# What problems call the dimensions and data spaces of a convolution: as they are called here, and, of a matrix product that is
# written A (M, K) by B (K, N), as core/convolution.py sees it.
_VOCABULARIES: tuple[tuple[Names, Names], ...] = (
    ({dim: dim for dim in DIMS}, {space: space for space in SPACES}),
    ({"Q": "M", "C": "K", "M": "N", "G": "B"}, {"Weights": "B", "Inputs": "A", "Outputs": "Z"}),
)


@dataclass(frozen=True, kw_only=True)  # no slots: the digest is kept once computed
class Design:
    """One accelerator of the catalogue, or of a file of the same form."""

    name: str
    title: str
    description: str
    accelerator: Accelerator
    clock_hz: Sourced
    dataflow: MapRules  # in the words of a convolution
    numbers: Mapping[str, tuple[Sourced, str]]  # every number by its field path, with its unit
    notes: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """Digest of what can change an answer: names, sizes, energies, clock and dataflow, not titles, sources and places."""
        return digest((self.name, self.accelerator, self.clock_hz.value, self.dataflow.without_places()))

    def rules(self, problem: Problem) -> MapRules:
        """The dataflow for a problem. Unsupported where it is no convolution or matrix product in the usual letters."""
        return rules_for(self.dataflow, problem)

    def as_device(self) -> Device:
        """The machine as a scenario names it: what software knows of any device, and the design itself.

        Its formats are those that fill a word, their peak two flop of each unit in a cycle. What the outermost memory has
        without bound is infinite.
        """
        units, outermost = self.accelerator.units, self.accelerator.memories[-1]
        rate = outermost.words_per_cycle
        size_bytes = inf if outermost.entries is None else outermost.entries * outermost.word_bits / 8

        def derived(value: float, how: str) -> Sourced:
            return Sourced(value=value, source=f"{self.name}: {how}", kind="assumed")

        peak = derived(2 * units.instances * self.clock_hz.value, "two flop of each unit in a cycle")
        return Device(
            name=self.name,
            title=self.title,
            vendor="",
            architecture="spatial accelerator",
            silicon=self.name,
            kind="accelerator",
            matrix_flop_per_s={name: peak for name, format in DTYPES.items() if format.storage_bits == units.word_bits},
            vector_flop_per_s={},
            memory_kind=outermost.name,
            memory_bytes=derived(size_bytes, f"words of {outermost.name}"),
            memory_bytes_per_s=derived(
                rate * outermost.instances * outermost.word_bits / 8 * self.clock_hz.value,
                f"words of {outermost.name} in a cycle",
            ),
            unit_name=units.name,
            unit_count=derived(float(units.instances), "units"),
            base_hz=self.clock_hz,
            launch_s=derived(0.0, "an accelerator starts no kernels"),
            notes=self.notes,
            design=self,
        )


def rules_for(dataflow: MapRules, problem: Problem) -> MapRules:
    """Rules in the words of a convolution as rules for one problem.

    A dimension that the problem does not have counts as one of a single iteration: what a rule says of it holds, unless
    the rule asks for more iterations. Of a data space that it does not have nothing is asked.
    """
    dims, spaces = frozenset(problem.bounds), frozenset(space.name for space in problem.spaces)
    for dim_names, space_names in _VOCABULARIES:
        if dims <= set(dim_names.values()) and spaces <= set(space_names.values()):
            break
    else:
        known = "; ".join(
            f"{', '.join(of_dims.values())} over {', '.join(of_spaces.values())}"
            for of_dims, of_spaces in _VOCABULARIES
        )
        raise Unsupported(
            f"{problem.name}: the dataflow is for problems of {known}; this one has {', '.join(problem.bounds)} over "
            f"{', '.join(space.name for space in problem.spaces)}"
        )
    there = {dim: name for dim, name in dim_names.items() if name in dims}
    held = {space: name for space, name in space_names.items() if name in spaces}
    return MapRules(levels=tuple(_level(rules, there, held) for rules in dataflow.levels))


def _level(rules: LevelRules, there: Mapping[str, str], held: Mapping[str, str]) -> LevelRules:
    def named(spaces: frozenset[str]) -> frozenset[str]:
        return frozenset(held[space] for space in spaces if space in held)

    of_x = None if rules.along_x is None else sum(dim in there for dim in rules.spatial.inner[: rules.along_x])
    return replace(
        rules,
        temporal=_loops(rules.temporal, there),
        spatial=_loops(rules.spatial, there),
        along_x=of_x,
        kept=named(rules.kept),
        bypassed=named(rules.bypassed),
        no_temporal_reuse=named(rules.no_temporal_reuse),
        no_multicast=named(rules.no_multicast),
        no_link_transfer=named(rules.no_link_transfer),
        reads_first_update=named(rules.reads_first_update),
    )


def _loops(rules: LoopRules, there: Mapping[str, str]) -> LoopRules:
    for dim, count in (*rules.exactly.items(), *rules.at_least.items()):
        if dim not in there and count > 1:
            raise Unsupported(
                f"{rules.place}: {count} iterations of {dim} are asked for, which the problem does not have"
            )

    def named(counts: Mapping[str, int]) -> dict[str, int]:
        return {there[dim]: count for dim, count in counts.items() if dim in there}

    return replace(
        rules,
        exactly=named(rules.exactly),
        at_most=named(rules.at_most),
        at_least=named(rules.at_least),
        inner=tuple(there[dim] for dim in rules.inner if dim in there),
        outer=tuple(there[dim] for dim in rules.outer if dim in there),
    )
