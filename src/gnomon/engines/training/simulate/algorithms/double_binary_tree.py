"""The double binary tree: sums go up a tree to its root and come back down. [astra-sim 518bd51, DoubleBinaryTreeAllReduce.cc]

Two trees take turns, chunk by chunk, so that a leaf of one works in the other. Each whole chunk goes along one tree, and every
collective is carried out as an all-reduce. [Sanders, Speck & Traeff, Parallel Computing 2009]
"""

from __future__ import annotations

from dataclasses import dataclass

from gnomon.core.errors import BadInput
from gnomon.engines.training.simulate.endpoint import HandOver
from gnomon.engines.training.simulate.phase import Phase, Seat


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """The neighbours of one place in a tree, as places."""

    parent: int | None  # None: the root
    children: tuple[int, ...]  # none, two, or the one of the root


def branch(place: int, count: int, tree: int) -> Branch:
    """The neighbours of a place in one of the two trees over a power of two places.

    All places but one form a full tree numbered from left to right; the one left over, the last place in tree 0 and the
    first in tree 1, is the root above it.
    """
    root = count - 1 if tree == 0 else 0
    shift = 1 if tree == 0 else 0  # in the full tree the places count from 1
    top = count // 2
    if place == root:
        return Branch(parent=None, children=(top - shift,))
    at = place + shift
    lowest = at & -at
    parent = root if at == top else (at - lowest if at & (lowest << 1) else at + lowest) - shift
    children = (at - lowest // 2 - shift, at + lowest // 2 - shift) if lowest > 1 else ()
    return Branch(parent=parent, children=children)


class DoubleBinaryTree:
    """A rank's part."""

    __slots__ = ("_arrived_up", "_branch", "_bytes", "_members", "_seat", "_summed")

    def __init__(self, seat: Seat, phase: Phase) -> None:
        count = len(phase.members)
        if count & (count - 1):
            raise BadInput(f"doubleBinaryTree over {count} ranks: a power of two is needed")
        self._seat, self._members, self._bytes = seat, phase.members, phase.chunk_bytes
        self._branch = branch(phase.place, count, phase.tree)
        self._arrived_up = self._summed = 0  # from the children

    def start(self) -> None:
        if self._branch.children:
            for child in self._branch.children:
                self._seat.receive(self._members[child], self._bytes, self._from_child)
        else:
            self._seat.pass_on(HandOver(message_bytes=self._bytes, to_memory=True), self._send_up)

    def _from_child(self, _: None) -> None:
        self._arrived_up += 1
        is_last = self._arrived_up == len(self._branch.children)
        passed = HandOver(message_bytes=self._bytes, reduces=True, is_sent_back=is_last)
        self._seat.pass_on(passed, self._added)

    def _added(self, _: None) -> None:
        self._summed += 1
        if self._summed < len(self._branch.children):
            return
        if self._branch.parent is None:
            self._send_down(None)
        else:
            self._send_up(None)

    def _send_up(self, _: None) -> None:
        assert self._branch.parent is not None
        parent = self._members[self._branch.parent]
        self._seat.send(parent, self._bytes)
        self._seat.receive(parent, self._bytes, self._from_parent)

    def _from_parent(self, _: None) -> None:
        if self._branch.children:  # ASTRA-sim charges a sum on the way down too
            passed = HandOver(message_bytes=self._bytes, reduces=True, is_sent_back=True)
            self._seat.pass_on(passed, self._send_down)
        else:
            self._seat.pass_on(HandOver(message_bytes=self._bytes), self._end)

    def _send_down(self, _: None) -> None:
        for child in self._branch.children:
            self._seat.send(self._members[child], self._bytes)
        self._seat.finish()

    def _end(self, _: None) -> None:
        self._seat.finish()
