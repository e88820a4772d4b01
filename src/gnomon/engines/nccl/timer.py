"""Times of exchanges as NCCL makes them: the fastest of its algorithms, or a given one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.exchange import EXCHANGE_KINDS, Exchange
from gnomon.core.system import Dimension, System
from gnomon.engines.nccl.equations import (
    Array,
    crowded,
    double_tree_all_reduce_s,
    halving_doubling_all_reduce_s,
    in_switch_all_reduce_s,
    pairs_s,
    pipelined_s,
    ring_s,
)
from gnomon.engines.nccl.link_fit import PROTOCOLS, LinkFit, LinkFits, kind_of_link, shipped

Numbers = NDArray[np.float64]
Algorithm = Literal["ring", "tree", "in-switch", "halving-doubling"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
_CHOSEN: tuple[Algorithm, ...] = (
    "ring",
    "tree",
    "in-switch",
)  # what the library chooses from; it has no halving-doubling

UNSEEN, KNOWN = "unseen", "known"  # bands around predictions of machines whose links no row is of, or some are
SMALL_BYTES, LARGE_BYTES = 2**16, 2**23  # where bands around predictions part: latency counts, both do, bandwidth does


class NcclTimer:
    """Answers for every system whose network is described. The numbers of links that rows know are fitted to them."""

    name = "nccl"
    is_simulated = False
    cites = (
        "Patarasuk & Yuan 2009, Bandwidth optimal all-reduce algorithms for clusters of workstations, JPDC 69(2)",
        "Thakur, Rabenseifner & Gropp 2005, Optimization of collective communication operations in MPICH, IJHPCA 19(1)",
        "Sanders, Speck & Träff 2009, Two-tree algorithms for full bandwidth broadcast, reduction and scan, Parallel Computing 35(12)",
        "Klenk et al. 2020, An in-network architecture for accelerating shared-memory multiprocessor collectives, ISCA",
    )

    def __init__(self, *, algorithm: Algorithm | None = None, links: LinkFits | None = None) -> None:
        """algorithm: of every all-reduce; the fastest that the network allows where None. links: the shipped ones."""
        if algorithm is not None and algorithm not in ALGORITHMS:
            raise BadInput(f"unknown algorithm {algorithm!r} (known: {', '.join(ALGORITHMS)})", field="algorithm")
        self.algorithm = algorithm
        self.links = links or shipped()

    def exchange_times_s(self, exchanges: Sequence[Exchange], system: System) -> Numbers:
        """Seconds of each exchange alone `(exchanges,)`. BadInput for one that the system cannot make, Unsupported."""
        times = np.zeros(len(exchanges))
        alike: dict[tuple[object, ...], list[int]] = {}
        for at, exchange in enumerate(exchanges):
            check(exchange, system)
            if exchange.members > 1:
                alike.setdefault((exchange.kind, exchange.spread, exchange.dtype), []).append(at)
        for places in alike.values():
            sizes = np.array([exchanges[at].size_bytes for at in places], dtype=np.float64)
            times[places] = self._times_s(exchanges[places[0]], sizes, system)
        return times

    def exchange_intervals_s(
        self, exchanges: Sequence[Exchange], system: System, times_s: Numbers
    ) -> tuple[Numbers, Numbers] | None:
        """Low and high ends of the 90 % intervals; None for a given algorithm and for systems with overridden numbers.

        Those of a system with a kind of link that rows know are of numbers of members left out of the fit, those of others
        of devices left out.
        """
        numbers = [n for d in system.dimensions for n in (d.bandwidth_bytes_per_s, d.latency_s)]
        if self.algorithm is not None or any(n.kind == "override" for n in numbers) or not self.links.bands:
            return None
        is_known = np.array([all(map(self.links.knows, _used(one, system))) for one in exchanges], dtype=np.bool_)
        low, high = self.links.bands[UNSEEN].ends_s(times_s, _strata(exchanges, system, UNSEEN))
        known_low, known_high = self.links.bands[KNOWN].ends_s(times_s, _strata(exchanges, system, KNOWN))
        return np.where(is_known, known_low, low), np.where(is_known, known_high, high)

    def outside(self, exchanges: Sequence[Exchange], system: System) -> tuple[str, ...]:
        """Why the answers are extrapolation."""
        used = {d.name: d for one in exchanges for d in _used(one, system)}
        reasons = [
            f"never measured on {d.name}: the numbers of other links are used"
            for d in used.values()
            if not self.links.knows(d)
        ]
        if any(any(members > 1 for members in one.spread[1:]) for one in exchanges if one.kind != "send"):
            reasons.append("no measured collectives between nodes are in the fit")
        return tuple(reasons)

    def _times_s(self, like: Exchange, sizes: Numbers, system: System) -> Numbers:
        """Seconds of exchanges that differ in size alone, of two members or more."""
        levels = [
            Level(members=m, dimension=d.part(m), fit=self.links.of(d), is_node=at == 0)
            for at, (m, d) in enumerate(zip(like.spread, system.dimensions, strict=True))
            if m > 1
        ]
        match like.kind:
            case "send":
                return _send_s(sizes, levels)
            case "all-to-all":
                return _pairs_s(sizes, levels)
            case "all-gather" | "reduce-scatter":
                return _ring_s(sizes, levels, passes=1)
            case "all-reduce":
                wanted = _CHOSEN if self.algorithm is None else (self.algorithm,)
                found = [time for name in wanted if (time := _ALL_REDUCE[name](sizes, levels, like.dtype)) is not None]
                if not found:
                    where = ", ".join(one.dimension.name for one in levels)
                    raise Unsupported(f"{self.algorithm}: {where} of {system.name} does not add up {like.dtype}")
                return np.asarray(np.min(found, axis=0))


def _used(exchange: Exchange, system: System) -> list[Dimension]:
    """The levels that an exchange crosses."""
    return [d for members, d in zip(exchange.spread, system.dimensions, strict=False) if members > 1]


def stratum(exchange: Exchange, system: System, bands: str) -> str:
    """Which band a prediction is in: by size, and among KNOWN ones by the family of the outermost link that is used."""
    size = exchange.size_bytes
    named = "small" if size < SMALL_BYTES else "medium" if size < LARGE_BYTES else "large"
    used = _used(exchange, system)
    return f"{kind_of_link(used[-1].name).split()[0]}/{named}" if bands == KNOWN and used else named


def _strata(exchanges: Sequence[Exchange], system: System, bands: str) -> NDArray[np.str_]:
    return np.array([stratum(one, system, bands) for one in exchanges], dtype=np.str_)


def check(exchange: Exchange, system: System) -> None:
    """BadInput for an exchange that the system cannot make; Unsupported where its network is not described."""
    if exchange.kind not in EXCHANGE_KINDS:
        raise BadInput(f"unknown collective {exchange.kind!r} (known: {', '.join(EXCHANGE_KINDS)})")
    if not (exchange.size_bytes >= 0 and np.isfinite(exchange.size_bytes)):
        raise BadInput(f"{exchange.kind} of {exchange.size_bytes:g} bytes: a size is 0 or more")
    if exchange.members > 1 and not system.dimensions:
        raise Unsupported(f"the network of {system.name} is not described: name a system (`gnomon list systems`)")
    if exchange.members > system.count:
        raise BadInput(f"{exchange.kind} of {exchange.members} devices: {system.name} has {system.count}")
    if exchange.members > 1 and len(exchange.spread) != len(system.dimensions):
        raise BadInput(
            f"{exchange.kind} spread over {len(exchange.spread)} levels: {system.name} has {len(system.dimensions)}"
        )
    if exchange.kind == "send" and exchange.members > 2:
        raise BadInput(f"send of {exchange.members} devices: a message is between two")
    for members, d in zip(exchange.spread, system.dimensions, strict=False):
        if not 1 <= members <= d.size:
            raise BadInput(f"{exchange.kind} of {members} along {d.name}, which joins {d.size} in {system.name}")
        if not d.bandwidth_bytes_per_s.value > 0 or not d.latency_s.value >= 0:
            raise BadInput(
                f"{d.name} of {system.name}: a bandwidth is above 0 and a latency 0 or more, "
                f"not {d.bandwidth_bytes_per_s.value:g} B/s and {d.latency_s.value:g} s"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A level that an exchange crosses."""

    members: int  # along it, two or more
    dimension: Dimension  # with those members
    fit: LinkFit  # what rows tell of its links
    is_node: bool  # the innermost of the system

    @property
    def line_rate(self) -> float:
        """Bytes per second of one device, per direction."""
        return self.dimension.bandwidth_bytes_per_s.value


