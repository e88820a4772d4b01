"""Nodes of a trace that wait for one another: found, and told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from gnomon.core.errors import BadInput

_SHOWN = 8  # nodes of a cycle in a message


def cycle_of(waits: Mapping[int, Iterable[int]]) -> list[int] | None:
    """Nodes each of which waits for the next, the first again at the end; None: there are none. waits: node -> what it waits for."""
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as fault:
        cycle: list[int] = fault.args[1][::-1]
        return cycle
    return None


def check_acyclic(waits: Mapping[int, Iterable[int]], names: Mapping[int, str]) -> None:
    """BadInput that shows a cycle, where there is one."""
    cycle = cycle_of(waits)
    if cycle is None:
        return
    shown = [f"node {one} {names.get(one, '')!r:.40}" for one in cycle[:_SHOWN]] + ["..."] * (len(cycle) > _SHOWN)
    raise BadInput(f"nodes wait for one another: {' waits for '.join(shown)}")
