"""Equal blocks in a row, written once: eighty layers become one that is repeated eighty times.

A graph traced from a program lists every layer. Equal operators in an equal arrangement give equal numbers, so one block
stands for all of its run; work, parameters and kept activations are multiplied by `repeat`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gnomon.core.workload import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """`copies` equal blocks of `length` nodes from position `start` on."""

    start: int
    length: int
    copies: int

    @property
    def end(self) -> int:
        return self.start + self.length * self.copies

    @property
    def saved(self) -> int:
        """Nodes that need not be written."""
        return self.length * (self.copies - 1)


def collapsed(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The same work in fewer nodes: the run that saves most is folded first, then the next, until none is left."""
    while (run := _longest_run(nodes)) is not None:
        nodes = _fold(nodes, run)
    return nodes


def _longest_run(nodes: tuple[Node, ...]) -> _Run | None:
    """The run of equal blocks that saves most nodes; None where no block follows its like."""
    keys = _keys(nodes)
    readers = _last_reader(nodes)
    best: _Run | None = None
    for length in range(1, len(nodes) // 2 + 1):
        if best is not None and len(nodes) - length <= best.saved:
            break
        for run in _runs(keys, length):
            if (best is None or run.saved > best.saved) and _is_chain(readers, run):
                best = run
    return best


def _keys(nodes: tuple[Node, ...]) -> NDArray[np.int64]:
    """A number for each node `(nodes,)`: equal for equal operators, however they are called and whatever they read."""
    numbers: dict[tuple[object, ...], int] = {}
    return np.array([numbers.setdefault((n.op, n.repeat, n.phase), len(numbers)) for n in nodes], dtype=np.int64)


def _runs(keys: NDArray[np.int64], length: int) -> list[_Run]:
    """Runs of two or more equal blocks of that length."""
    equal = np.concatenate(([False], keys[:-length] == keys[length:], [False]))
    edges = np.flatnonzero(equal[1:] != equal[:-1])
    starts, ends = edges[::2], edges[1::2]
    return [
        _Run(start=int(start), length=length, copies=int(end - start) // length + 1)
        for start, end in zip(starts, ends, strict=True)
        if end - start >= length
    ]


def _last_reader(nodes: tuple[Node, ...]) -> NDArray[np.int64]:
    """Position of the last node that reads each node `(nodes,)`; its own where none does."""
    place = {node.name: index for index, node in enumerate(nodes)}
    last = np.arange(len(nodes))
    for index, node in enumerate(nodes):
        for source in node.after:
            last[place[source]] = index
    return last


def _is_chain(readers: NDArray[np.int64], run: _Run) -> bool:
    """Whether every block but the last hands its arrays to the next block at most.

    An array that lives longer, such as the skip of a U-Net, would be lost from the memory that the graph needs.
    """
    inner = np.arange(run.start, run.end - run.length)
    block = (inner - run.start) // run.length
    return bool((readers[inner] < run.start + (block + 2) * run.length).all())


def _fold(nodes: tuple[Node, ...], run: _Run) -> tuple[Node, ...]:
    """`nodes` with the run's first block in place of all; what read a later block reads the first one's node."""
    first = nodes[run.start : run.start + run.length]
    stands_for = {
        nodes[index].name: first[(index - run.start) % run.length].name for index in range(run.start, run.end)
    }
    kept = (*nodes[: run.start], *(replace(node, repeat=node.repeat * run.copies) for node in first))
    after = (
        replace(node, after=tuple(dict.fromkeys(stands_for.get(name, name) for name in node.after)))
        for node in nodes[run.end :]
    )
    return (*kept, *after)