def _rate(levels: Sequence[Level], protocol: int) -> float:
    """Bytes per second around a ring of all members: at each level all devices of a group below send across together."""
    below, found = 1, []
    for one in levels:
        share = one.fit.rate * one.fit.protocols()[protocol][1]
        found.append(below * float(crowded(one.line_rate * share, one.members, one.fit.crowding)))
        below *= one.members
    return min(found)


def _ring_s(sizes: Numbers, levels: Sequence[Level], passes: int) -> Numbers:
    """Seconds of the fastest protocol on a ring; `passes` around it: two of an all-reduce.

    Of all steps those that cross a level are as many as the groups that it joins, less one. [NCCL, src/graph/tuning.cc]
    """
    total, fit = prod(one.members for one in levels), levels[0].fit
    times: list[Array] = []
    for protocol in range(len(PROTOCOLS)):
        hops, below = 0.0, total
        for one in levels:
            outwards = below // one.members  # groups of this level: steps that cross levels further out are one less
            hops += (below - outwards) * one.fit.protocols()[protocol][0]
            below = outwards
        moved = ring_s(passes * (total - 1), total, sizes, _rate(levels, protocol), 0.0, fit.ends)
        times.append(fit.launch_s + passes * hops + _filled_s(moved, fit.fill_s, protocol))
    return np.asarray(np.min(np.array(times), axis=0))


