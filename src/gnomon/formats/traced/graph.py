"""A traced graph as a model: sizes bound by the plan, a rule for every call, equal layers folded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from gnomon.core.collapse import collapsed
from gnomon.core.errors import BadInput, Unsupported, near_match
from gnomon.core.op import Elementwise
from gnomon.core.plan import Plan
from gnomon.core.workload import CACHED, Node, Workload
from gnomon.formats.traced.call import Array, Call, Formats, Made, Ref, Rule
from gnomon.zoo.graph import Graph, activation_dtype
from gnomon.zoo.image import USUAL_SIDE

PLAN_SIZES = ("batch", "seq", "context", "image")  # sizes that a plan has a field for; the others go into its `sizes`
HOW_TO_ADD = "docs/how-to/add-an-operator-rule.md shows how to add one"

_FROZEN = "{:,} frozen parameters are taken as trained: gradients, optimizer state and update are too many by theirs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """An open size of a graph's inputs."""

    example: int  # its value when the graph was traced
    low: int = 1
    high: int | None = None  # the largest that the program allows; None: any
    where: str = ""  # the input and dimension


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # of one program: known by being it
class Traced:
    """A program's graph."""

    name: str
    weights: Mapping[str, tuple[int, ...]]  # shape of every trained array
    inputs: Mapping[
        str, Made | str
    ]  # arrays that the calls may refer to: inputs and constants, or the name of a weight
    calls: Callable[[Mapping[str, int]], tuple[Call, ...]]  # in the program's order, given the named sizes
    sizes: Mapping[str, Size]  # open sizes by name
    fixed: Mapping[str, int]  # sizes that the program fixes: batch, seq, where they could be told
    evaluate: Callable[[Any, Mapping[str, int]], int]  # an open size, given the named ones
    rules: Mapping[str, Rule]
    views: frozenset[str]
    known: Callable[[Call], Any]  # of the numbers of a bound call's first array: what a mask may be made of, or None
    assumptions: tuple[str, ...]
    frozen: int = 0  # parameters that the program does not train


def workload(traced: Traced, plan: Plan) -> Workload:
    """The graph under a plan. BadInput for a size that is open or cannot be; Unsupported for an operator without a rule."""
    if plan.mode in CACHED:
        raise BadInput(
            f"{traced.name} is a traced graph: it has forward, forward+backward and forward+backward+optimizer",
            field="mode",
        )
    if plan.head != "default":
        raise BadInput(f"{traced.name} is a traced graph and keeps the head it was traced with", field="head")
    values = bind(traced, plan)
    sizes = {name: prod(shape) for name, shape in traced.weights.items()}
    formats = Formats(
        product=plan.dtype,
        activation=activation_dtype(plan),
        weight=plan.weight_dtype,
        is_fused=plan.attention == "fused",
        weights=sizes,
        unclaimed=dict(sizes),
    )
    nodes = _nodes(traced, values, formats)
    further = sum(formats.unclaimed.values())
    if not nodes:
        raise Unsupported(f"{traced.name} computes nothing: it gives its inputs on, at most under another shape")
    graph = Graph(nodes=list(collapsed(nodes)))
    if further:
        held = Elementwise(elements=0, function="copy", inputs=0, weights=further, dtype=formats.activation, launches=0)
        graph.add(unused("further_parameters", {node.name for node in nodes}), held, after=())
    seq = values.get("seq", traced.fixed.get("seq"))
    whole = graph.workload(
        traced.name,
        plan,
        head="none",
        assumptions=(
            *traced.assumptions,
            *((f"{further:,} parameters are no operator's own weights: held in memory",) if further else ()),
            *((_FROZEN.format(traced.frozen),) if traced.frozen and plan.mode != "forward" else ()),
        ),
        seq=seq,
    )
    return (
        whole if seq is not None else replace(whole, item="sample")
    )  # what a graph without tokens is given is not known


