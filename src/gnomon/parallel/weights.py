"""How many weights nodes have, trained and frozen, and those of experts apart: fewer replicas hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gnomon.core.op import GroupedMatMul
from gnomon.core.workload import Node
from gnomon.parallel.low_rank import is_trained


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Of some nodes on one device."""

    dense: int = 0  # trained
    experts: int = 0  # trained
    stored_bytes: float = 0.0  # of all, trained and frozen, in their working format
    expert_bytes: float = 0.0  # of these, the experts'

    def __add__(self, other: Weights) -> Weights:
        return Weights(
            dense=self.dense + other.dense,
            experts=self.experts + other.experts,
            stored_bytes=self.stored_bytes + other.stored_bytes,
            expert_bytes=self.expert_bytes + other.expert_bytes,
        )

    def __mul__(self, copies: int) -> Weights:
        return Weights(
            dense=self.dense * copies,
            experts=self.experts * copies,
            stored_bytes=self.stored_bytes * copies,
            expert_bytes=self.expert_bytes * copies,
        )

    @property
    def trained(self) -> int:
        return self.dense + self.experts


def weights_of(nodes: Sequence[Node], lora_rank: int | None) -> Weights:
    """The weights of nodes, one copy of each."""
    total = Weights()
    for node in nodes:
        count = node.op.parameters
        is_of_experts = isinstance(node.op, GroupedMatMul)
        trained = count if is_trained(node, lora_rank) else 0
        total += Weights(
            dense=0 if is_of_experts else trained,
            experts=trained if is_of_experts else 0,
            stored_bytes=node.op.weight_bytes,
            expert_bytes=node.op.weight_bytes if is_of_experts else 0.0,
        )
    return total
