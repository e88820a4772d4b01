"""A phase of a chunk in closed form, where all members do the same at the same time.

The equations count the steps of the machines in `algorithms/` and take from them how many there are, of which bytes, and which of
them sum. [astra-sim 518bd51, Ring.cc, AllToAll.cc, HalvingDoubling.cc]
"""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from gnomon.core.cluster_rules import Algorithm, AlgorithmName, ClusterRules
from gnomon.core.trace import CollectiveKind
from gnomon.engines.training.simulate.algorithms import direct, halving_doubling, ring
from gnomon.engines.training.simulate.endpoint import hand_over_ns, reduction_ns
from gnomon.engines.training.simulate.phase import Phase
from gnomon.engines.training.simulate.symmetry.crossing import Crossing, Crossings


class Train(NamedTuple):
    """Messages of a rank, one after the other."""

    first_ns: int  # since the phase began
    period_ns: int
    repeats: int
    copies: int  # sent at once
    message_bytes: int
    crossing: Crossing


class Course(NamedTuple):
    """How a phase goes."""

    time_ns: int
    last_ns: int  # of it, the last delay at the endpoint
    trains: tuple[Train, ...]


def course(phase: Phase, crossings: Crossings, rules: ClusterRules) -> Course | None:
    """Of a phase; None where there is no equation for it. BadInput."""
    assert isinstance(phase.algorithm, Algorithm)
    match phase.algorithm.name:
        case AlgorithmName.RING:
            return ring_course(phase, crossings, rules)
        case AlgorithmName.DIRECT:
            return direct_course(phase, crossings, rules)
        case AlgorithmName.HALVING_DOUBLING:
            return halving_doubling_course(phase, crossings, rules)
    return None


class RingSteps(NamedTuple):
    """What a ring does: steps with a sum where there are any, then those without."""

    delay_ns: int  # at the endpoint
    crossing: Crossing
    sum_ns: int
    sums: int  # of the steps, the first
    steps: int
    message_bytes: int

    @property
    def last_ns(self) -> int:
        return self.sum_ns if self.steps == self.sums else self.delay_ns


def ring_steps(phase: Phase, crossings: Crossings, rules: ClusterRules) -> RingSteps | None:
    """Those of a phase; None where not all messages take one time."""
    ranks, message_bytes = len(phase.members), ring.message_bytes(phase)
    crossing = crossings.of(phase, 1, message_bytes)
    if crossing is None or not message_bytes:
        return None
    sums = ranks - 1 if phase.kind in (CollectiveKind.ALL_REDUCE, CollectiveKind.REDUCE_SCATTER) else 0
    return RingSteps(
        delay_ns=hand_over_ns(phase.is_local, rules),
        crossing=crossing,
        sum_ns=reduction_ns(message_bytes, rules) if sums else 0,
        sums=sums,
        steps=ring.steps(phase.kind, ranks),
        message_bytes=message_bytes,
    )


def ring_course(phase: Phase, crossings: Crossings, rules: ClusterRules) -> Course | None:
    """A ring of n whose members begin together.

    e + s (c + e) + (n - 1) r, with s of `ring.steps`, c of a message and r of its sum
    """
    made = ring_steps(phase, crossings, rules)
    if made is None:
        return None
    delay_ns, crossing, sum_ns, sums, steps, message_bytes = made
    step_ns = crossing.time_ns + delay_ns
    trains = (
        Train(delay_ns, step_ns + sum_ns, sums, 1, message_bytes, crossing),
        Train(delay_ns + sums * (step_ns + sum_ns), step_ns, steps - sums, 1, message_bytes, crossing),
    )
    time_ns = delay_ns + steps * step_ns + sums * sum_ns
    return Course(time_ns, made.last_ns, tuple(one for one in trains if one.repeats))


def direct_course(phase: Phase, crossings: Crossings, rules: ClusterRules) -> Course | None:
    """All to all at once, in an all-reduce twice: e + (c + e + r), c of the slowest, with r where the messages are summed."""
    others, message_bytes = len(phase.members) - 1, ring.message_bytes(phase)
    halves = 2 if phase.kind is CollectiveKind.ALL_REDUCE else 1
    if direct.at_once(phase) < others or not message_bytes:
        return None
    kinds = crossings.for_all(phase, message_bytes)
    if not kinds or (len(kinds) > 1 and halves > 1):  # the second half begins message by message
        return None
    turns, delay_ns = direct.turns(phase), hand_over_ns(phase.is_local, rules)
    now_ns, last_ns, trains = delay_ns, delay_ns, []
    for half in range(halves):
        trains += [Train(now_ns, 0, 1, count, message_bytes, crossing) for crossing, count in kinds.items()]
        reduces = turns.hand_over((half + 1) * others, message_bytes).reduces
        last_ns = reduction_ns(message_bytes, rules) if reduces else delay_ns
        now_ns += max(crossing.time_ns for crossing in kinds) + delay_ns + (last_ns if reduces else 0)
    return Course(now_ns, last_ns, tuple(trains))


def halving_doubling_course(phase: Phase, crossings: Crossings, rules: ClusterRules) -> Course | None:
    """Halving and doubling: e, then for each message c + e, and the sum of the packet that is made when it comes."""
    ranks = len(phase.members)
    if ranks & (ranks - 1) or phase.kind is CollectiveKind.ALL_TO_ALL:
        return None
    count, turns = halving_doubling.steps(phase), halving_doubling.turns(phase)
    delay_ns = hand_over_ns(phase.is_local, rules)
    packets = list(islice(halving_doubling.packets(phase), count + 1))
    now_ns, last_ns, trains = delay_ns, delay_ns, []
    for at, (distance, message_bytes) in enumerate(packets[:count], start=1):
        crossing = crossings.of(phase, distance, message_bytes)
        if crossing is None or not message_bytes:
            return None
        trains.append(Train(now_ns, 0, 1, 1, message_bytes, crossing))
        next_bytes = packets[at][1]
        reduces = turns.hand_over(at, next_bytes).reduces
        last_ns = reduction_ns(next_bytes, rules) if reduces else delay_ns
        now_ns += crossing.time_ns + delay_ns + (last_ns if reduces else 0)
    return Course(now_ns, last_ns, tuple(trains))
