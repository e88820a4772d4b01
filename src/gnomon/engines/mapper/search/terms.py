"""A problem and an accelerator as the numbers that bounds are made of."""

from __future__ import annotations

from math import inf

import numpy as np

from gnomon.engines.mapper.search.bounds import Terms, held, touched
from gnomon.engines.mapper.search.counting import CountingRules
from gnomon.engines.mapper.search.space import Space


def terms(space: Space, counting: CountingRules) -> Terms:
    """The numbers of a space."""
    memories, spaces, dims = space.accelerator.memories, space.problem.spaces, space.dims
    ranks = max(len(one.ranks) for one in spaces)
    coefficients = np.zeros((len(spaces), ranks, len(dims)), np.int64)
    for row, one in enumerate(spaces):
        for at, rank in enumerate(one.ranks):
            for term in rank:
                coefficients[row, at, dims.index(term.dim)] += abs(term.factor)
    coefficients[:, :, space.bounds == 1] = 0
    moved = coefficients > 0
    separable = moved.sum(axis=1).max(axis=1, initial=0) <= 1
    ranks_of = np.array([len(one.ranks) for one in spaces])
    limits = [(one.read_words_per_cycle, one.write_words_per_cycle, one.shared_words_per_cycle) for one in memories]
    return Terms(
        bounds=space.bounds,
        coefficients=coefficients,
        ranks=ranks_of,
        moves=np.asarray(moved.any(axis=1)),
        slides=(moved & (moved.sum(axis=2, keepdims=True) > 1)).any(axis=1),
        is_separable=separable,
        whole=np.array(
            [touched(coefficients[at], ranks_of[at], separable[at], space.bounds) for at in range(len(spaces))]
        ),
        boxes=np.array([held(coefficients[at], ranks_of[at], space.bounds) for at in range(len(spaces))]),
        is_output=np.array([one.is_output for one in spaces]),
        price_pj=np.array(
            [
                [each / one.block_size for each in (one.actions.read_pj, one.actions.fill_pj, one.actions.update_pj)]
                for one in memories
            ]
        ),
        clusters=np.array([one.instances // one.cluster_size for one in memories]),
        limits_words_per_cycle=np.array([[inf if limit is None else limit for limit in of_one] for of_one in limits]),
        scale=np.array([[dict(one.bandwidth_scale).get(each.name, 1.0) for each in spaces] for one in memories]),
        lends=np.array(
            [
                [counting.link_transfers and one.name not in rules.no_link_transfer for one in spaces]
                for rules in space.rules.levels
            ]
        ),
        room_words=space.room_words,
        units_pj=space.problem.macs * space.accelerator.units.mac_pj,
        divisors=space.divisors,
        floors=counting.rounds_down,
        across=counting.shares_across,
    )
