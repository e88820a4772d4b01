"""Mappings drawn at random, that use no more of the machine than there is of it."""

from __future__ import annotations

import random
from dataclasses import replace
from math import prod

from gnomon.core.accelerator import Accelerator
from gnomon.core.loop_nest import Loop, LoopNest
from gnomon.core.problem import Problem

_AXES = ("temporal", "spatial_x", "spatial_y")


def drawn(problem: Problem, accelerator: Accelerator, like: LoopNest, rng: random.Random) -> LoopNest:
    """Every prime factor of every dimension at a random place, the loops of a place in random order; flags as of `like`."""
    levels = range(len(like.tilings))
    while True:
        counts = {(level, axis): dict.fromkeys(problem.bounds, 1) for level in levels for axis in _AXES}
        places = [
            place
            for place in counts
            if place[1] == "temporal" or accelerator.fanout(place[0])[_AXES.index(place[1]) - 1] > 1
        ]
        for dim, bound in problem.bounds.items():
            for prime in _primes(bound):
                counts[rng.choice(places)][dim] *= prime
        if all(
            prod(counts[level, axis].values()) <= accelerator.fanout(level)[at]
            for level in levels
            for at, axis in enumerate(_AXES[1:])
        ):
            break
    tilings = []
    for level in levels:
        loops = {}
        for axis in _AXES:
            found = [Loop(dim=dim, count=n, last=n) for dim, n in counts[level, axis].items() if n > 1]
            rng.shuffle(found)
            loops[axis] = tuple(found)
        tilings.append(replace(like.tilings[level], **loops))
    return LoopNest(tilings=tuple(tilings))


def _primes(number: int) -> list[int]:
    found, prime = [], 2
    while number > 1:
        while number % prime == 0:
            found.append(prime)
            number //= prime
        prime += 1
    return found
