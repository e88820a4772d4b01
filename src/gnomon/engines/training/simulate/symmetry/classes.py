"""A cluster by classes: one rank of each class is simulated, by the rules by which all are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gnomon.engines.training.simulate.aware import LINK_CLASSES
from gnomon.engines.training.simulate.clock import Clock
from gnomon.engines.training.simulate.given import Given
from gnomon.engines.training.simulate.outcome import How, Simulation, result_of
from gnomon.engines.training.simulate.symmetry.alike import NotAlike, check_kinds, distinct, programs
from gnomon.engines.training.simulate.symmetry.fold import fold_of
from gnomon.engines.training.simulate.symmetry.order import WatchedAgenda, WatchedRank
from gnomon.engines.training.simulate.symmetry.seats import Phases
from gnomon.engines.training.simulate.symmetry.spans import FoldedTraffic
from gnomon.engines.training.simulate.unaware import Unaware


def by_classes(given: Given) -> Simulation:
    """Run one rank of each class. NotAlike, BadInput, Unsupported."""
    traces = distinct(given.trace.ranks)
    check_kinds(given, traces)
    fold = fold_of(programs(given, traces), given.fabric, given.rules)
    clock, is_aware = Clock(), given.backend == "aware"
    counted = partial(FoldedTraffic, weight=fold.weight)
    network = Unaware(given.fabric, clock, counted)  # with congestion all is in closed form
    traffic = _classes_of_links(given, counted) if is_aware else network.traffic
    agendas = {number: WatchedAgenda(clock) for number in fold.ranks}
    phases = Phases(given, fold, agendas, [one for one in traffic if isinstance(one, FoldedTraffic)])
    cluster = given.cluster(clock, network, phases.run)
    ranks = [WatchedRank(number, given.trace.ranks[number], cluster, agendas[number]) for number in fold.ranks]
    for rank in ranks:
        rank.begin()
    clock.run()
    if any(rank.end_ns is None for rank in ranks):
        raise NotAlike("ranks never end")
    results = list(map(result_of, ranks))
    return Simulation(
        ranks=tuple(map(results.__getitem__, fold.stand_ins().tolist())),
        traffic=tuple(
            one.settle(given.fabric.dimensions[one.dimension].npus, has_links=is_aware)
            for one in traffic
            if isinstance(one, FoldedTraffic)
        ),
        unreceived=tuple(cluster.messages.arrived),
        how=How(ranks=len(ranks), closed_phases=phases.closed, why_all=None),
    )


def _classes_of_links(given: Given, counted: Callable[[int, str], FoldedTraffic]) -> list[FoldedTraffic]:
    return [counted(at, name) for at, one in enumerate(given.fabric.dimensions) for name in LINK_CLASSES[one.wiring]]
