"""vLLM V1's scheduler in plain Python, written from its rules: an oracle for the compiled one, and slow.

Running requests first and in their order, one budget of tokens for prompts and answers, prompts in chunks, whole blocks of a
prompt found in the cache, the last of the running preempted where no block is free. With `steps_ahead` a step is made up
while the one before it runs, as asynchronous scheduling does (the default from 0.14 on).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from gnomon.core.service import StepTimes


@dataclass(slots=True)
class Request:
    arrived_s: float
    prompt: int
    answer: int
    keys: tuple[Hashable, ...] = ()  # what each full block of the prompt holds, as any name of its content
    computed: int = 0  # tokens whose keys and values are there, or will be once the steps made up have run
    made: int = 0  # tokens of the answer, likewise
    told: int = 0  # tokens of the answer that have come out
    hit: int = 0
    preemptions: int = 0
    blocks: list[int] = field(default_factory=list)
    first_s: float = -1.0
    end_s: float = -1.0

    @property
    def known(self) -> int:
        return self.prompt + self.made


class Blocks:
    """Blocks of the cache: counted references, contents by name, the free ones in the order of their last use."""

    def __init__(self, count: int) -> None:
        self.free: OrderedDict[int, None] = OrderedDict.fromkeys(range(count))
        self.users = [0] * count
        self.named: dict[Hashable, list[int]] = {}  # several blocks may hold the same: the first is found
        self.name_of: dict[int, Hashable] = {}

    def hits(self, keys: Sequence[Hashable], most: int) -> list[int]:
        found = []
        for key in keys[:most]:
            if key not in self.named:
                break
            found.append(self.named[key][0])
        return found

    def take(self, held: Sequence[int]) -> None:
        for block in held:
            self.free.pop(block, None)
            self.users[block] += 1

    def new(self, count: int) -> list[int]:
        found = []
        for _ in range(count):
            block, _ = self.free.popitem(last=False)
            name = self.name_of.pop(block, None)
            if name is not None:
                self.named[name].remove(block)
                if not self.named[name]:
                    del self.named[name]
            self.users[block] = 1
            found.append(block)
        return found

    def give_back(self, blocks: Sequence[int]) -> None:
        for block in reversed(blocks):  # the deepest of a chain is reused first
            self.users[block] -= 1
            if self.users[block] == 0:
                self.free[block] = None


class Cost:
    """Seconds of a step, linear between the points of the grids."""

    def __init__(self, times: StepTimes) -> None:
        most = int(times.tokens[-1])
        tokens = np.arange(most + 1)
        self.tokens = (
            np.interp(tokens, times.tokens, times.by_tokens_s) + np.interp(tokens, times.tokens, times.first_s)
        ).tolist()
        self.last = np.interp(np.arange(int(times.sampled[-1]) + 1), times.sampled, times.last_s).tolist()
        decodes = np.arange(int(times.decodes[-1]) + 1)
        self.decode = np.array([np.interp(decodes, times.decodes, line) for line in times.decode_s.T]).T.tolist()
        self.decode_kv = times.decode_kv.tolist()
        self.prefill = [np.interp(tokens, times.chunks, line).tolist() for line in times.prefill_s]
        self.before = times.before.tolist()
        self.step_s, self.request_s = times.host_step_s, times.host_request_s

    def __call__(self, decodes: int, kv_sum: int, chunks: Sequence[tuple[int, int]], sampled: int) -> float:
        total = decodes + sum(chunk for _, chunk in chunks)
        time = self.tokens[total] + self.last[sampled] + self.step_s + self.request_s * (decodes + len(chunks))
        if decodes:
            row, kv = self.decode[decodes], kv_sum / decodes
            time += _between(self.decode_kv, kv, row.__getitem__)
        for before, chunk in chunks:
            time += _between(self.before, before, lambda at, chunk=chunk: self.prefill[at][chunk])
        return time


def _between(points, at, value):
    low = min(max(bisect_right(points, at) - 1, 0), len(points) - 2)
    share = (at - points[low]) / (points[low + 1] - points[low])
    return (1.0 - share) * value(low) + share * value(low + 1)


@dataclass(slots=True)
class Step:
    parts: list[tuple[Request, int, bool]]  # request, its tokens, whether it then gives one
    cost_s: float


class Replica:
    """Who waits and who runs, and how the next step is made up."""

    def __init__(self, cost: Cost, blocks: int, block_tokens: int, step_tokens: int, most_requests: int) -> None:
        self.cost, self.cache, self.block_tokens = cost, Blocks(blocks), block_tokens
        self.step_tokens, self.most_requests = step_tokens, most_requests
        self.waiting: deque[Request] = deque()
        self.running: list[Request] = []

    def make_step(self) -> Step | None:
        parts: list[tuple[Request, int]] = []
        left, has_preempted = self._run_on(parts)
        if not has_preempted:
            self._admit(parts, left)
        return self._step(parts) if parts else None

    def _run_on(self, parts: list[tuple[Request, int]]) -> tuple[int, bool]:
        left, at, has_preempted = self.step_tokens, 0, False
        while at < len(self.running) and left:
            one = self.running[at]
            tokens = min(one.known - one.computed, left)
            if one.made >= one.answer or tokens == 0:
                at += 1
                continue
            while (need := self._blocks(one.computed + tokens) - len(one.blocks)) > len(self.cache.free):
                victim, has_preempted = self.running.pop(), True
                self.cache.give_back(victim.blocks)
                victim.blocks, victim.computed, victim.preemptions = [], 0, victim.preemptions + 1
                self.waiting.appendleft(victim)
                if victim is one:
                    return left, True
            one.blocks += self.cache.new(max(0, need))
            self._name_full(one, tokens)
            parts.append((one, tokens))
            left -= tokens
            at += 1
        return left, has_preempted

    def _admit(self, parts: list[tuple[Request, int]], left: int) -> None:
        while self.waiting and left and len(self.running) < self.most_requests:
            one = self.waiting[0]
            held = self.cache.hits(one.keys, (one.known - 1) // self.block_tokens)
            found = len(held) * self.block_tokens
            tokens = min(one.known - found, left)
            need = self._blocks(found + tokens) - len(held)
            if need > len(self.cache.free) - sum(block in self.cache.free for block in held):
                return
            self.cache.take(held)
            one.hit = one.computed = found
            one.blocks = held + self.cache.new(need)
            self._name_full(one, tokens)
            self.running.append(self.waiting.popleft())
            parts.append((one, tokens))
            left -= tokens

    def _step(self, parts: list[tuple[Request, int]]) -> Step:
        chunks, decodes, kv_sum, whole = [], 0, 0, []
        for one, tokens in parts:
            gives = one.computed + tokens == one.known
            if one.computed >= one.prompt and tokens == 1:
                decodes, kv_sum = decodes + 1, kv_sum + one.computed + 1
            else:
                chunks.append((one.computed, tokens))
            one.computed += tokens
            one.made += gives
            whole.append((one, tokens, gives))
        return Step(whole, self.cost(decodes, kv_sum, chunks, sum(gives for _, _, gives in whole)))

    def _blocks(self, tokens: int) -> int:
        return -(-tokens // self.block_tokens)

    def _name_full(self, one: Request, tokens: int) -> None:
        """Blocks of a prompt that the step will fill are found from now on, also by whom the same step admits."""
        if one.computed >= one.prompt:
            return
        named, name_of = self.cache.named, self.cache.name_of
        for key, block in zip(one.keys[: (one.computed + tokens) // self.block_tokens], one.blocks, strict=False):
            if block not in name_of:
                named.setdefault(key, []).append(block)
                name_of[block] = key

    def ends(self, step: Step, now: float) -> None:
        for one, _, gives in step.parts:
            if gives:
                one.told += 1
                if one.told == 1:
                    one.first_s = now
                if one.told == one.answer:
                    one.end_s = now
                    self.running.remove(one)
                    self.cache.give_back(one.blocks)


def simulate(
    requests: Sequence[Request],
    times: StepTimes,
    *,
    blocks: int,
    step_tokens: int = 2048,
    most_requests: int = 128,
    block_tokens: int = 16,
    steps_ahead: int = 0,
    together: int = 1,
) -> None:
    """Fill in when each request's first token and its end come.

    together: replicas that take requests in turn and run each step together, the longest of theirs deciding.
    """
    cost = Cost(times)
    replicas = [Replica(cost, blocks, block_tokens, step_tokens, most_requests) for _ in range(together)]
    steps: deque[list[Step | None]] = deque()
    now, ends, arrived = 0.0, 0.0, 0

    def end_of(step: list[Step | None]) -> float:
        return now + max(one.cost_s for one in step if one is not None)

    while True:
        while arrived < len(requests) and requests[arrived].arrived_s + times.request_s <= now:
            replicas[arrived % together].waiting.append(requests[arrived])
            arrived += 1
        while len(steps) <= steps_ahead:
            step = [replica.make_step() for replica in replicas]
            if not any(step):
                break
            steps.append(step)
            if len(steps) == 1:
                ends = end_of(step)
        if not steps:
            if arrived == len(requests):
                return
            now = max(now, requests[arrived].arrived_s + times.request_s)
            continue
        now = ends
        for replica, one in zip(replicas, steps.popleft(), strict=True):
            if one is not None:
                replica.ends(one, now)
        if steps:
            ends = end_of(steps[0])
