"""The backward pass of a graph: for each operator, the operators that compute its gradients.

Rules follow torch's eager autograd without dropout; gradients of parameters are written once. Source of the counts:
Narayanan et al. 2021, appendix (backward of a product costs two products); Dao et al. 2022 for fused attention.
"""

from __future__ import annotations

from dataclasses import replace

from gnomon.core.elementwise import FUNCTIONS
from gnomon.core.errors import Unsupported
from gnomon.core.op import (
    AdamStep,
    Attention,
    Conv,
    Elementwise,
    Gather,
    GroupedMatMul,
    MatMul,
    Norm,
    Op,
    Pool,
    Softmax,
)
from gnomon.core.workload import Node


def gradient_ops(op: Op, needs_input_gradient: bool = True) -> tuple[tuple[str, Op], ...]:
    """Operators that compute the gradients of `op`, each with a suffix for its name.

    `needs_input_gradient` is false for the first layer of an image model: nothing asks for the image's gradient.
    """
    match op:
        case MatMul():
            to_left = replace(op, n=op.k, k=op.n, has_bias=False, is_tied=True)
            to_right = MatMul(
                batch=op.batch, m=op.k, n=op.n, k=op.m, dtype=op.dtype, out_dtype=op.out_dtype, is_weight=False
            )
            both = (("grad_input", to_left), ("grad_weight", to_right))
            return both if needs_input_gradient else both[1:]
        case GroupedMatMul():
            to_input = replace(op, n=op.k, k=op.n, has_bias=False, is_tied=True)
            to_weight = replace(op, has_bias=False, is_weight_gradient=True)
            return (("grad_input", to_input), ("grad_weight", to_weight))
        case Conv():
            both_conv = (
                ("grad_input", replace(op, direction="input gradient", has_bias=False)),
                ("grad_weight", replace(op, direction="weight gradient", has_bias=False)),
            )
            return both_conv if needs_input_gradient else both_conv[1:]
        case Attention() | Norm() | Softmax() | Gather() | Pool():
            return (("grad", replace(op, is_backward=True)),)
        case Elementwise():
            rule = FUNCTIONS[op.function]
            gradient = replace(op, inputs=rule.gradient_reads, outputs=rule.gradient_writes, weights=0)
            return (("grad", gradient),)
    raise Unsupported(f"no backward rule for operator {type(op).__name__}; add one in core/backward.py")


def with_backward(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Forward nodes, then the gradients of each in reverse order."""
    consumers: dict[str, list[str]] = {node.name: [] for node in nodes}
    for node in nodes:
        for source in node.after:
            consumers[source].append(node.name)
    backward: list[Node] = []
    last_gradient: dict[str, str] = {}
    for node in reversed(nodes):
        after = tuple(last_gradient[name] for name in consumers[node.name] if name in last_gradient) or (node.name,)
        is_first = not node.after and not isinstance(node.op, Gather)
        for suffix, op in gradient_ops(node.op, needs_input_gradient=not is_first):
            name = f"{node.name}.{suffix}"
            backward.append(Node(name=name, op=op, after=after, repeat=node.repeat, phase="backward"))
            last_gradient.setdefault(node.name, name)
    return (*nodes, *backward)


def with_optimizer(nodes: tuple[Node, ...], parameters: int, gradient_dtype: str) -> tuple[Node, ...]:
    """Forward and backward nodes, then one Adam update of all parameters."""
    step = AdamStep(weights=parameters, gradient_dtype=gradient_dtype)
    return (*nodes, Node(name="optimizer", op=step, after=(nodes[-1].name,), phase="update"))
