"""What every stage of a pipeline runs in one step: passes in the order of the schedule, exchanges, and what waits for what.

Ranks that differ along tp, cp or dp alone run the same, so one rank stands for each stage. Most of a program is a chain; beside
it run messages to other stages and, where the plan says so, exchanges of gradients and weights between replicas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gnomon.core.errors import Unsupported
from gnomon.parallel.model_share import BlockShare, Message, ModelShare, StageShare
from gnomon.parallel.passes import Compute, Step, Talk
from gnomon.parallel.schedule import Task, order

Ints = NDArray[np.int64]
NONE = -1  # in the arrays of a program: nothing there
MOST_NODES = 10_000_000  # of all stages together: some 2 GB and half a minute
WAITS = 3  # nodes that a node waits for, at most
# Columns of the table of nodes under construction; the last is added when a part is placed.
_ACTION, _AFTER, _MESSAGE, _PEER, _MICROBATCH = 0, slice(1, 1 + WAITS), 1 + WAITS, 2 + WAITS, 3 + WAITS
_CHAIN, _GATHERED, _REDUCED = -2, -3, -4  # in a part of a program: what went before in the chain, and beside it

Action = Compute | Talk | Message
Direction = Literal["forward", "backward"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The nodes of one stage, in the order in which it begins those that nothing keeps waiting."""

    stage: int
    actions: tuple[Action, ...]
    action: Ints  # (nodes,), place in `actions`
    after: Ints  # (nodes, WAITS), nodes that must end before, or NONE
    message: Ints  # (nodes,), its number in the step, the same at both ends, or NONE
    peer: Ints  # (nodes,), the stage at the other end, or NONE
    microbatch: Ints  # (nodes,), or NONE

    def __len__(self) -> int:
        return len(self.action)


def programs(model: ModelShare) -> tuple[Program, ...]:
    """The program of each stage. Unsupported for a step that is too long to be gone through."""
    nodes = model.microbatches * sum(
        one.copies * (len(one.passes.forward) + len(one.passes.backward) + len(one.passes.weights))
        for stage in model.stages
        for chunk in stage.chunks
        for one in chunk.blocks
    )
    if nodes > MOST_NODES:
        raise Unsupported(
            f"{model.microbatches:,} micro-batches per replica make a step of {nodes:,} computations and communications; "
            f"the limit is {MOST_NODES:,}: use a smaller global batch or a larger micro-batch"
        )
    return tuple(_Stage(model, stage).program() for stage in model.stages)


@dataclass(slots=True)
class _Part:
    """Nodes of a program under construction, numbered from 0."""

    rows: list[tuple[int, ...]] = field(default_factory=list)  # action, WAITS nodes, message, peer
    chain: int = _CHAIN  # the last node of the chain
    gathered: int = _GATHERED  # the last gather of weights beside it; they run one after another
    reduced: int = _REDUCED  # the last reduction of gradients beside it, likewise
    waits: list[int] = field(default_factory=list)  # what the chain's next node waits for too
    layer: int = _CHAIN  # the chain's node before the layer under construction

    def add(self, action: int, *after: int, message: int = NONE, peer: int = NONE) -> int:
        padded = (*after, *(NONE,) * (WAITS - len(after)))
        self.rows.append((action, *padded, message, peer))
        return len(self.rows) - 1

    def step(self, action: int) -> None:
        """The chain's next node."""
        self.chain = self.add(action, self.chain, *self.waits)
        self.waits.clear()

    def gather(self, action: int, *, is_early: bool) -> None:
        """Weights of the layer under construction, beside the chain: from the start where early, else while the layer before runs."""
        self.gathered = self.add(action, self.gathered, NONE if is_early else self.layer)

    def reduce(self, action: int) -> None:
        """Gradients, beside the chain from here on."""
        self.reduced = self.add(action, self.reduced, self.chain)


