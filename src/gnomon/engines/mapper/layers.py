"""From a workload to the problems that a mapper solves: every product of its graph, equal ones once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from gnomon.core.convolution import Pair, convolution, product
from gnomon.core.errors import Unsupported
from gnomon.core.op import Attention, Conv, GroupedMatMul, MatMul
from gnomon.core.problem import Problem
from gnomon.core.workload import Node, Workload

_PADDING = "padding is kept with the input and read like the rest of it"
_HIDDEN = "attention computes the scores that its mask hides too: a mapping covers whole boxes"
_EXPERTS = "the rows of a mixture of experts are spread evenly over the experts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One problem, and how often a workload has it."""

    problem: Problem
    count: int  # times in one pass
    nodes: tuple[str, ...]  # of the graph; each may be repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """What of a workload runs on a spatial accelerator."""

    layers: tuple[Layer, ...]  # no two of one problem, in the order of the graph
    left_out: tuple[tuple[str, int], ...]  # family of operators -> how many of a pass have no mapping
    assumptions: tuple[str, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the pass."""
        return sum(layer.count * layer.problem.macs for layer in self.layers)


def layers(workload: Workload) -> Layers:
    """The problems of a workload. Unsupported where a product of it is none that is known here."""
    counts: dict[tuple[object, ...], int] = {}
    nodes: dict[tuple[object, ...], dict[str, None]] = {}
    problems: dict[tuple[object, ...], Problem] = {}
    left_out: Counter[str] = Counter()
    assumptions: dict[str, None] = {}
    for node in workload.nodes:
        if node.op.unit == "vector":
            left_out[node.op.family] += node.repeat
            continue
        for problem, times in products(node):
            key = (*problem.bounds.items(), *problem.spaces)
            problems.setdefault(key, problem)
            counts[key] = counts.get(key, 0) + times * node.repeat
            nodes.setdefault(key, {})[node.name] = None
        assumptions.update(dict.fromkeys(_assumed(node)))
    if left_out:
        told = ", ".join(f"{count} of {family}" for family, count in left_out.items())
        assumptions[f"operators that are no products have no mapping, and cost nothing here: {told}"] = None
    return Layers(
        layers=tuple(
            Layer(problem=problem, count=counts[key], nodes=tuple(nodes[key])) for key, problem in problems.items()
        ),
        left_out=tuple(left_out.items()),
        assumptions=tuple(assumptions),
    )


def products(node: Node) -> Iterator[tuple[Problem, int]]:
    """The problems of one copy of a node, and how often it has each. Unsupported where it has none that is known here."""
    match node.op:
        case MatMul() as op:
            yield product(m=op.m, n=op.n, k=op.k, batch=op.batch), 1
        case GroupedMatMul() as op:
            yield from _of_experts(op)
        case Conv() as op if op.direction == "forward" and not op.is_transposed and len(op.in_size) < 3:
            yield _convolution(op), 1
        case Attention() as op if not op.is_backward:
            yield from _of_attention(op)
        case _:
            raise Unsupported(
                f"{node.name}: no problem is made of {_in_words(node)}; products, attention and convolutions over one or two "
                "dimensions are mapped, forward"
            )


def _convolution(op: Conv) -> Problem:
    ones = (1,) * len(op.in_size)
    return convolution(
        batch=op.batch,
        c_in=op.c_in,
        c_out=op.c_out,
        kernel=_pair(op.kernel),
        out_size=_pair(op.out_size),
        stride=_pair(op.stride or ones),
        dilation=_pair(op.dilation or ones),
        groups=op.groups,
    )


def _pair(sizes: tuple[int, ...]) -> Pair:
    """Rows and columns; a line is an image of one row."""
    return (sizes[0], sizes[1]) if len(sizes) == 2 else (1, sizes[0])


def _of_experts(op: GroupedMatMul) -> Iterator[tuple[Problem, int]]:
    """A product for each expert that has rows; some have one row more than the others."""
    rows, further = divmod(op.tokens * op.chosen, op.groups)
    for experts, each in ((further, rows + 1), (op.groups - further, rows)):
        if experts and each:
            m, n, k = (op.k, op.n, each) if op.is_weight_gradient else (each, op.n, op.k)
            yield product(m=m, n=n, k=k, batch=experts), 1


def _of_attention(op: Attention) -> Iterator[tuple[Problem, int]]:
    """Queries by keys and scores by values, a group for each head of keys: its queries are rows of one product."""
    groups, rows, keys = op.batch * op.kv_heads, op.q_len * op.heads // op.kv_heads, _keys(op)
    yield product(m=rows, k=op.head_dim, n=keys, batch=groups), 1
    yield product(m=rows, k=keys, n=op.value_width, batch=groups), 1


def _keys(op: Attention) -> int:
    return op.seen_kv_len if op.is_fused else op.kv_len


def _assumed(node: Node) -> Iterator[str]:
    """What the problems of a node take for granted."""
    match node.op:
        case Conv(padding=padding) if any(padding):
            yield _PADDING
        case GroupedMatMul():
            yield _EXPERTS
        case Attention() as op if op.pairs < op.q_len * _keys(op):
            yield _HIDDEN


def _in_words(node: Node) -> str:
    match node.op:
        case Conv() as op if op.direction != "forward":
            return f"the {op.direction} of a convolution"
        case Conv(is_transposed=True):
            return "a transposed convolution"
        case Conv() as op:
            return f"a convolution over {len(op.in_size)} dimensions"
        case Attention():
            return "the gradient of attention"
    return f"the operator {type(node.op).__name__}"
