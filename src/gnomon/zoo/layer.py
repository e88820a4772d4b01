"""Equal layers of a decoder under construction: where their nodes go, and what each of them is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from gnomon.core.op import MatMul, Norm, Op
from gnomon.core.plan import Plan
from gnomon.zoo.decoder_shape import Decoder
from gnomon.zoo.graph import Graph, activation_dtype, full_linear, linear


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Equal layers, one after another, as one that is repeated."""

    graph: Graph  # where their nodes go: `Graph.repeated`
    config: Decoder
    plan: Plan
    queries: int  # new tokens of each sequence
    keys: int  # tokens of each that the last query sees, without a window
    window: int | None
    has_experts: bool

    @property
    def tokens(self) -> int:
        """New tokens of all sequences."""
        return self.plan.batch * self.queries

    @property
    def act(self) -> str:
        """Format of activations."""
        return activation_dtype(self.plan)

    def add(self, name: str, op: Op, *, after: tuple[str, ...] | None = None) -> str:
        """Append a node of the layer and return its name."""
        return self.graph.add(name, op, after=after)

    def elementwise(self, name: str, function: str, elements: int, *, after: tuple[str, ...] | None = None) -> str:
        """Append a function of one array, or of as many arrays as `after` names."""
        return self.graph.elementwise(name, function, elements, self.act, after=after)

    def norm(self, name: str, after: tuple[str, ...] | None = None) -> str:
        """Append a norm of the residual stream."""
        return self.add(name, stream_norm(self.config, self.tokens, self.act), after=after)

    def linear(self, inputs: int, outputs: int, *, has_bias: bool = False) -> MatMul:
        """A linear layer of every new token, outside the experts."""
        is_full = self.config.quantised == "experts"
        return (full_linear if is_full else linear)(self.tokens, inputs, outputs, self.plan, has_bias=has_bias)


def stream_norm(config: Decoder, tokens: int, act: str) -> Norm:
    """A norm of the residual stream."""
    has = config.norm_has_parameters
    return Norm(
        rows=tokens,
        columns=config.hidden,
        kind=config.norm,
        dtype=act,
        has_weight=has,
        has_bias=has and config.norm == "layer",
    )
