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
        self.named: dict[Hashable, int] = {}
        self.name_of: dict[int, Hashable] = {}

    def hits(self, keys: Sequence[Hashable], most: int) -> list[int]:
        found = []
        for key in keys[:most]:
            if key not in self.named:
                break
            found.append(self.named[key])
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


def simulate(
    requests: Sequence[Request],
    times: StepTimes,
    *,
    blocks: int,
    step_tokens: int = 2048,
    most_requests: int = 128,
    block_tokens: int = 16,
    steps_ahead: int = 0,
) -> None:
    """Fill in when each request's first token and its end come."""
    cost, cache = Cost(times), Blocks(blocks)
    waiting: deque[Request] = deque()
    running: list[Request] = []
    steps: deque[Step] = deque()
    now, ends, arrived = 0.0, 0.0, 0
    shift = times.request_s

    def covered(one: Request, tokens: int) -> int:
        return -(-(one.computed + tokens) // block_tokens) - len(one.blocks)

    def name_full(one: Request) -> None:
        for at in range(min(one.computed, one.prompt) // block_tokens):
            if at < len(one.keys) and one.keys[at] not in cache.named and one.blocks[at] not in cache.name_of:
                cache.named[one.keys[at]] = one.blocks[at]
                cache.name_of[one.blocks[at]] = one.keys[at]

    def make_step() -> Step | None:
        left, parts, preempted = step_tokens, [], False
        at = 0
        while at < len(running) and left:
            one = running[at]
            tokens = min(one.known - one.computed, left)
            if one.made >= one.answer or tokens == 0:
                at += 1
                continue
            while (need := covered(one, tokens)) > len(cache.free):
                victim, preempted = running.pop(), True
                cache.give_back(victim.blocks)
                victim.blocks, victim.computed, victim.preemptions = [], 0, victim.preemptions + 1
                waiting.appendleft(victim)
                if victim is one:
                    break
            else:
                one.blocks += cache.new(max(0, need))
                parts.append((one, tokens))
                left -= tokens
                at += 1
        while waiting and left and len(running) < most_requests and not preempted:
            one = waiting[0]
            held = cache.hits(one.keys, (one.known - 1) // block_tokens)
            tokens = min(one.known - len(held) * block_tokens, left)
            need = -(-(len(held) * block_tokens + tokens) // block_tokens) - len(held)
            if need > len(cache.free) - sum(block in cache.free for block in held):
                break
            cache.take(held)
            one.hit = one.computed = len(held) * block_tokens
            one.blocks = held + cache.new(need)
            waiting.popleft()
            running.append(one)
            parts.append((one, tokens))
            left -= tokens
        if not parts:
            return None
        chunks, decodes, kv_sum, whole = [], 0, 0, []
        for one, tokens in parts:
            gives = one.computed + tokens == one.known
            if tokens == 1:
                decodes, kv_sum = decodes + 1, kv_sum + one.computed + 1
            else:
                chunks.append((one.computed, tokens))
            one.computed += tokens
            name_full(one)
            one.made += gives
            whole.append((one, tokens, gives))
        return Step(whole, cost(decodes, kv_sum, chunks, sum(gives for _, _, gives in whole)))

    while True:
        while arrived < len(requests) and requests[arrived].arrived_s + shift <= now:
            waiting.append(requests[arrived])
            arrived += 1
        while len(steps) <= steps_ahead and (step := make_step()) is not None:
            steps.append(step)
            if len(steps) == 1:
                ends = now + step.cost_s
        if not steps:
            if arrived == len(requests):
                return
            now = max(now, requests[arrived].arrived_s + shift)
            continue
        now = ends
        for one, _, gives in steps.popleft().parts:
            if gives:
                one.told += 1
                if one.told == 1:
                    one.first_s = now
                if one.told == one.answer:
                    one.end_s = now
                    running.remove(one)
                    cache.give_back(one.blocks)
        if steps:
            ends = now + steps[0].cost_s
