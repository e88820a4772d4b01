"""Times of exchanges as ASTRA-sim has them: each simulated alone, every member beginning at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import ceil

import numpy as np
from numpy.typing import NDArray

from gnomon.core.exchange import Exchange, ExchangeKind
from gnomon.core.system import Dimension, System
from gnomon.core.trace import ClusterTrace, NodeKind, RankTrace, TraceNode
from gnomon.engines.training.simulate.given import Given
from gnomon.engines.training.simulate.simulate import simulate
from gnomon.engines.training.simulate.statistics import total_ns
from gnomon.parallel.as_trace import COLLECTIVES, PLACE, comm_bytes, fabric_of, rules

_NS_PER_S = 1e9


class AstraSimExchanges:
    """Times of exchanges by ASTRA-sim's rules, every member beginning at once."""

    is_simulated = True

    def exchange_times_s(self, exchanges: Sequence[Exchange], system: System) -> NDArray[np.float64]:
        """Seconds of each exchange alone `(exchanges,)`: as simulated, in whole nanoseconds."""
        return np.array([_alone_ns(one, system) for one in exchanges]) / _NS_PER_S

    def exchange_intervals_s(self, exchanges: Sequence[Exchange], system: System, times_s: NDArray[np.float64]) -> None:
        """None: a simulation of rules has no calibration."""
        return


def _alone_ns(exchange: Exchange, system: System) -> int:
    grid = exchange.grid or tuple((count, at) for at, count in enumerate(exchange.spread) if count > 1)
    sizes = tuple((count, system.dimensions[at]) for count, at in grid)
    if not sizes:
        return 0
    memory = system.device.memory_bytes_per_s.value
    if exchange.kind == "send":  # charged in the innermost dimension in which the two differ
        return _sent_ns(ceil(exchange.size_bytes), sizes[0][1], memory)
    return _collective_ns(
        exchange.kind, comm_bytes(exchange.kind, exchange.size_bytes, exchange.members), sizes, memory
    )


@cache
def _collective_ns(kind: ExchangeKind, put_in: int, sizes: tuple[tuple[int, Dimension], ...], memory: float) -> int:
    fabric = fabric_of(sizes)
    node = TraceNode(id=0, name=kind, kind=NodeKind.COLLECTIVE, collective=COLLECTIVES[kind], comm_bytes=put_in)
    trace = RankTrace(nodes=(node,), place=PLACE)
    given = Given(
        trace=ClusterTrace(ranks=(trace,) * fabric.npus),
        fabric=fabric,
        rules=rules(len(sizes), memory),
    )
    return total_ns(simulate(given))


@cache
def _sent_ns(size: int, dimension: Dimension, memory: float) -> int:
    fabric = fabric_of([(2, dimension)])
    ranks = [
        RankTrace(
            nodes=(TraceNode(id=0, name=kind.name, kind=kind, source=0, destination=1, tag=0, comm_bytes=size),),
            place=PLACE,
        )
        for kind in (NodeKind.SEND, NodeKind.RECV)
    ]
    given = Given(trace=ClusterTrace(ranks=ranks), fabric=fabric, rules=rules(1, memory))
    return total_ns(simulate(given))
