"""Writing a model down: nodes in order, formats by the plan, the backward pass and the update on top."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gnomon.core.backward import with_backward, with_optimizer
from gnomon.core.errors import Unsupported
from gnomon.core.op import Elementwise, MatMul, Op
from gnomon.core.plan import Plan
from gnomon.core.workload import Node, Workload

# Arithmetic of everything that is no large product, for plans in formats that only products use: fp8 and fp4 checkpoints
# keep activations in bf16, int8 and int4 ones in fp16 (model cards of the common quantised releases); tf32 is fp32 in memory.
_ACTIVATIONS = {"tf32": "fp32", "fp8": "bf16", "fp4": "bf16", "mxfp4": "bf16", "int8": "fp16", "int4": "fp16"}


GATED = ("silu_mul", "gelu_mul", "clamped_silu_mul")  # functions of an array and the gate beside it


def activation_dtype(plan: Plan) -> str:
    """Format of activations between products."""
    return _ACTIVATIONS.get(plan.dtype, plan.dtype)


def linear(
    tokens: int, inputs: int, outputs: int, plan: Plan, *, has_bias: bool = False, is_tied: bool = False
) -> MatMul:
    """A linear layer in the plan's formats."""
    return MatMul(
        m=tokens,
        n=outputs,
        k=inputs,
        dtype=plan.dtype,
        weight_dtype=plan.weight_dtype,
        out_dtype=activation_dtype(plan),
        has_bias=has_bias,
        is_tied=is_tied,
    )


def full_linear(
    tokens: int, inputs: int, outputs: int, plan: Plan, *, has_bias: bool = False, is_tied: bool = False
) -> MatMul:
    """A linear layer that quantised checkpoints leave in the activations' format: heads and routers."""
    dtype = "tf32" if plan.dtype == "tf32" else activation_dtype(plan)
    return MatMul(m=tokens, n=outputs, k=inputs, dtype=dtype, has_bias=has_bias, is_tied=is_tied)


@dataclass
class Graph:
    """Nodes added one after another; each follows the last one unless told otherwise."""

    nodes: list[Node] = field(default_factory=list)
    prefix: str = ""  # of the names of nodes added here
    copies: int = 1  # of every node added here

    def repeated(self, name: str, copies: int) -> Graph:
        """The same graph, for equal blocks one after another: nodes added there are `name.<node>`, each of them repeated."""
        return Graph(self.nodes, f"{self.prefix}{name}.", self.copies * copies)

    @property
    def last(self) -> str:
        return self.nodes[-1].name

    def add(self, name: str, op: Op, *, after: tuple[str, ...] | None = None) -> str:
        """Append a node and return its name, prefix included, as `after` takes it."""
        if after is None:
            after = (self.last,) if self.nodes else ()
        self.nodes.append(Node(name=self.prefix + name, op=op, after=after, repeat=self.copies))
        return self.last

    def elementwise(
        self, name: str, function: str, elements: int, dtype: str, *, after: tuple[str, ...] | None = None
    ) -> str:
        """Append a function of one array, or of as many arrays as `after` names."""
        inputs = 2 if function in GATED else len(after) if after else 1
        op = Elementwise(elements=elements, function=function, inputs=inputs, dtype=dtype)
        return self.add(name, op, after=after)

    def workload(
        self,
        name: str,
        plan: Plan,
        *,
        head: str,
        assumptions: tuple[str, ...],
        seq: int | None = None,
        context: int | None = None,
        outside: tuple[str, ...] = (),
        item: Literal["image", "token", "image step"] | None = None,
    ) -> Workload:
        """The graph as a workload, with the backward pass and the update that the plan's mode asks for.

        seq: new tokens of each sequence, None for images; context: tokens of each in the cache afterwards; item: what a
        throughput counts, None: tokens where there is a seq, images otherwise.
        """
        nodes = tuple(self.nodes)
        if is_training := plan.mode.startswith("forward+backward"):
            stored = plan.weight_dtype or plan.dtype
            if stored != plan.dtype or stored in ("int8", "int4", "fp4", "mxfp4"):
                raise Unsupported(
                    f"{name}: no rule for training with {stored} weights; use fp32, tf32, fp16, bf16 or fp8"
                )
            parameters = sum(node.op.parameters * node.repeat for node in nodes)
            nodes = with_backward(nodes)
            assumptions = (*assumptions, "training without dropout and without recomputation of activations")
            if plan.mode.endswith("+optimizer"):
                nodes = with_optimizer(nodes, parameters, activation_dtype(plan))
                assumptions = (*assumptions, "Adam, fused into one pass over the parameters")
        return Workload(
            name=name,
            mode=plan.mode,
            nodes=nodes,
            batch=plan.batch,
            dtype=plan.dtype,
            weight_dtype=plan.weight_dtype,
            gradient_dtype=activation_dtype(plan) if is_training else None,
            item=item or ("image" if seq is None else "token"),
            items=plan.batch * (seq or 1),
            seq=seq,
            context=context,
            head=head,
            assumptions=assumptions,
            outside=outside,
        )
