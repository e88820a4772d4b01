"""Every mapping of a tiny space, one by one, and tiny spaces drawn at random."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import permutations, product
from math import prod

import numpy as np

from gnomon.core.accelerator import Accelerator, Actions, Memory, Units
from gnomon.core.map_space import LevelRules, LoopRules, MapRules
from gnomon.core.problem import DataSpace, Problem, Term
from gnomon.engines.mapper.coded import Coded
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.fast import Fast
from gnomon.engines.mapper.search.counting import flags

_MOST_FACTORS = 300_000


@dataclass(frozen=True, kw_only=True)
class Tiny:
    problem: Problem
    accelerator: Accelerator
    rules: MapRules


def _problem(rng: np.random.Generator) -> Problem:
    kind = rng.integers(4)
    few = lambda *choices: int(rng.choice(choices))  # noqa: E731
    if kind == 0:
        return Problem(
            name="gemm",
            bounds={"M": few(1, 2, 3, 4, 6), "N": few(2, 3, 4), "K": few(1, 2, 4, 5)},
            spaces=(_space("A", "M", "K"), _space("B", "K", "N"), _space("Z", "M", "N", is_output=True)),
        )
    if kind == 1:
        stride, dilation = few(1, 1, 2, 3), few(1, 1, 2)
        moving = (Term(dim="P", factor=stride), Term(dim="R", factor=dilation))
        return Problem(
            name="conv1d",
            bounds={"R": few(1, 2, 3), "P": few(2, 4, 6), "C": few(1, 2), "M": few(1, 2, 3)},
            spaces=(
                _space("W", "R", "C", "M"),
                DataSpace(name="I", ranks=((Term(dim="C"),), moving)),
                _space("O", "P", "M", is_output=True),
            ),
        )
    if kind == 2:
        return Problem(
            name="depthwise",
            bounds={"R": few(2, 3), "P": few(2, 3, 4), "G": few(1, 2, 4)},
            spaces=(
                _space("W", "R", "G"),
                DataSpace(name="I", ranks=((Term(dim="G"),), (Term(dim="P"), Term(dim="R")))),
                _space("O", "P", "G", is_output=True),
            ),
        )
    return Problem(
        name="mttkrp",
        bounds={"I": few(2, 3), "J": few(2, 3), "K": few(2, 4), "L": few(1, 2)},
        spaces=(
            _space("T", "I", "K", "L"),
            _space("C", "K", "J"),
            _space("D", "L", "J"),
            _space("Z", "I", "J", is_output=True),
        ),
    )


def _space(name: str, *dims: str, is_output: bool = False) -> DataSpace:
    return DataSpace(name=name, ranks=tuple((Term(dim=dim),) for dim in dims), is_output=is_output)


def tiny(seed: int) -> Tiny:
    """A space of some hundreds or thousands of mappings."""
    rng = np.random.default_rng(seed)
    problem = _problem(rng)
    levels = int(rng.integers(2, 4))
    meshes = [(1, 1)]
    for _ in range(levels):  # from outside in
        wide, high = meshes[-1]
        meshes.append((wide * int(rng.choice([1, 1, 2, 3, 4])), high * int(rng.choice([1, 1, 1, 2]))))
    names = [space.name for space in problem.spaces]
    memories, rules = [], []
    for level in range(levels):
        wide, high = meshes[levels - 1 - level]
        outermost = level == levels - 1
        memories.append(
            Memory(
                name=f"L{level}",
                mesh_x=wide,
                mesh_y=high,
                entries=None if outermost else int(rng.integers(3, 40)),
                block_size=int(rng.choice([1, 1, 2])),
                read_words_per_cycle=float(rng.choice([0.5, 1.0, 2.0])) if rng.random() < 0.4 else None,
                write_words_per_cycle=float(rng.choice([0.5, 1.0])) if rng.random() < 0.3 else None,
                shared_words_per_cycle=float(rng.choice([1.0, 2.0])) if rng.random() < 0.2 else None,
                actions=Actions(
                    read_pj=float(rng.integers(0, 9)) * 4**level,
                    fill_pj=float(rng.integers(0, 9)) * 4**level,
                    update_pj=float(rng.integers(0, 9)) * 4**level,
                ),
            )
        )
        kept, bypassed = set(), set()
        for name in names:
            chance = rng.random()
            if chance < 0.55 or outermost:
                kept.add(name)
            elif chance < 0.8:
                bypassed.add(name)
        some = lambda: frozenset(name for name in names if rng.random() < 0.1)  # noqa: E731
        rules.append(
            LevelRules(
                temporal=LoopRules(exactly={dim: 1 for dim in problem.bounds if not outermost and rng.random() < 0.2}),
                kept=frozenset(kept),
                bypassed=frozenset(bypassed),
                no_temporal_reuse=some(),
                no_multicast=some(),
                no_link_transfer=frozenset(names) if rng.random() < 0.4 else some(),
                reads_first_update=some(),
            )
        )
    wide, high = meshes[levels]
    units = Units(name="MAC", mesh_x=wide, mesh_y=high, mac_pj=float(rng.integers(0, 3)))
    return Tiny(
        problem=problem,
        accelerator=Accelerator(name="tiny", units=units, memories=tuple(memories)),
        rules=MapRules(levels=tuple(rules)),
    )


def _tuples(bound: int, places: int) -> Iterator[tuple[int, ...]]:
    """Ways to write a bound as so many factors."""
    if places == 1:
        yield (bound,)
        return
    for factor in range(1, bound + 1):
        if bound % factor == 0:
            for rest in _tuples(bound // factor, places - 1):
                yield (factor, *rest)


def small(seeds: Iterable[int], most_mappings: int = 2_000) -> list[Tiny]:
    """Those of some seeds that have few mappings, and one at least that fits."""
    found = []
    for one in map(tiny, seeds):
        levels = len(one.rules.levels)
        if prod(len(list(_tuples(bound, 3 * levels))) for bound in one.problem.bounds.values()) > _MOST_FACTORS:
            continue
        coded = every(one)
        if 0 < len(coded.temporal) <= most_mappings:
            figures = Fast(one.problem, one.accelerator, flags(one.rules), Switches()).evaluate(coded)
            if figures.fits.any():
                found.append(one)
    return found


def every(one: Tiny) -> Coded:
    """All mappings with parts that divide their dimensions, whatever room they take."""
    problem, levels, dims = one.problem, len(one.rules.levels), len(one.problem.bounds)
    each = []
    for dim, bound in problem.bounds.items():
        found = []
        for factors in _tuples(bound, 3 * levels):
            x, y, time = factors[:levels], factors[levels : 2 * levels], factors[2 * levels :]
            fits = all(
                x[level] <= one.accelerator.fanout(level)[0]
                and y[level] <= one.accelerator.fanout(level)[1]
                and (x[level] == 1 or y[level] == 1)
                and time[level] == one.rules.levels[level].temporal.exactly.get(dim, time[level])
                for level in range(levels)
            )
            if fits:
                found.append(factors)
        each.append(found)
    masks = list(
        product(
            *(
                [True] if space.name in rules.kept else [False] if space.name in rules.bypassed else [True, False]
                for space in problem.spaces
                for rules in one.rules.levels
            )
        )
    )
    temporal, spatial, orders, kept = [], [], [], []
    for factors in product(*each):
        table = np.array(factors).T.reshape(3, levels, dims)
        space = np.stack([table[0], table[1]], axis=1)
        if any(
            space[level, axis].prod() > one.accelerator.fanout(level)[axis]
            for level in range(levels)
            for axis in (0, 1)
        ):
            continue
        moving = [[dim for dim in range(dims) if table[2, level, dim] > 1] for level in range(levels)]
        for chosen in product(*(permutations(dims_of) for dims_of in moving)):
            order = [[*inner, *(dim for dim in range(dims) if dim not in inner)] for inner in chosen]
            for mask in masks:
                keeps = np.array(mask).reshape(len(problem.spaces), levels)
                if keeps.any(axis=1).all():
                    temporal.append(table[2])
                    spatial.append(space)
                    orders.append(order)
                    kept.append(keeps)
    in_time, in_space = np.array(temporal, np.int64), np.array(spatial, np.int64)
    return Coded(
        temporal=in_time,
        temporal_last=in_time,
        order=np.array(orders, np.int64),
        spatial=in_space,
        spatial_last=in_space,
        spatial_order=np.broadcast_to(np.arange(dims), in_space.shape).copy(),
        kept=np.array(kept, bool),
    )
