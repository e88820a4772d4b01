"""The equations of collectives. Arrays in, arrays out. See README.md for the argument and the symbols."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = float | NDArray[np.float64]  # arrays have one shape with the other arguments


def ring_all_reduce_s(members: Array, size_bytes: Array, bandwidth_bytes_per_s: Array, latency_s: Array) -> Array:
    """Seconds of a ring all-reduce: 2 (n-1) steps of 1/n of the array. [Patarasuk & Yuan 2009]

    2(n-1) a + 2(n-1)/n S/B: a reduce-scatter and an all-gather. No all-reduce moves less over one link of each member: the
    paper's lower bound. Zero for one member.
    """
    return ring_s(2 * (members - 1), members, size_bytes, bandwidth_bytes_per_s, 2 * (members - 1) * latency_s)


def ring_all_gather_s(members: Array, size_bytes: Array, bandwidth_bytes_per_s: Array, latency_s: Array) -> Array:
    """Seconds of a ring all-gather, or of a ring reduce-scatter: n-1 steps of 1/n of the array.

    (n-1) a + (n-1)/n S/B. [Thakur, Rabenseifner & Gropp 2005, the ring of the section on all-gather] Zero for one member.
    """
    return ring_s(members - 1, members, size_bytes, bandwidth_bytes_per_s, (members - 1) * latency_s)


def ring_s(
    steps: Array, members: Array, size_bytes: Array, bandwidth_bytes_per_s: Array, hops_s: Array, ends: Array = 0.0
) -> Array:
    """Seconds of `steps` around a ring, each of 1/n of the array: hops + (steps + e) S / (n B).

    ends: the e of a step at the ring's two ends that no other step hides, in steps. It is ours: the papers have none.
    """
    return hops_s + (steps + ends) / members * size_bytes / bandwidth_bytes_per_s


def halving_doubling_all_reduce_s(
    members: Array, size_bytes: Array, bandwidth_bytes_per_s: Array, latency_s: Array
) -> Array:
    """Seconds of Rabenseifner's all-reduce: recursive halving, then doubling. [Thakur, Rabenseifner & Gropp 2005]

    2 lg n a + 2(n-1)/n S/B; the arithmetic, their gamma, is left out. For powers of two; others take the next one's steps.
    """
    steps = 2 * np.ceil(np.log2(members))
    return steps * latency_s + 2 * (members - 1) / members * size_bytes / bandwidth_bytes_per_s


def double_tree_all_reduce_s(
    members: Array, size_bytes: Array, bandwidth_bytes_per_s: Array, latency_s: Array
) -> Array:
    """Seconds of an all-reduce on two binary trees, the inner nodes of one the leaves of the other. [Sanders et al. 2009]

    Half of the array goes up and down each tree, so that every member sends and receives it once on the way up and once on
    the way down: 2 lg n a + 2 S/B for long arrays, in pieces so small that filling the pipeline is free. Zero for one member.
    """
    several = np.where(np.asarray(members) > 1, 1.0, 0.0)
    return 2 * np.ceil(np.log2(members)) * latency_s + several * 2 * size_bytes / bandwidth_bytes_per_s


def in_switch_all_reduce_s(members: Array, size_bytes: Array, bandwidth_bytes_per_s: Array, latency_s: Array) -> Array:
    """Seconds of an all-reduce that the switch adds up. [Klenk et al. 2020, An in-network architecture, ISCA]

    Each member reads the sum of its 1/n from the switch, for which all send theirs, and writes it to all: it sends S + S/n,
    and receives as much: (1 + 1/n) S/B, against 2 (1 - 1/n) S/B of a ring.
    """
    return latency_s + (1 + 1 / members) * size_bytes / bandwidth_bytes_per_s


def pairs_s(
    members: Array, size_bytes: Array, bandwidth_bytes_per_s: Array, latency_s: Array, ends: Array = 0.0
) -> Array:
    """Seconds of an all-to-all, each member sending 1/n of what it holds to every other at once: a + (n-1+e)/n S/B.

    ends: the e of the share that a member keeps, which it copies, that the sends do not hide; ours, 0 in the paper. The pairwise exchange of [Thakur et al. 2005], whose n-1 start-ups one launch of the library begins together.
    """
    return latency_s + (members - 1 + ends) / members * size_bytes / bandwidth_bytes_per_s


def pipelined_s(moved_s: Array, fill_s: Array) -> Array:
    """Seconds to move an array in pieces of the best size, beyond its latency: t + 2 sqrt(f t).

    k pieces cost k f to start and leave 1/k of t unhidden: t + k f + t/k, least at k = sqrt(t/f). [Sanders et al. 2009 choose
    the pieces of their trees so] The rate that is reached rises with the size over decades, as measured ones do.
    """
    return moved_s + 2 * np.sqrt(fill_s * moved_s)


def crowded(bandwidth_bytes_per_s: Array, members: Array, crowding: Array) -> Array:
    """Bytes per second that each of n members has of a level where more of them share its paths: B (n/2)^-c.

    c is 0 where every member has a way of its own, as through an NVSwitch, and 1 where all share one. Ours, fitted.
    """
    shared: Array = np.power(np.asarray(members) / 2, -np.asarray(crowding))
    return bandwidth_bytes_per_s * shared
