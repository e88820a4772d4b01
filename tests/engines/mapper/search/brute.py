"""Every mapping of a tiny space, one by one, and tiny spaces drawn at random."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
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


def with_fixed_loop(one: Tiny, seed: int) -> Tiny:
    """The same space with the iterations of one loop in time fixed, at any memory."""
    rng = np.random.default_rng(seed)
    levels, dims = list(one.rules.levels), list(one.problem.bounds)
    level, dim, count = int(rng.integers(len(levels))), dims[rng.integers(len(dims))], int(rng.integers(1, 4))
    temporal = levels[level].temporal
    levels[level] = replace(levels[level], temporal=replace(temporal, exactly={**temporal.exactly, dim: count}))
    return replace(one, rules=replace(one.rules, levels=tuple(levels)))


def with_odd_bounds(one: Tiny) -> Tiny:
    """The same space with some dimensions that few parts divide."""
    longer = {dim: bound + at % 3 for at, (dim, bound) in enumerate(one.problem.bounds.items())}
    return replace(one, problem=replace(one.problem, bounds=longer))


_Chain = tuple[tuple[int, int, int], ...]  # by level: iterations over children along x and y, and in time


def _chains(one: Tiny, dim: str, *, is_ragged: bool) -> list[_Chain]:
    """Ways to write a dimension as loops, the innermost level first: each has some of what those inside leave, the last the rest.

    With ragged parts a loop in time has no more than it takes for as many passes of the loops outside.
    """
    found: list[tuple[_Chain, int]] = [((), one.problem.bounds[dim])]  # with what is left
    for level, rules in enumerate(one.rules.levels):
        wide, high = one.accelerator.fanout(level)
        longer = []
        for chain, left in found:
            for x, y in ((x, y) for x in range(1, wide + 1) for y in range(1, high + 1) if x == 1 or y == 1):
                if x * y > left or (not is_ragged and left % (x * y)):
                    continue
                rest = -(-left // (x * y))
                passes = {-(-rest // count) for count in range(1, rest + 1)}
                counts = {-(-rest // many) for many in passes} if is_ragged else set(range(1, rest + 1))
                for count in counts & {rules.temporal.exactly.get(dim, count) for count in counts}:
                    if is_ragged or rest % count == 0:
                        longer.append(((*chain, (x, y, count)), -(-rest // count)))
        found = longer
    return [chain for chain, left in found if left == 1]


def small(seeds: Iterable[int], most_mappings: int = 2_000, *, is_ragged: bool = False) -> list[Tiny]:
    """Those of some seeds that have few mappings, and one at least that fits."""
    found = []
    for one in map(tiny, seeds):
        if prod(len(_chains(one, dim, is_ragged=is_ragged)) for dim in one.problem.bounds) > _MOST_FACTORS:
            continue
        coded = every(one, is_ragged=is_ragged)
        if 0 < len(coded.temporal) <= most_mappings:
            figures = Fast(one.problem, one.accelerator, flags(one.rules), Switches()).evaluate(coded)
            if figures.fits.any():
                found.append(one)
    return found


def every(one: Tiny, *, is_ragged: bool = False) -> Coded:
    """All mappings with parts that divide their dimensions, or need not, whatever room they take."""
    each = [_chains(one, dim, is_ragged=is_ragged) for dim in one.problem.bounds]
    tables = [table for chains in product(*each) if (table := _table(one, chains)) is not None]
    masks = _masks(one)
    rows = [
        (table, order, mask)
        for table in tables
        for order in product(*(permutations(np.flatnonzero(counts > 1).tolist()) for counts in table[:, 2]))
        for mask in masks
    ]
    return _coded(one, rows)


def some(one: Tiny, count: int, rng: np.random.Generator) -> Coded:
    """Mappings drawn at random, with parts of any size."""
    each = [_chains(one, dim, is_ragged=True) for dim in one.problem.bounds]
    masks, rows = _masks(one), []
    for _ in range(count):
        table = _table(one, tuple(chains[rng.integers(len(chains))] for chains in each)) if all(each) else None
        if table is not None:
            order = tuple(tuple(rng.permutation(np.flatnonzero(counts > 1)).tolist()) for counts in table[:, 2])
            rows.append((table, order, masks[rng.integers(len(masks))]))
    return _coded(one, rows)


def _table(one: Tiny, chains: tuple[_Chain, ...]) -> np.ndarray | None:
    """(level, axis or time, dim); None: the children are too few."""
    table = np.array(chains, np.int64).transpose(1, 2, 0)
    fits = all(
        table[level, axis].prod() <= one.accelerator.fanout(level)[axis]
        for level in range(len(table))
        for axis in (0, 1)
    )
    return table if fits else None


def _masks(one: Tiny) -> list[np.ndarray]:
    """(space, level): what the memories may keep, each data space somewhere."""
    choices = (
        [True] if space.name in rules.kept else [False] if space.name in rules.bypassed else [True, False]
        for space in one.problem.spaces
        for rules in one.rules.levels
    )
    found = [np.array(mask).reshape(len(one.problem.spaces), -1) for mask in product(*choices)]
    return [mask for mask in found if mask.any(axis=1).all()]


def _coded(one: Tiny, rows: list[tuple[np.ndarray, tuple[tuple[int, ...], ...], np.ndarray]]) -> Coded:
    """Rows of loops, of the moving dimensions of each level in order, and of what is kept."""
    levels, dims, spaces = len(one.rules.levels), len(one.problem.bounds), len(one.problem.spaces)
    tables = np.array([table for table, _, _ in rows], np.int64).reshape(-1, levels, 3, dims)
    lasts, index = np.empty_like(tables), np.array(list(one.problem.bounds.values())) - 1
    index = np.broadcast_to(index, (len(rows), dims))
    for level in range(levels):
        for loop in range(3):
            count = tables[:, level, loop]
            lasts[:, level, loop], index = index % count + 1, index // count
    orders = [[[*inner, *(dim for dim in range(dims) if dim not in inner)] for inner in order] for _, order, _ in rows]
    spatial = tables[:, :, :2]
    return Coded(
        temporal=tables[:, :, 2],
        temporal_last=lasts[:, :, 2],
        order=np.array(orders, np.int64).reshape(-1, levels, dims),
        spatial=spatial,
        spatial_last=lasts[:, :, :2],
        spatial_order=np.broadcast_to(np.arange(dims), spatial.shape),
        kept=np.array([mask for _, _, mask in rows], bool).reshape(-1, spaces, levels),
    )