class _Stage:
    """One stage's program under construction."""

    def __init__(self, model: ModelShare, stage: StageShare) -> None:
        self.model, self.stage, self.plan = model, stage, model.plan
        self.actions: list[Action] = []
        self._places: dict[int, int] = {}
        self._messages: dict[tuple[str, bool, int], Message] = {}

    def action(self, of: Action) -> int:
        """The place of an action, the same for the same object."""
        if id(of) not in self._places:
            self._places[id(of)] = len(self.actions)
            self.actions.append(of)  # which keeps the object, and with it its id
        return self._places[id(of)]

    def message(self, of: Message, *, is_sent: bool, peer: int) -> int:
        """The place of a message to or from that stage."""
        key = (of.name, is_sent, peer)
        if key not in self._messages:
            self._messages[key] = replace(of, is_sent=is_sent, stage=self.stage.index, peer=peer)
        return self.action(self._messages[key])

    def program(self) -> Program:
        plan = self.plan
        tasks = order(
            plan.schedule,
            stage=self.stage.index,
            stages=plan.pp,
            microbatches=self.model.microbatches,
            virtual=plan.virtual,
        )
        edges = _edges(tasks)
        parts: dict[tuple[str, int, bool], _Part] = {}
        places: dict[tuple[str, int, bool], list[tuple[int, ...]]] = {}
        size, chain, gathered, reduced = 0, NONE, NONE, NONE
        for at, task in enumerate((*tasks, None)):
            key = ("end", 0, True) if task is None else (task.kind, task.chunk, at in edges)
            if key not in parts:
                parts[key] = self._end() if task is None else self._part(task, is_edge=key[2])
                places[key] = []
            part = parts[key]
            places[key].append((size, chain, gathered, reduced, NONE if task is None else task.microbatch))
            chain = part.chain + size if part.chain >= 0 else chain
            gathered = part.gathered + size if part.gathered >= 0 else gathered
            reduced = part.reduced + size if part.reduced >= 0 else reduced
            size += len(part.rows)
        table = np.empty((size, _MICROBATCH + 1), dtype=np.int64)
        for key, part in parts.items():
            self._place(table, part, np.array(places[key]))
        return Program(
            stage=self.stage.index,
            actions=tuple(self.actions),
            action=table[:, _ACTION],
            after=table[:, _AFTER],
            message=table[:, _MESSAGE],
            peer=table[:, _PEER],
            microbatch=table[:, _MICROBATCH],
        )

    def _place(self, table: Ints, part: _Part, places: Ints) -> None:
        """Write the rows of a part into the table wherever it stands.

        places: `(tasks, 5)`, where each begins, the nodes before it in the chain and in both rows beside it, its micro-batch.
        """
        rows = np.array(part.rows, dtype=np.int64)
        begins, microbatches = places[:, 0], places[:, -1]
        found = np.empty((len(places), len(rows), _MICROBATCH + 1), dtype=np.int64)
        found[:, :, :_MICROBATCH] = rows
        found[:, :, _MICROBATCH] = microbatches[:, None]
        after = found[:, :, _AFTER]
        after[:, rows[:, _AFTER] >= 0] += begins[:, None]
        for marker, before in zip((_CHAIN, _GATHERED, _REDUCED), places[:, 1:-1].T, strict=True):
            after[:, rows[:, _AFTER] == marker] = before[:, None]
        has_message = rows[:, _MESSAGE] != NONE
        found[:, has_message, _MESSAGE] += np.maximum(microbatches, 0)[:, None] * self._per_microbatch
        table[begins[:, None] + np.arange(len(rows))] = found

    @property
    def _per_microbatch(self) -> int:
        """Numbers of messages that a micro-batch has: both directions, and by the chunk that receives."""
        return 2 * self.model.chunk_count

    def _number(self, direction: Direction, to_chunk: int) -> int:
        return (direction == "backward") * self.model.chunk_count + to_chunk

    def _part(self, task: Task, *, is_edge: bool) -> _Part:
        """A task, the first forward or the last backward of its chunk where `is_edge`."""
        part, chunk = _Part(), self.stage.chunks[task.chunk]
        gathers = self.plan.zero == 3 or is_edge  # what was updated in shares, before its first use
        reduces = self.plan.zero >= 2 or (is_edge and self.plan.overlap)
        match task.kind:
            case "forward":
                self._receive(part, "forward", chunk.index, is_sent=chunk.index > 0)
                for block in chunk.blocks:
                    self._layers(part, block, block.passes.forward, gathers=gathers)
                if chunk.index < self.model.chunk_count - 1:
                    self._send(part, "forward", chunk.index + 1)
            case "backward":
                self._receive(part, "backward", chunk.index, is_sent=chunk.index < self.model.chunk_count - 1)
                for block in reversed(chunk.blocks):
                    is_reduced = reduces and not self._splits
                    self._layers(part, block, block.passes.backward, gathers=self.plan.zero == 3, reduces=is_reduced)
                if chunk.index > 0:
                    self._send(part, "backward", chunk.index - 1)
            case "weights":
                for block in reversed(chunk.blocks):
                    self._layers(part, block, block.passes.weights, reduces=reduces)
        return part

    @property
    def _splits(self) -> bool:
        return self.plan.schedule == "zero-bubble"

    def _layers(
        self, part: _Part, block: BlockShare, steps: Sequence[Step], *, reduces: bool = False, gathers: bool = False
    ) -> None:
        """All copies of a block. Weights are gathered while the layer before runs, gradients reduced while the next does."""
        for _ in range(block.copies):
            before = part.chain
            for talk in block.gathers if gathers else ():
                if self.plan.overlap:
                    part.gather(self.action(talk), is_early=self.plan.zero < 3)  # there is room for all
                else:
                    part.step(self.action(talk))
            if gathers and block.gathers and self.plan.overlap:
                part.waits.append(part.gathered)  # the last of them: they run one after another
            for step in steps:
                part.step(self.action(step))
            for talk in block.reduces if reduces else ():
                if self.plan.overlap:
                    part.reduce(self.action(talk))
                else:
                    part.step(self.action(talk))
            part.layer = before

    def _receive(self, part: _Part, direction: Direction, chunk: int, *, is_sent: bool) -> None:
        if not is_sent or self.plan.pp == 1:
            return
        step = -1 if direction == "forward" else 1
        peer = (self.stage.index + step) % self.plan.pp
        got = self.message(self.model.sent, is_sent=False, peer=peer)
        part.waits.append(part.add(got, message=self._number(direction, chunk), peer=peer))
        if self.model.regathers is not None:
            part.step(self.action(self.model.regathers))

    def _send(self, part: _Part, direction: Direction, to_chunk: int) -> None:
        if self.plan.pp == 1:
            return
        step = 1 if direction == "forward" else -1
        peer = (self.stage.index + step) % self.plan.pp
        sent = self.message(self.model.sent, is_sent=True, peer=peer)
        part.add(sent, part.chain, message=self._number(direction, to_chunk), peer=peer)

    def _end(self) -> _Part:
        """The gradients of a table that two stages hold, the update, and the weights gathered after it."""
        part, tied = _Part(), self.stage.tied
        if not self.plan.overlap and self.plan.zero < 2:
            for talk in self.stage.reduces:
                part.step(self.action(talk))
        if tied is not None:
            is_first = self.stage.index == 0
            peer = self.plan.pp - 1 if is_first else 0
            first = self.model.microbatches * self._per_microbatch  # beyond those of the micro-batches
            sent, got = (self.message(tied, is_sent=is_sent, peer=peer) for is_sent in (True, False))
            part.add(sent, _CHAIN, message=first + (not is_first), peer=peer)
            part.waits.append(part.add(got, message=first + is_first, peer=peer))
        part.waits.append(_REDUCED)
        part.step(self.action(self.stage.update))
        for talk in self.stage.gathers:
            part.step(self.action(talk))
        return part


def _edges(tasks: Sequence[Task]) -> frozenset[int]:
    """Places of the tasks that are the first forward, or the last to make gradients of weights, of their chunk."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for at, task in enumerate(tasks):
        if task.kind == "forward":
            first.setdefault(task.chunk, at)
        else:
            last[task.chunk] = at
    return frozenset((*first.values(), *last.values()))
