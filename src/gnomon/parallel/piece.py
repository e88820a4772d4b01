"""A forward pass as one device runs it: nodes with its share of the work, and between them what it exchanges."""

from __future__ import annotations

from dataclasses import dataclass

from gnomon.core.exchange import ExchangeKind
from gnomon.core.training_plan import GroupAxis
from gnomon.core.workload import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisExchange:
    """A collective of the devices that differ along one axis of the plan alone, or a message along it."""

    axis: GroupAxis
    kind: ExchangeKind
    size_bytes: float  # as in core.exchange.Exchange
    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """Between two nodes, where what is divided in one way becomes divided in another."""

    name: str
    repeat: int  # as of the nodes beside it
    forward: tuple[AxisExchange, ...] = ()  # in order
    backward: tuple[AxisExchange, ...] = ()  # when the gradient passes the other way


Piece = Node | Boundary
