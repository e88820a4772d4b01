"""What a search has found and how far it is, as JSON, so that another process goes on from there."""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import Any

import numpy as np

from gnomon.core import digest as digests
from gnomon.core.errors import BadInput
from gnomon.engines.mapper.search.genes import Genes
from gnomon.engines.mapper.search.judge import Judged
from gnomon.engines.mapper.search.run import Search

SCHEMA = "gnomon/mapping-search-state/1"


def digest(search: Search, conventions: str) -> str:
    """Of what is searched, and how it is counted: a state goes on in a search of the same digest."""
    space = search.space
    objectives = [objective.name for objective in search.objectives]
    # Genes are told by places: the order of the dimensions counts. Where the rules are written does not.
    asked = (tuple(space.problem.bounds.items()), space.problem.spaces, space.accelerator, space.rules.without_places())
    return digests.digest((*asked, space.is_ragged, objectives, conventions))


def written(search: Search, conventions: str) -> dict[str, Any]:
    """The state, for `restore`."""
    return {
        "schema": SCHEMA,
        "digest": digest(search, conventions),
        "spent_s": search.spent_s,
        "evaluated": search.judge.evaluated,
        "rejected": dict(search.judge.rejected),
        "random": search.rng.bit_generator.state,
        "populations": [_judged(population.members) for population in search.populations],
        "front": _judged(search.judge.front),
        "bounds": [
            {
                "is_relaxed": bounding.stand.is_relaxed,
                "part": bounding.stand.part,
                "limit": _finite(bounding.stand.limit),
                "open_limit": _finite(bounding.stand.open_limit),
                "place": bounding.stand.place,
            }
            for bounding in search.boundings
        ],
    }


def restore(search: Search, state: Any, conventions: str, where: str) -> None:
    """Put a search where another one stood. BadInput where that was of another space, or what is there is no state."""
    if not isinstance(state, dict) or state.get("schema") != SCHEMA:
        raise BadInput(f"not the state of a search ({SCHEMA})", where=where)
    if state.get("digest") != digest(search, conventions):
        raise BadInput(
            "the state of another search: problem, architecture, rules, objective or conventions differ", where=where
        )
    try:
        _restore(search, state)
    except (KeyError, TypeError, ValueError, IndexError) as fault:
        raise BadInput(f"the state is damaged ({type(fault).__name__}: {fault})", where=where) from None


def _restore(search: Search, state: dict[str, Any]) -> None:
    for population, members in zip(search.populations, state["populations"], strict=True):
        population.members = _members(members)
    for bounding, stand in zip(search.boundings, state["bounds"], strict=True):
        bounding.stand.is_relaxed = bool(stand["is_relaxed"])
        bounding.stand.part = int(stand["part"])
        bounding.stand.limit = inf if stand["limit"] is None else float(stand["limit"])
        bounding.stand.open_limit = inf if stand["open_limit"] is None else float(stand["open_limit"])
        bounding.stand.place = [[int(one) for one in row] for row in stand["place"]]
    search.judge.front = _members(state["front"])
    search.judge.evaluated = int(state["evaluated"])
    search.judge.rejected = Counter({str(rule): int(count) for rule, count in state["rejected"].items()})
    search.rng.bit_generator.state = state["random"]
    search.spent_s = float(state["spent_s"])


def _finite(value: float) -> float | None:
    return None if value == inf else value


def _judged(found: Judged | None) -> dict[str, Any] | None:
    if found is None:
        return None
    genes = found.genes
    return {
        "way": genes.way.tolist(),
        "wanted": genes.wanted.tolist(),
        "keys": genes.keys.tolist(),
        "kept": genes.kept.tolist(),
        "cycles": found.cycles.tolist(),
        "energy_pj": found.energy_pj.tolist(),
    }


def _members(given: dict[str, Any] | None) -> Judged | None:
    if given is None:
        return None
    return Judged(
        genes=Genes(
            way=np.array(given["way"], np.int64),
            wanted=np.array(given["wanted"], np.int64),
            keys=np.array(given["keys"], np.float64),
            kept=np.array(given["kept"], bool),
        ),
        cycles=np.array(given["cycles"], np.int64),
        energy_pj=np.array(given["energy_pj"], np.float64),
    )
