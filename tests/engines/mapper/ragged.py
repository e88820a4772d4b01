"""Small problems, machines and mappings of any parts, drawn at random."""

from __future__ import annotations

import random
from math import prod

from gnomon.core.accelerator import Accelerator, Actions, Memory, Units
from gnomon.core.loop_nest import Loop, LoopNest, Tiling
from gnomon.core.problem import DataSpace, Problem, Term

AXES = ("spatial_x", "spatial_y", "temporal")  # the innermost loops first
_BANDWIDTHS = (None, None, 1.0, 2.5, 0.3)


def problem(rng: random.Random) -> Problem:
    """A matrix product, a convolution of one or two dimensions with strides and dilations, or an MTTKRP."""
    stride, dilation, turned = rng.choice([1, 1, 2, 3]), rng.choice([1, 1, 2]), rng.choice([1, 1, 1, -1])
    kind = rng.randrange(5)
    if kind == 0:
        return Problem(
            name="gemm",
            bounds=_bounds(rng, "MNK", 9),
            spaces=(_space("A", "M", "K"), _space("B", "K", "N"), _space("Z", "M", "N", is_output=True)),
        )
    if kind == 1:
        return Problem(
            name="mttkrp",
            bounds=_bounds(rng, "IJKL", 5),
            spaces=(
                _space("B", "I", "K", "L"),
                _space("C", "K", "J"),
                _space("D", "L", "J"),
                _space("A", "I", "J", is_output=True),
            ),
        )
    if kind == 2:
        rows = Term(dim="P", factor=stride), Term(dim="R")
        columns = Term(dim="Q"), Term(dim="S", factor=dilation)
        return Problem(
            name="conv2d",
            bounds=_bounds(rng, "CPQRS", 4),
            spaces=(
                DataSpace(name="I", ranks=((Term(dim="C"),), rows, columns)),
                _space("W", "C", "R", "S"),
                _space("O", "P", "Q", is_output=True),
            ),
        )
    window = Term(dim="P", factor=stride * turned), Term(dim="R", factor=dilation * turned)
    return Problem(
        name="conv1d",
        bounds=_bounds(rng, "KPR", 9 if kind == 3 else 13),
        spaces=(DataSpace(name="I", ranks=(window,)), _space("W", "K", "R"), _space("O", "K", "P", is_output=True)),
    )


def nest(asked: Problem, levels: int, rng: random.Random, *, is_ragged: bool = True, flags: float = 0.07) -> LoopNest:
    """Parts of each dimension at places and in orders drawn at random; a flag at a data space with probability `flags`."""
    loops: dict[tuple[int, str], list[Loop]] = {(level, axis): [] for level in range(levels) for axis in AXES}
    for dim, bound in asked.bounds.items():
        places = [place for place in loops if rng.random() < 0.4] or [(levels - 1, "temporal")]
        left = bound
        for place in places:
            count = left
            if place != places[-1]:
                divisors = [part for part in range(1, left + 1) if left % part == 0]
                is_even = not is_ragged or rng.random() < 0.5
                count = rng.choice(divisors) if is_even else rng.randint(1, min(left, 4))
            if count > 1:
                loops[place].append(Loop(dim=dim, count=count, last=(left - 1) % count + 1))
            left = (left - 1) // count + 1
    for found in loops.values():
        rng.shuffle(found)

    def some(probability: float) -> frozenset[str]:
        return frozenset(space.name for space in asked.spaces if rng.random() < probability)

    return LoopNest(
        tilings=tuple(
            Tiling(
                kept=some(0.65) if level < levels - 1 else some(1.0),
                no_temporal_reuse=some(flags),
                no_multicast=some(flags),
                reads_first_update=some(flags),
                **{axis: tuple(loops[level, axis]) for axis in AXES},
            )
            for level in range(levels)
        )
    )


def machine(mapping: LoopNest, rng: random.Random) -> Accelerator:
    """As many instances as a mapping takes, with bandwidths, blocks and energies."""
    x = y = 1
    memories: list[Memory] = []
    for level in reversed(range(len(mapping.tilings))):
        energies = [rng.random() for _ in range(4)]
        memories.insert(
            0,
            Memory(
                name=f"memory {level}",
                mesh_x=x,
                mesh_y=y,
                block_size=rng.choice([1, 2, 4]),
                read_words_per_cycle=rng.choice(_BANDWIDTHS),
                write_words_per_cycle=rng.choice(_BANDWIDTHS),
                shared_words_per_cycle=rng.choice(_BANDWIDTHS),
                actions=Actions(read_pj=energies[0], fill_pj=energies[1], update_pj=energies[2], leak_pj=energies[3]),
            ),
        )
        x *= prod(loop.count for loop in mapping.tilings[level].spatial_x)
        y *= prod(loop.count for loop in mapping.tilings[level].spatial_y)
    return Accelerator(name="drawn", units=Units(name="unit", mesh_x=x, mesh_y=y, mac_pj=1.1), memories=tuple(memories))


def _bounds(rng: random.Random, dims: str, most: int) -> dict[str, int]:
    return {dim: rng.randint(1, most) for dim in dims}


def _space(name: str, *dims: str, is_output: bool = False) -> DataSpace:
    return DataSpace(name=name, ranks=tuple((Term(dim=dim),) for dim in dims), is_output=is_output)
