"""What the constraints say of one memory, one directive after the other -> LevelRules."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from gnomon.core.map_space import LevelRules, LoopRules
from gnomon.core.problem import Problem
from gnomon.formats.timeloop.hardware import Part
from gnomon.formats.timeloop.loop_rules import LoopDraft, spaces
from gnomon.formats.timeloop.node import Node

# The flags of a memory that each key of a directive raises.
FLAGS = {
    "temporal": {
        "no_reuse": "no_temporal_reuse",
        "no_temporal_reuse": "no_temporal_reuse",
        "rmw_first_update": "reads_first_update",
    },
    "spatial": {
        "no_reuse": "no_multicast",
        "no_multicast_no_reduction": "no_multicast",
        "no_link_transfer": "no_link_transfer",
    },
}


@dataclass(slots=True, kw_only=True)
class LevelDraft:
    """What is said so far of a memory."""

    part: Part
    fanout: tuple[int, int]
    temporal: LoopDraft = field(default_factory=LoopDraft)
    spatial: LoopDraft = field(default_factory=LoopDraft)
    kept: dict[str, Node] = field(default_factory=dict)  # data space -> where it is said
    bypassed: dict[str, Node] = field(default_factory=dict)
    flags: dict[str, frozenset[str]] = field(default_factory=dict)

    def loops(self, kind: str) -> LoopDraft:
        return self.spatial if kind == "spatial" else self.temporal


def add_flags(draft: LevelDraft, kind: str, node: Node, problem: Problem) -> None:
    """The data spaces that a temporal or spatial directive moves another way."""
    for key, flag in FLAGS[kind].items():
        if found := node.get(key):
            draft.loops(kind).once(flag, found)
            draft.flags[flag] = spaces(found, problem)


def add_keeping(draft: LevelDraft, node: Node, problem: Problem) -> None:
    """What a directive keeps and bypasses. BadInput for a data space of which something is said already."""
    every = frozenset(space.name for space in problem.spaces)
    if (coalesce := node.get("no_coalesce")) and coalesce.data:
        raise coalesce.unsupported("accesses that are not coalesced")
    for key in ("keep", "keep_only", "bypass", "bypass_only"):
        if (found := node.get(key)) is None:
            continue
        named = spaces(found, problem)
        told, others = (draft.kept, draft.bypassed) if key.startswith("keep") else (draft.bypassed, draft.kept)
        _tell(told, others, named, found)
        if key.endswith("_only"):
            _tell(others, told, every - named, found)


def _tell(told: dict[str, Node], others: dict[str, Node], names: frozenset[str], node: Node) -> None:
    for name in sorted(names):
        if name in others:
            raise node.fault(f"{name} is both kept and bypassed; the other is in {others[name].place}")
        if name in told:
            raise node.fault(f"{name} is given already, in {told[name].place}")
        told[name] = node


def put_single_first(loops: LoopDraft, problem: Problem) -> None:
    """Dimensions of one iteration, where no permutation names them, stand innermost, and so a split counts them first.

    So does the front end that makes trees of `nodes`. [timeloopfe: PermutationOptimizerProcessor]
    """
    bare = [dim for dim, bound in problem.bounds.items() if bound == 1]
    for dim in dict.fromkeys((*loops.single(), *bare)):
        if dim not in (*loops.inner, *loops.outer):
            loops.inner = (dim, *loops.inner)


def level_rules(draft: LevelDraft, problem: Problem, *, is_outermost: bool) -> LevelRules:
    """All of it, and what the machine itself says. BadInput for more children than there are."""
    every = frozenset(space.name for space in problem.spaces)
    kept, bypassed = frozenset(draft.kept), frozenset(draft.bypassed)
    temporal = draft.temporal.rules()
    if draft.part.fans_out is not None:  # it is no memory in truth
        _check_passing(draft)
        temporal, bypassed = LoopRules(exactly=dict.fromkeys(problem.bounds, 1)), every
    elif draft.part.is_beside:
        bypassed = every - kept
    elif is_outermost:
        kept = every - bypassed
    split = draft.spatial.given.get("split")
    found = LevelRules(
        memory=draft.part.name,
        temporal=temporal,
        spatial=draft.spatial.rules(),
        along_x=split.whole(least=0) if split else None,
        kept=kept,
        bypassed=bypassed,
        keeping_place=", ".join(dict.fromkeys(node.place for node in (*draft.kept.values(), *draft.bypassed.values()))),
        no_temporal_reuse=draft.flags.get("no_temporal_reuse", frozenset()),
        no_multicast=draft.flags.get("no_multicast", frozenset()),
        no_link_transfer=draft.flags.get("no_link_transfer", frozenset()),
        reads_first_update=draft.flags.get("reads_first_update", frozenset()),
    )
    check_fanout(draft.spatial, found, draft.fanout, problem)
    return found


def _check_passing(draft: LevelDraft) -> None:
    """BadInput where what stands for a fan-out is to keep something, or to have loops in time."""
    name = draft.part.name
    for space, node in draft.kept.items():
        raise node.fault(f"{name} stands for a fan-out and cannot keep {space}")
    for (sign, dim), (count, node) in draft.temporal.factors.items():
        if sign != "<=" and count > 1:
            raise node.fault(f"{name} stands for a fan-out: {dim} has no loop in time there")


def check_fanout(loops: LoopDraft, rules: LevelRules, fanout: tuple[int, int], problem: Problem) -> None:
    """BadInput where the factors ask for more children than there are in all, or along x or y alone."""
    least = {**loops.counts(">="), **loops.counts("=")}
    on_x, on_y = rules.bound_to_axes(problem.bounds)
    for dims, axis, children in (
        (on_x, " along x", fanout[0]),
        (on_y, " along y", fanout[1]),
        (frozenset(least), "", prod(fanout)),
    ):
        asked = prod(count for dim, count in least.items() if dim in dims)
        if asked > children:
            last = [node for (sign, dim), (_, node) in loops.factors.items() if sign != "<=" and dim in dims][-1]
            raise last.fault(f"{asked} instances{axis} are asked for; {rules.memory} has {children} inside")