def bind(traced: Traced, plan: Plan) -> dict[str, int]:
    """A number for every open size. BadInput names the one that is left open, or that the program has not or does not allow."""
    given = {name: getattr(plan, name) for name in PLAN_SIZES if getattr(plan, name) is not None} | dict(plan.sizes)
    if "image" in traced.sizes:
        given.setdefault("image", USUAL_SIDE)
    for name in dict(plan.sizes):
        if name not in traced.sizes:
            known = ", ".join(traced.sizes) or "none"
            raise BadInput(
                f"size {name!r}: {traced.name} has no such open size{near_match(name, traced.sizes)} (open: {known})"
            )
    if plan.kv_dtype is not None:
        raise BadInput(f"{traced.name} is a traced graph, it has no KV cache of its own", field="kv_dtype")
    for name in PLAN_SIZES:
        is_told = getattr(plan, name) != (1 if name == "batch" else None)
        if is_told and name not in traced.sizes and name not in traced.fixed:
            known = ", ".join(traced.sizes) or "none"
            raise BadInput(
                f"{traced.name} is a traced graph without an open size of this name (open: {known}); trace it with that size open",
                field=name,
            )
    for name, fixed in traced.fixed.items():
        if name in given and given[name] != fixed:
            raise BadInput(
                f"{traced.name} was traced with {name} {fixed} and cannot run with {given[name]}; trace it with that size open",
                field=_field(name),
            )
    values = {}
    for name, size in traced.sizes.items():
        if name not in given:
            option = f"--{name} {size.example}" if name in PLAN_SIZES else f"--size {name}={size.example}"
            raise BadInput(f"size {name!r} of {traced.name} ({size.where}) is open: give it, like {option}")
        value = given[name]
        if value < size.low or (size.high is not None and value > size.high):
            limit = f"{size.low} to {size.high}" if size.high is not None else f"{size.low} or more"
            raise BadInput(f"{traced.name} allows {limit}, not {value}", field=_field(name))
        values[name] = value
    return values


def _field(name: str) -> str:
    """The field of a plan that gives an open size."""
    return name if name in PLAN_SIZES else f"sizes.{name}"


def _nodes(traced: Traced, values: Mapping[str, int], formats: Formats) -> tuple[Node, ...]:
    """A node for every operator of every call, in the order of the program."""
    known: dict[str, int] = {}

    def number(expression: Any) -> int:
        if isinstance(expression, int):
            return expression
        key = str(expression)
        if key not in known:
            known[key] = traced.evaluate(expression, values)
        return known[key]

    def array(made: Made) -> Array:
        return Array(shape=tuple(map(number, made.shape)), holds=made.holds)

    arrays: dict[Ref, Array] = {}
    for name, given in traced.inputs.items():
        arrays[Ref(name)] = Array(shape=traced.weights[given], weight=given) if isinstance(given, str) else array(given)

    def bound(item: Any) -> Any:
        match item:
            case Ref():
                return arrays.get(item)
            case Made():
                return array(item)
            case list() | tuple():
                return type(item)(bound(part) for part in item)
            case bool() | int() | float() | str() | None:
                return item
        return number(item) if hasattr(item, "free_symbols") else item

    nodes: list[Node] = []
    names: set[str] = set()
    for call in traced.calls(values):
        made = tuple(array(one) for one in call.made)
        whole = replace(
            call,
            arguments=tuple(map(bound, call.arguments)),
            settings={name: bound(item) for name, item in call.settings.items()},
            made=made,
        )
        known_numbers = traced.known(whole)
        steps = () if call.operator in traced.views or not made else _rule(traced, call)(whole, formats)
        if not steps:
            source = next(iter(whole.arrays), Array(shape=()))
            for index, one in enumerate(made):
                view = replace(source, shape=one.shape, holds=one.holds, known=known_numbers if index == 0 else None)
                arrays[Ref(call.name, index)] = view
            continue
        makers = tuple(dict.fromkeys(maker for one in whole.arrays for maker in one.makers))
        for op, repeat in steps:
            name = unused(call.name, names)
            nodes.append(Node(name=name, op=op, after=makers, repeat=repeat))
            makers = (name,)
        for index, one in enumerate(made):
            arrays[Ref(call.name, index)] = replace(one, makers=makers, known=known_numbers if index == 0 else None)
    return tuple(nodes)


def _rule(traced: Traced, call: Call) -> Rule:
    rule = traced.rules.get(call.operator)
    if rule is None:
        place = f" ({call.where})" if call.where else ""
        raise Unsupported(
            f"{traced.name}: node {call.name!r}{place}: no rule for operator {call.operator!r}; {HOW_TO_ADD}"
        )
    return rule


def unused(name: str, names: set[str]) -> str:
    """`name`, or with a number after it where `names` has it already; added to `names`."""
    found, count = name, 1
    while found in names:
        count += 1
        found = f"{name}.{count}"
    names.add(found)
    return found
