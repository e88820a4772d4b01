"""What a search must know of the conventions by which mappings are counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gnomon.core.accelerator import Accelerator
from gnomon.core.loop_nest import LoopNest, Tiling
from gnomon.core.map_space import MapRules
from gnomon.core.problem import Problem
from gnomon.engines.mapper.coded import Coded
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.exact.quick import Quick
from gnomon.engines.mapper.fast import Fast, Figures


class Evaluator(Protocol):
    """Counts and costs of many mappings by some conventions."""

    def evaluate(self, coded: Coded) -> Figures: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingRules:
    """How an evaluator counts, as far as bounds depend on it."""

    evaluator: Evaluator
    link_transfers: bool  # a child may have words from its neighbour
    rounds_down: bool  # instances at work are rounded down where tiles are ragged
    shares_across: bool  # children share a read across all levels between two memories that keep a data space


def of_timeloop(problem: Problem, accelerator: Accelerator, rules: MapRules, switches: Switches) -> CountingRules:
    """Timeloop's conventions. Unsupported where only a walk counts by them."""
    return CountingRules(
        evaluator=Fast(problem, accelerator, flags(rules), switches),
        link_transfers=switches.link_transfers,
        rounds_down=True,
        shares_across=False,
    )


def of_gnomon(problem: Problem, accelerator: Accelerator, rules: MapRules) -> CountingRules:
    """Gnomon's own. Unsupported where only a walk counts by them."""
    return CountingRules(
        evaluator=Quick(problem, accelerator, flags(rules)),
        link_transfers=False,
        rounds_down=False,
        shares_across=True,
    )


def flags(rules: MapRules) -> LoopNest:
    """A mapping that bears the flags of the rules and nothing else."""
    return LoopNest(
        tilings=tuple(
            Tiling(
                kept=frozenset(),
                no_temporal_reuse=one.no_temporal_reuse,
                no_multicast=one.no_multicast,
                no_link_transfer=one.no_link_transfer,
                reads_first_update=one.reads_first_update,
            )
            for one in rules.levels
        )
    )
