"""A cluster message by message, every rank of it."""

from __future__ import annotations

from gnomon.engines.training.simulate.clock import Agenda, Clock
from gnomon.engines.training.simulate.given import NETWORKS, Given
from gnomon.engines.training.simulate.outcome import How, Simulation, result_of
from gnomon.engines.training.simulate.rank import Rank
from gnomon.engines.training.simulate.stall import check_ended


def by_events(given: Given, why: str) -> Simulation:
    """Run a cluster until nothing is left to do. BadInput, Unsupported."""
    clock = Clock()
    network = NETWORKS[given.backend](given.fabric, clock)
    cluster = given.cluster(clock, network)
    ranks = [Rank(number, trace, cluster, Agenda(clock)) for number, trace in enumerate(given.trace.ranks)]
    for rank in ranks:
        rank.begin()
    clock.run()
    check_ended(ranks, cluster.messages)
    return Simulation(
        ranks=tuple(map(result_of, ranks)),
        traffic=tuple(network.traffic),
        unreceived=tuple(cluster.messages.arrived),
        how=How(ranks=len(ranks), closed_phases=0, why_all=why),
    )
