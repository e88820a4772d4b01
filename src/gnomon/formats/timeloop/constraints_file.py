"""Timeloop's constraints, wherever they are written -> MapRules.

What is given twice, in one list or in two, is refused as Timeloop refuses it. Of rules that no mapping can obey it says
nothing; here they are an error. [NVlabs/timeloop at 4cf6d4c: mapping/constraints.cpp; Accelergy-Project/timeloopfe at
5603893: the constraints of nodes]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, prod

from gnomon.core.accelerator import Accelerator
from gnomon.core.errors import near_match
from gnomon.core.map_space import LevelRules, MapRules
from gnomon.core.problem import Problem
from gnomon.formats.timeloop import loop_rules
from gnomon.formats.timeloop.directives import check_keys, kind_of_directive, target
from gnomon.formats.timeloop.hardware import Part
from gnomon.formats.timeloop.level_rules import (
    FLAGS,
    LevelDraft,
    add_flags,
    add_keeping,
    check_fanout,
    level_rules,
    put_single_first,
)
from gnomon.formats.timeloop.loop_rules import LoopDraft, add_loops
from gnomon.formats.timeloop.node import Node

_TYPES = {
    "temporal": "temporal",
    "spatial": "spatial",
    **dict.fromkeys(("datatype", "bypass", "bypassing", "dataspace"), "bypass"),
    **dict.fromkeys(("utilization", "parallelism"), "parallelism"),
    "max_overbooked_proportion": "overbooking",
}
_OF_NODES = ("spatial", "temporal", "dataspace", "max_overbooked_proportion")  # types of constraints beside a part
_LOOPS = (*loop_rules.KEYS, *loop_rules.NOT_COVERED)
_KEYS = {
    "temporal": (*_LOOPS, *FLAGS["temporal"]),
    "spatial": (*_LOOPS, "split", *FLAGS["spatial"]),
    "bypass": ("keep", "bypass", "keep_only", "bypass_only", "no_coalesce"),
    "parallelism": ("min",),
    "overbooking": ("proportion",),
}
_LISTS = ("targets", "constraints", "version")
_TEMPLATED = ("mapspace", "mapspace_constraints")  # which also name the template of the search
_ROUNDING = 1e-9  # of a share of the units


@dataclass(slots=True)
class _Drafts:
    """What the directives so far say of all memories, the innermost first."""

    problem: Problem
    parts: tuple[Part, ...]
    units: str
    levels: tuple[LevelDraft, ...]
    parallelism: Node | None = None

    def of(self, name: str) -> LevelDraft:
        return next(draft for draft in self.levels if draft.part.name == name)


def map_rules(
    listed: Sequence[Node],
    of_parts: Mapping[str, Node],
    problem: Problem,
    accelerator: Accelerator,
    parts: tuple[Part, ...],
) -> MapRules:
    """The rules of all lists, and those beside parts of `nodes`, by name; `parts` are the memories as the file has them.

    Without any: the outermost memory keeps all, and what stands for a fan-out has no loops in time and keeps nothing.
    """
    levels = tuple(LevelDraft(part=part, fanout=accelerator.fanout(level)) for level, part in enumerate(parts))
    drafts = _Drafts(problem, parts, accelerator.units.name, levels)
    for name, group in of_parts.items():
        for kind, body in _group(group):
            _add_of_part(drafts, name, kind, body)
    for node in listed:
        for aim, body in _entries(node):
            kind = kind_of_directive(body, _TYPES)
            check_keys(body, kind, _KEYS, ("target", "name", "type"))
            _add(drafts, drafts.of(target(aim, parts, kind)), kind, body)
    for draft in levels:
        if draft.part.fans_out and "split" in draft.spatial.given:
            put_single_first(draft.spatial, problem)
    rules = tuple(level_rules(draft, problem, is_outermost=draft is levels[-1]) for draft in levels)
    _check_kept(drafts, rules)
    units = accelerator.units.instances // accelerator.memories[-1].instances
    share = drafts.parallelism
    return MapRules(
        levels=rules,
        least_units=max(ceil(share.number() * units - _ROUNDING), 1) if share else 1,
        units_place=share.place if share else "",
    )


def _entries(node: Node) -> Iterator[tuple[Node, Node]]:
    """Each constraint of a list, under whichever key it stands: what names its memory, and its body."""
    listed: Node | None = node
    if not isinstance(node.data, list):
        known = (*_LISTS, "template") if node.path[0] in _TEMPLATED else _LISTS
        for key in node.mapping():
            if key not in known:
                raise node.child(key).fault(f"unknown key{near_match(str(key), known)}")
        listed = node.get("constraints", "targets")
        if node.get("constraints") and node.get("targets"):
            raise node.need("targets").fault("given as 'constraints' too")
    for item in listed.items() if listed else ():
        aim = item.get("target", "name") or item.need("target")
        inside = item.get("constraints")
        if inside:
            check_keys(item, "list", {"list": ("constraints",)}, ("target", "name"))
        for body in inside.items() if inside else (item,):
            yield aim, _flat(body)


def _flat(node: Node) -> Node:
    """The constraint with its `attributes`, where it has them apart, as keys of its own."""
    apart = node.get("attributes")
    if apart is None:
        return node
    own = {key: value for key, value in node.mapping().items() if key != "attributes"}
    lines = dict(node.lines)
    for key in apart.mapping():
        if key in own:
            raise apart.child(key).fault("given beside 'attributes' too")
        lines[*node.path, key] = lines.get((*apart.path, key), lines.get(apart.path, 1))
    return replace(node, data={**own, **apart.mapping()}, lines=lines)


def _group(node: Node) -> Iterator[tuple[str, Node]]:
    """What the constraints beside a part hold, by type."""
    for key in node.mapping():
        if key not in _OF_NODES:
            raise node.child(key).fault(f"unknown key{near_match(str(key), _OF_NODES)}")
        if found := node.get(key):
            check_keys(found, _TYPES[key], _KEYS, ("target", "type"))
            yield _TYPES[key], found


def _add_of_part(drafts: _Drafts, name: str, kind: str, node: Node) -> None:
    """A constraint of a container or a component: over its fan-out where it is spatial, else of itself."""
    names = [part.name for part in drafts.parts]
    if kind == "spatial" and name not in (drafts.units, *names, *(part.fans_out for part in drafts.parts)):
        alone = LoopDraft()  # of a container without a fan-out, which is no level
        add_loops(alone, node, drafts.problem)
        check_fanout(alone, LevelRules(memory=name), (1, 1), drafts.problem)
        return
    if kind != "spatial" and name not in names:
        raise node.fault(f"{name} is no memory; constrain one of {', '.join(names)}")
    _add(drafts, drafts.of(target(replace(node, data=name), drafts.parts, kind)), kind, node)


def _add(drafts: _Drafts, draft: LevelDraft, kind: str, node: Node) -> None:
    """What one directive says of a memory."""
    name, problem = draft.part.name, drafts.problem
    match kind:
        case "temporal" | "spatial":
            if kind == "spatial" and prod(draft.fanout) == 1:
                raise node.fault(f"{name} has no fan-out: there is one instance of what is inside")
            add_loops(draft.loops(kind), node, problem)
            add_flags(draft, kind, node, problem)
            if split := node.get("split"):
                draft.spatial.once("split", split)
        case "bypass":
            add_keeping(draft, node, problem)
        case "parallelism":
            if draft is not drafts.levels[0]:
                raise node.fault(f"parallelism is constrained at the innermost memory, {drafts.parts[0].name}, alone")
            if drafts.parallelism:
                raise node.fault(f"given already, in {drafts.parallelism.place}")
            drafts.parallelism = node.need("min")
            if drafts.parallelism.number() > 1:
                raise drafts.parallelism.fault("above 1, which is all units")
        case _:
            if node.need("proportion").number():
                raise node.need("proportion").unsupported("tiles larger than their memory")


def _check_kept(drafts: _Drafts, rules: Sequence[LevelRules]) -> None:
    """BadInput for a data space that no memory may keep."""
    for space in drafts.problem.spaces:
        if all(space.name in level.bypassed for level in rules):
            last = next(draft.bypassed[space.name] for draft in reversed(drafts.levels) if space.name in draft.bypassed)
            raise last.fault(f"{space.name} is bypassed at every memory")
