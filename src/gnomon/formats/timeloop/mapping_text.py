"""LoopNest -> `mapping:` of a Timeloop file.

Directives stand as Timeloop's own mapper writes them; it leaves out what remains of a dimension that its parts do not
divide, and the flags, which stand here too. [NVlabs/timeloop at 4cf6d4c: mapping/mapping.cpp, mapping/parser.cpp]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import yaml

from gnomon.core.accelerator import Accelerator
from gnomon.core.errors import Unsupported
from gnomon.core.loop_nest import Loop, LoopNest, Tiling
from gnomon.core.problem import Problem


def mapping_text(problem: Problem, accelerator: Accelerator, nest: LoopNest) -> str:
    """A YAML document that reads back as the same mapping: what each memory keeps, then the loops, from inside out.

    Unsupported where a dimension runs twice over the children of one memory, along x and along y.
    """
    levels = [(memory.name, tiling) for memory, tiling in zip(accelerator.memories, nest.tilings, strict=True)]
    directives = [_keeping(name, tiling, problem) for name, tiling in levels]
    for level, (name, tiling) in enumerate(levels):
        directives += _loops(name, tiling, problem, has_children=prod(accelerator.fanout(level)) > 1)
    return yaml.safe_dump({"mapping": directives}, sort_keys=False, allow_unicode=True, width=10**6)


def _keeping(name: str, tiling: Tiling, problem: Problem) -> dict[str, Any]:
    names = [space.name for space in problem.spaces]
    return {
        "target": name,
        "type": "datatype",
        "keep": [space for space in names if space in tiling.kept],
        "bypass": [space for space in names if space not in tiling.kept],
    }


def _loops(name: str, tiling: Tiling, problem: Problem, *, has_children: bool) -> Iterator[dict[str, Any]]:
    """The loops over the children, where there is more than one, and those in time."""
    if has_children:  # else no directive may stand, and no flag would change a thing
        flags = _flags(problem, no_reuse=tiling.no_multicast, no_link_transfer=tiling.no_link_transfer)
        split = {"split": len(tiling.spatial_x)}
        yield {"target": name, "type": "spatial", **_order(name, tiling.spatial, problem), **split, **flags}
    flags = _flags(problem, no_reuse=tiling.no_temporal_reuse, rmw_first_update=tiling.reads_first_update)
    yield {"target": name, "type": "temporal", **_order(name, tiling.temporal, problem), **flags}


def _order(name: str, loops: Sequence[Loop], problem: Problem) -> dict[str, str]:
    """Every dimension with its factor, and all of them in order, those of one iteration last."""
    by_dim = {loop.dim: loop for loop in loops}
    if len(by_dim) < len(loops):
        raise Unsupported(f"a mapping in Timeloop's form: two loops of one dimension in a directive of {name}")
    factors = " ".join(f"{dim}={_factor(by_dim.get(dim))}" for dim in problem.bounds)
    return {"factors": factors, "permutation": "".join(dict.fromkeys((*by_dim, *problem.bounds)))}


def _factor(loop: Loop | None) -> str:
    if loop is None:
        return "1"
    return f"{loop.count}" if loop.last == loop.count else f"{loop.count},{loop.last}"


def _flags(problem: Problem, **raised: frozenset[str]) -> dict[str, list[str]]:
    """The data spaces under each key that has any."""
    return {
        key: [space.name for space in problem.spaces if space.name in names] for key, names in raised.items() if names
    }