def _filled_s(moved_s: Array, fill_s: float, protocol: int) -> Array:
    """Seconds with the start-up of pieces, which flags within the data spare LL and LL128."""
    return pipelined_s(moved_s, fill_s) if PROTOCOLS[protocol] == "Simple" else moved_s


def _ring_all_reduce_s(sizes: Numbers, levels: Sequence[Level], dtype: str) -> Numbers:
    return _ring_s(sizes, levels, passes=2)


def _tree_all_reduce_s(sizes: Numbers, levels: Sequence[Level], dtype: str) -> Numbers:
    """Seconds of NCCL's trees: a chain within a node, two binary trees between nodes, all links of a node in use."""
    fit = levels[0].fit
    times: list[Array] = []
    outer = prod(one.members for one in levels if not one.is_node)
    for protocol in range(len(PROTOCOLS)):
        chain = sum(2 * (one.members - 1) * one.fit.protocols()[protocol][0] for one in levels if one.is_node)
        hop = levels[-1].fit.protocols()[protocol][0]
        between = 2 * np.ceil(np.log2(outer)) * hop
        moved = double_tree_all_reduce_s(2, sizes, _rate(levels, protocol), 0.0)
        times.append(fit.launch_s + chain + between + _filled_s(moved, fit.fill_s, protocol))
    return np.asarray(np.min(np.array(times), axis=0))


def _in_switch_all_reduce_s(sizes: Numbers, levels: Sequence[Level], dtype: str) -> Numbers | None:
    """Seconds of an all-reduce in the switch of one level; None where it does not add up that format."""
    one = levels[0]
    if len(levels) > 1 or dtype not in one.dimension.reduces or not one.fit.switch_rate > 0:
        return None
    rate = one.line_rate * one.fit.switch_rate
    return np.asarray(in_switch_all_reduce_s(one.members, sizes, rate, one.fit.switch_s))


def _halving_doubling_all_reduce_s(sizes: Numbers, levels: Sequence[Level], dtype: str) -> Numbers:
    """Seconds of Rabenseifner's algorithm in the Simple protocol, every step as slow as the slowest level's."""
    total = prod(one.members for one in levels)
    hop = max(one.fit.hop_simple_s for one in levels)
    rate = _rate(levels, PROTOCOLS.index("Simple"))
    return np.asarray(levels[0].fit.launch_s + halving_doubling_all_reduce_s(total, sizes, rate, hop))


_ALL_REDUCE: dict[Algorithm, Callable[[Numbers, Sequence[Level], str], Numbers | None]] = {
    "ring": _ring_all_reduce_s,
    "tree": _tree_all_reduce_s,
    "in-switch": _in_switch_all_reduce_s,
    "halving-doubling": _halving_doubling_all_reduce_s,
}


def _pairs_s(sizes: Numbers, levels: Sequence[Level]) -> Numbers:
    """Seconds of an all-to-all: LL while one pair's share is small, else Simple; the slowest level counts."""
    total, fit = prod(one.members for one in levels), levels[0].fit
    below = 1
    crossings: list[Array] = []
    for one in levels:
        rate = float(crowded(one.line_rate * one.fit.pairs_rate, one.members, one.fit.pairs_crowding))
        # What a member sends across this level and no further, and what of it stays in its own group.
        ends = one.fit.pairs_ends if below == 1 else 0.0
        crossings.append(pairs_s(one.members, sizes * below * one.members / total, rate, 0.0, ends))
        below *= one.members
    crossing = np.max(np.array(crossings), axis=0)
    hops = sum(one.fit.hop_simple_s for one in levels[1:])
    flagged = fit.pairs_launch_s + np.maximum(sizes / total / fit.pairs_ll_bytes_per_s, crossing)
    return np.asarray(hops + np.minimum(flagged, fit.pairs_simple_s + pipelined_s(crossing, fit.pairs_fill_s)))


def _send_s(sizes: Numbers, levels: Sequence[Level]) -> Numbers:
    """Seconds of a message over the outermost level that it crosses."""
    one = levels[-1]
    return np.asarray(one.fit.send_s + sizes / (one.line_rate * one.fit.send_rate))
