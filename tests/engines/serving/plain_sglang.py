"""SGLang's scheduler and its radix tree once more, as plainly as can be: its two event loops, tokens spelled out, slots of the KV cache
counted by who has them; a step takes 1 s."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

CLIP, STEPS_AFTER, THRESHOLD, LONGEST_SORTED = 4096, 20, 32, 128
INITIAL, DECAY_STEPS = 0.7, 600


class OutOfMemory(Exception):
    """SGLang stops here with an error."""


@dataclass(eq=False)
class Node:
    parent: Node | None = None
    key: list[object] = field(default_factory=list)
    children: dict[object, Node] = field(default_factory=dict)
    locks: int = 0
    used: int = 0


@dataclass(eq=False)
class Request:
    number: int
    arrived_s: float
    tokens: list[object]  # of the prompt and, one after another, of the answer
    prompt: int
    asked: int
    made: int = 0
    prefix: int = 0  # of its slots that the tree has
    slots: int = 0  # all of them
    node: Node | None = None
    fill: int = 0  # tokens up to the end of its last batch of prompts
    unfinished_chunks: int = 0
    is_retracted: bool = False
    is_finished: bool = False
    first_s: float = 0.0
    done_s: float = 0.0
    restarts: int = 0

    @property
    def known(self) -> list[object]:
        return self.tokens[: self.prompt + self.made]


class Step(NamedTuple):
    start_s: float
    requests: tuple[tuple[int, int], ...]
    admitted: tuple[int, ...]
    preempted: tuple[int, ...]
    found_tokens: int
    free_blocks: int


@dataclass(eq=False)
class Batch:
    requests: list[Request]
    is_full: bool = False
    is_prompts: bool = False
    chunked: Request | None = None


class Tree:
    def __init__(self) -> None:
        self.root, self.clock, self.evictable = Node(locks=1), 0, 0

    def now(self) -> int:
        self.clock += 1
        return self.clock

    def split(self, node: Node, at: int) -> Node:
        upper = Node(node.parent, node.key[:at], {node.key[at]: node}, node.locks, self.now())
        node.parent.children[node.key[0]] = upper
        node.parent, node.key = upper, node.key[at:]
        return upper

    def match(self, key: list[object]) -> tuple[Node, int]:
        node, found, when = self.root, 0, self.now()
        while found < len(key) and key[found] in node.children:
            child, same = node.children[key[found]], 0
            child.used = when
            while same < len(child.key) and found + same < len(key) and child.key[same] == key[found + same]:
                same += 1
            found += same
            if same < len(child.key):
                return self.split(child, same), found
            node = child
        return node, found

    def insert(self, key: list[object]) -> int:
        node, found = self.match(key)
        if found < len(key):
            node.children[key[found]] = Node(node, key[found:], {}, 0, self.now())
            self.evictable += len(key) - found
        return found

    def lock(self, node: Node, by: int) -> None:
        while node is not self.root:
            before, node.locks = node.locks, node.locks + by
            if before == 0:
                self.evictable -= len(node.key)
            elif node.locks == 0:
                self.evictable += len(node.key)
            node = node.parent

    def leaves(self, node: Node) -> list[Node]:
        if not node.children:
            return [node] if node.locks == 0 else []
        return [leaf for child in node.children.values() for leaf in self.leaves(child)]

    def evict(self, wanted: int) -> int:
        heap, gone = [(leaf.used, id(leaf), leaf) for leaf in self.leaves(self.root)], 0
        heapq.heapify(heap)
        while gone < wanted and heap:
            *_, leaf = heapq.heappop(heap)
            gone += len(leaf.key)
            del leaf.parent.children[leaf.key[0]]
            if not leaf.parent.children and leaf.parent.locks == 0:
                heapq.heappush(heap, (leaf.parent.used, id(leaf.parent), leaf.parent))
        self.evictable -= gone
        return gone


class Scheduler:
    def __init__(
        self, given: list[Request], *, slots: int, chunk: int, most_prompts: int, most_requests: int, caches: bool,
        longest_first: bool, mixed: bool, overlaps: bool,
    ) -> None:  # fmt: skip
        self.coming, self.waiting, self.running = deque(given), [], Batch([])
        self.chunk, self.most_prompts, self.most_requests = chunk, most_prompts, most_requests
        self.caches, self.longest_first, self.mixed, self.overlaps = caches, longest_first and caches, mixed, overlaps
        self.all_slots, self.available, self.tree = slots, slots, Tree()
        self.ratio, self.chunked, self.last = INITIAL, None, None
        self.now_s, self.device_free_s = 0.0, 0.0
        self.steps: list[Step] = []
        self.victims: list[int] = []

    def run(self) -> list[Step]:
        results: deque[tuple[list[Request], Batch, float]] = deque()
        idle = 0
        while True:
            while self.coming and self.coming[0].arrived_s <= self.now_s:
                self.waiting.append(self.coming.popleft())
            self.admitted, self.found = [], 0
            batch = self.next_batch()
            if batch is not None:
                idle = 0
                results.append(self.launch(batch))
                if not self.overlaps:
                    self.process(*results.popleft())
            if self.overlaps and self.last is not None:
                self.process(*results.popleft())
            elif batch is None:
                self.ratio = INITIAL
                idle += 1
                if idle > 2:
                    if not self.coming:
                        assert not self.waiting, "nothing can ever be computed"
                        return self.steps
                    self.now_s = max(self.now_s, self.coming[0].arrived_s)
            self.last = batch

    def launch(self, batch: Batch):
        names = [(r.number, n) for r, n in zip(batch.requests, self.lengths, strict=True)]
        free = self.available + self.tree.evictable
        self.steps.append(Step(self.now_s, tuple(names), tuple(self.admitted), tuple(self.victims), self.found, free))
        self.victims = []
        self.device_free_s = max(self.now_s, self.device_free_s) + 1.0
        return (
            list(batch.requests),
            Batch(batch.requests, is_prompts=batch.is_prompts),
            self.device_free_s,
            self.decoding,
        )

    def process(self, requests, batch, end_s, decoding) -> None:
        self.now_s = max(self.now_s, end_s)
        for r in requests:
            if r.is_finished:
                r.slots -= 1
                self.available += 1
                continue
            if r.is_retracted:
                continue
            if batch.is_prompts and r.unfinished_chunks > 0 and r not in decoding:
                r.unfinished_chunks -= 1
                continue
            r.made += 1
            r.first_s = r.first_s or self.now_s
            if r.made == r.asked:
                r.is_finished, r.done_s = True, self.now_s
                self.cache_finished(r)
            elif batch.is_prompts and r not in decoding:
                self.cache_unfinished(r)

    def cache_finished(self, r: Request) -> None:
        length = len(r.known) - 1
        if self.caches:
            there = self.tree.insert(r.known[:length])
            self.available += there - r.prefix
            self.tree.lock(r.node, -1)
        else:
            self.available += length
        r.slots -= length

    def cache_unfinished(self, r: Request) -> None:
        if not self.caches:
            return
        key = r.tokens[: r.fill]
        there = self.tree.insert(key)
        self.available += there - r.prefix
        node, found = self.tree.match(key)
        assert found == len(key)
        self.tree.lock(r.node, -1)
        self.tree.lock(node, +1)
        r.node, r.prefix = node, found

    def take(self, tokens: int) -> None:
        if not self.has_room(tokens):
            raise OutOfMemory
        self.available -= tokens

    def has_room(self, tokens: int) -> bool:
        if self.available < tokens:
            self.available += self.tree.evict(tokens)
        return self.available >= tokens

    def next_batch(self) -> Batch | None:
        excluded = []
        if self.chunked is not None:
            excluded.append(self.chunked)
            self.cache_unfinished(self.chunked)
        if self.last is not None and self.last.is_prompts:
            if self.last.chunked is not None:
                excluded.append(self.last.chunked)
            before = len(self.last.requests)
            self.last.requests = [r for r in self.last.requests if not r.is_finished and r not in excluded]
            if len(self.last.requests) < before:
                self.running.is_full = False
            if self.last.requests:
                if not self.running.requests:
                    self.running = self.last
                else:
                    self.running.requests = self.running.requests + self.last.requests
        batch = self.new_prompts()
        if batch is not None:
            return batch
        if self.running.requests:
            self.update_running()
        if not self.running.requests:
            return None
        self.running.is_prompts = False
        return self.running

    def sort_waiting(self) -> None:
        if not self.longest_first or len(self.waiting) > LONGEST_SORTED:
            return
        lengths, behind, seen = {}, set(), []
        for r in self.waiting:
            _, lengths[r.number] = self.tree.match(r.known)
            if lengths[r.number] <= THRESHOLD:
                if max((same(r.known, other.known) for other in seen), default=0) >= THRESHOLD:
                    behind.add(r.number)
                else:
                    seen.append(r)
        self.waiting.sort(key=lambda r: float("inf") if r.number in behind else -lengths[r.number])

    def new_prompts(self) -> Batch | None:
        if (self.running.is_full or not self.waiting) and self.chunked is None:
            return None
        may_come = self.most_requests - len(self.running.requests)
        if may_come <= 0 and self.chunked is None:
            self.running.is_full = True
            return None
        self.sort_waiting()
        mixed = len(self.running.requests) if self.mixed else 0
        rem_input, rem_chunk, offset, now = self.most_prompts - mixed, self.chunk - mixed, float(mixed), mixed
        for r in self.running.requests:
            offset += min(r.asked - r.made, CLIP) * self.ratio
        batch: list[tuple[Request, int]] = []

        def room() -> int:
            return self.available + self.tree.evictable

        def count(r: Request, tokens: int, further: int) -> None:
            nonlocal rem_input, rem_chunk, offset, now
            batch.append((r, tokens))
            r.fill = (r.prefix if self.caches else r.slots) + tokens
            offset, now, rem_input, rem_chunk = offset + (tokens + further), now + tokens, rem_input - tokens, rem_chunk - tokens  # fmt: skip

        if self.chunked is not None:
            r = self.chunked
            lacks, most = len(r.known) - r.slots, min(rem_chunk, int(room() - offset))
            if most < 1:
                raise OutOfMemory
            if lacks <= most:
                self.chunked = None
            count(r, min(lacks, most), 0 if lacks > most else min(r.asked, CLIP))
        new_chunked = None
        for r in self.waiting:
            if len(batch) >= may_come:
                self.running.is_full = True
                break
            node, found = self.tree.match(r.known[:-1]) if self.caches else (self.tree.root, 0)
            lacks = len(r.known) - found
            total = lacks + min(r.asked - r.made, CLIP)
            if total >= room() - offset:
                self.running.is_full = True
                break
            if lacks >= rem_input and batch:
                break
            self.tree.lock(node, +1)
            if total >= room() - offset:
                self.tree.lock(node, -1)
                self.running.is_full = True
                break
            if lacks > rem_chunk and rem_chunk <= 0:
                self.tree.lock(node, -1)
                break
            r.node, r.prefix, r.slots, r.is_retracted = node, found, found, False
            self.admitted.append(r.number)
            self.found += found
            if lacks <= rem_chunk:
                count(r, lacks, min(r.asked, CLIP))
            else:
                new_chunked = r
                count(r, rem_chunk, 0)
            if room() - offset <= 0 or room() - now <= 0:
                self.running.is_full = True
                break
            if rem_input <= 0 or rem_chunk <= 0:
                break
        if not batch:
            return None
        chosen = [r for r, _ in batch]
        self.waiting = [r for r in self.waiting if r not in chosen]
        if new_chunked is not None:
            assert self.chunked is None
            self.chunked = new_chunked
        if self.chunked is not None:
            self.chunked.unfinished_chunks += 1
        self.take(sum(tokens for _, tokens in batch))
        for r, tokens in batch:
            r.slots += tokens
        self.lengths, self.decoding = [tokens for _, tokens in batch], []
        made = Batch(chosen, is_prompts=True, chunked=self.chunked)
        if self.mixed and self.running.requests:
            self.running.requests = [r for r in self.running.requests if not r.is_finished]
            if self.running.requests:
                self.prepare_for_decode()
                self.lengths = [tokens for _, tokens in batch] + self.lengths
                self.decoding = self.running.requests
                made.requests = made.requests + self.decoding
            self.running = Batch([], is_full=self.running.is_full)
        return made

    def prepare_for_decode(self) -> None:
        self.take(len(self.running.requests))
        self.lengths, self.decoding = [1] * len(self.running.requests), []
        for r in self.running.requests:
            r.slots += 1

    def update_running(self) -> None:
        running, before = self.running, len(self.running.requests)
        running.requests = [r for r in running.requests if not r.is_finished]
        if not running.requests:
            running.is_full = False
            return
        if self.has_room(len(running.requests)):
            lowest = INITIAL * 0.14
            self.ratio = max(self.ratio - (INITIAL - lowest) / DECAY_STEPS, lowest)
        else:
            self.retract()
        if len(running.requests) < before:
            running.is_full = False
        self.prepare_for_decode()

    def retract(self) -> None:
        left, is_first = self.running.requests, True
        left = sorted(left, key=lambda r: (r.made, -r.prompt), reverse=True)
        while is_first or not self.has_room(len(left)):
            if len(left) == 1:
                if self.available <= 0:
                    raise OutOfMemory
                break
            is_first = False
            r = left.pop()
            self.available += r.slots - (r.prefix if self.caches else 0)
            if self.caches:
                self.tree.lock(r.node, -1)
                self.has_room(len(left) * STEPS_AFTER)
            r.slots = r.prefix = 0
            r.node, r.is_retracted, r.restarts = None, True, r.restarts + 1
            self.victims.append(r.number)
            self.waiting.append(r)
        self.running.requests = left
        self.ratio = min(1.0, (sum(r.made for r in left) + STEPS_AFTER * len(left)) / sum(r.asked for r in left))


def same(one: list[object], other: list[object]) -> int:
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count
