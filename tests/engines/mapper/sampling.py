"""Mappings drawn at random, that use no more of the machine than there is of it."""

from __future__ import annotations

import random
from dataclasses import replace
from math import prod

from gnomon.core.accelerator import Accelerator
from gnomon.core.loop_nest import Loop, LoopNest
from gnomon.core.problem import Problem

_AXES = ("temporal", "spatial_x", "spatial_y")
_Place = tuple[int, str]  # level and axis


def drawn(
    problem: Problem, accelerator: Accelerator, like: LoopNest, rng: random.Random, *, is_ragged: bool = False
) -> LoopNest:
    """Every dimension in parts at random places, the loops of a place in random order; flags as of `like`.

    A part is of any size if they are to be ragged, and else one of the primes that divide the dimension.
    """
    places = [
        (level, axis)
        for level in range(len(like.tilings))
        for axis in ("spatial_x", "spatial_y", "temporal")
        if axis == "temporal" or accelerator.fanout(level)[_AXES.index(axis) - 1] > 1
    ]
    while True:
        parts = {
            dim: _ragged_parts(bound, places, rng) if is_ragged else _even_parts(bound, places, rng)
            for dim, bound in problem.bounds.items()
        }
        loops = {
            place: [Loop(dim=dim, count=of_dim[place][0], last=of_dim[place][1]) for dim, of_dim in parts.items()]
            for place in places
        }
        if all(
            prod(loop.count for loop in loops.get((level, axis), [])) <= accelerator.fanout(level)[at]
            for level in range(len(like.tilings))
            for at, axis in enumerate(_AXES[1:])
        ):
            break
    tilings = []
    for level, tiling in enumerate(like.tilings):
        found = {axis: [loop for loop in loops.get((level, axis), []) if loop.count > 1] for axis in _AXES}
        for one in found.values():
            rng.shuffle(one)
        tilings.append(replace(tiling, **{axis: tuple(one) for axis, one in found.items()}))
    return LoopNest(tilings=tuple(tilings))


def flagged(problem: Problem, nest: LoopNest, rng: random.Random) -> LoopNest:
    """A mapping with flags and memories passed by at random, but for the outermost memory, which keeps all."""
    names = [space.name for space in problem.spaces]

    def some(share: float) -> frozenset[str]:
        return frozenset(name for name in names if rng.random() < share)

    tilings = [
        replace(
            tiling,
            kept=tiling.kept if rng.random() < 0.5 else some(0.7),
            no_temporal_reuse=some(0.1),
            no_multicast=some(0.1),
            no_link_transfer=some(0.1),
            reads_first_update=some(0.1),
        )
        for tiling in nest.tilings
    ]
    return LoopNest(tilings=(*tilings[:-1], replace(tilings[-1], kept=frozenset(names))))


def _even_parts(bound: int, places: list[_Place], rng: random.Random) -> dict[_Place, tuple[int, int]]:
    """Iterations at each place, and those in the last pass."""
    counts = dict.fromkeys(places, 1)
    for prime in _primes(bound):
        counts[rng.choice(places)] *= prime
    return {place: (count, count) for place, count in counts.items()}


def _ragged_parts(bound: int, places: list[_Place], rng: random.Random) -> dict[_Place, tuple[int, int]]:
    """The same with parts of any size at up to three places, and the rest at one further outside."""
    parts, further = dict.fromkeys(places, (1, 1)), bound - 1  # the last index, in the units of what is outside
    chosen = sorted(rng.sample(range(len(places)), min(rng.randint(1, 4), len(places))))
    for at in chosen[:-1]:
        count = rng.randint(1, min(further + 1, rng.choice((3, 8, 32))))
        parts[places[at]], further = (count, further % count + 1), further // count
    parts[places[chosen[-1]]] = (further + 1, further + 1)
    return parts


def _primes(number: int) -> list[int]:
    found, prime = [], 2
    while number > 1:
        while number % prime == 0:
            found.append(prime)
            number //= prime
        prime += 1
    return found
