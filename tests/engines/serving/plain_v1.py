"""vLLM's V1 scheduler and its prefix cache once more, as plainly as can be: tokens are spelled out, nothing is hashed, a step takes 1 s."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.engines.serving.plain_tiers import Tiers


@dataclass
class Request:
    number: int
    arrived_s: float
    tokens: list[object]  # of the prompt and, one after another, of the answer
    prompt: int
    asked: int
    computed: int = 0
    made: int = 0
    blocks: list[int] = field(default_factory=list)
    first_s: float = 0.0
    done_s: float = 0.0
    restarts: int = 0
    turned_away: str = ""
    begun: bool = False
    is_brought: bool = False  # the KV cache of its prompt comes with it, and it has its first token
    sent_s: float = 0.0  # when its own is with another pool
    priority: int = 0
    adapter: int | None = None
    is_decoding: bool = False
    stage: str = ""  # of its load
    kept_s: float = 0.0  # when the last copy of its blocks is there

    @property
    def known(self) -> int:
        return self.prompt + self.made

    @property
    def rank(self) -> tuple[int, float]:
        return self.priority, self.arrived_s


class Step(NamedTuple):
    start_s: float
    requests: tuple[tuple[int, int], ...]
    admitted: tuple[int, ...]
    preempted: tuple[int, ...]
    found_tokens: int
    free_blocks: int


class Pool:
    """Blocks: `free` from the least recently used on."""

    def __init__(self, count: int, size: int, *, caches: bool) -> None:
        self.size, self.caches = size, caches
        self.free = OrderedDict.fromkeys(range(count))
        self.users = [0] * count
        self.content: list[object] = [None] * count
        self.found: dict[object, list[int]] = {}

    def hits(self, request: Request) -> list[int]:
        blocks: list[int] = []
        while self.caches and (len(blocks) + 1) * self.size <= request.known - 1:
            key = tuple(request.tokens[: (len(blocks) + 1) * self.size])
            if key not in self.found:
                break
            blocks.append(self.found[key][0])
        return blocks

    def allocate(self, request: Request, reach: int, hits: list[int], kept: int | None = None) -> bool:
        """Whether there was room. Of so many tokens blocks are found again; all, where it is not said."""
        missing = -(-reach // self.size) - len(hits) - len(request.blocks)
        if missing + sum(self.users[block] == 0 for block in hits) > len(self.free):
            return False
        for block in hits:
            self.free.pop(block, None)
            self.users[block] += 1
        request.blocks += hits
        for _ in range(missing):
            block, _ = self.free.popitem(last=False)
            key = self.content[block]
            if key is not None:
                self.found[key].remove(block)
                if not self.found[key]:
                    del self.found[key]
                self.content[block] = None
            self.users[block] = 1
            request.blocks.append(block)
        for place, block in enumerate(
            request.blocks[: (reach if kept is None else kept) // self.size] if self.caches else []
        ):
            if self.content[block] is None:
                self.content[block] = key = tuple(request.tokens[: (place + 1) * self.size])
                self.found.setdefault(key, []).append(block)
        return True

    def release(self, request: Request) -> None:
        for block in reversed(request.blocks):
            self.users[block] -= 1
            if self.users[block] == 0:
                self.free[block] = None
        request.blocks = []


def let_in(coming: list[Request], waiting: list[Request], until_s: float, most: float, most_wait_s: float) -> None:
    """Whoever comes until some time, and who of those that wait has no patience left: in the order of time, who leaves first."""
    while True:
        due_s, first = min(
            ((one.arrived_s + most_wait_s, one.number) for one in waiting if not one.begun), default=(inf, -1)
        )
        if due_s <= min(until_s, coming[0].arrived_s if coming else inf):
            gone = next(one for one in waiting if one.number == first)
            gone.turned_away = "waited"
            waiting.remove(gone)
        elif coming and coming[0].arrived_s <= until_s:
            one = coming.pop(0)
            if len(waiting) < most:
                waiting.append(one)
            else:
                one.turned_away = "full"
        else:
            return


def release_sent(sending: list[Request], pool: Pool, now_s: float) -> None:
    """Who is through and whose KV cache is where it was sent gives his blocks back, in the order of time."""
    for request in sorted((one for one in sending if one.sent_s <= now_s), key=lambda one: one.sent_s):
        pool.release(request)
        sending.remove(request)


def make_room(waiting: list[Request], request: Request, pool: Pool, tiers: Tiers) -> bool:
    """Whether somebody who is loaded gave his blocks back, as nobody could ever go on."""
    others = [one for one in waiting if one is not request and one.stage == "loaded"]
    if not others or tiers.coming:
        return False
    pool.release(others[-1])
    others[-1].stage = ""
    return True


def run(
    given: list[Request],
    pool: Pool,
    *,
    most_tokens: int,
    most_requests: int,
    chunk: int = 0,
    chunked: bool = True,
    most_waiting: float = inf,
    most_wait_s: float = inf,
    send_s: Callable[[Request], float | None] | None = None,
    by_priority: bool = False,
    most_adapters: int = 0,
    drafts: int = 0,
    lookahead: int = 0,
    longest: int = 10**9,
    accepted: Callable[[Request], int] = lambda request: 0,
    tiers: Tiers | None = None,
) -> list[Step]:
    """What was decided, step by step. `send_s`: of a request that is through, what its KV cache takes to another pool."""
    now_s, waiting, running, steps, coming, victims = 0.0, [], [], [], list(given), []
    link_s, sending = 0.0, []
    while coming or waiting or running or sending:
        release_sent(sending, pool, now_s)
        if tiers:
            tiers.arrive(now_s)
        let_in(coming, waiting, now_s, most_waiting, most_wait_s)
        if by_priority:
            waiting.sort(key=lambda one: (*one.rank, one.number))
        if not waiting and not running:
            if coming or sending:
                now_s = min([one.arrived_s for one in coming[:1]] + [one.sent_s for one in sending])
            continue
        budget, step, at, was_preempted, admitted, found = most_tokens, [], 0, False, [], 0
        while at < len(running) and budget > 0:
            request = running[at]
            tokens = request.known - request.computed + (drafts if request.is_decoding else 0)
            tokens = min(tokens, chunk or most_tokens, budget, longest - 1 - request.computed)
            held = min(request.computed + tokens + lookahead, longest)
            fits = pool.allocate(request, held, [], min(request.computed + tokens, request.known))
            while not fits:
                victim, was_preempted = running[-1], True
                if by_priority:
                    victim = max(running, key=lambda one: one.rank)  # the first of equals
                    for place in [place for place, (one, _) in enumerate(step) if one is victim]:
                        budget += step.pop(place)[1]
                        at -= 1
                running.remove(victim)
                pool.release(victim)
                victims.append(victim.number)
                victim.computed, victim.restarts, victim.is_decoding = 0, victim.restarts + 1, False
                waiting.insert(0, victim)
                if victim is request:
                    break
                fits = pool.allocate(request, held, [], min(request.computed + tokens, request.known))
            if not fits:
                break
            step.append((request, tokens))
            budget -= tokens
            at += 1
        passed = 0
        while not was_preempted and waiting[passed:] and budget > 0 and len(running) < most_requests:
            request = waiting[passed]
            if tiers and request.stage == "loading":
                passed += 1
                continue
            others = {one.adapter for one in running} - {None}
            if most_adapters and request.adapter is not None and len(others | {request.adapter}) > most_adapters:
                passed += 1
                continue
            hits = [] if request.stage else pool.hits(request)
            brought = request.prompt if request.is_brought and not request.restarts else 0
            if tiers and request.stage:
                brought = min(len(request.blocks) * pool.size, request.known - 1)
                pool.allocate(request, brought, [])  # from now on others find them
            elif tiers:
                ahead = tiers.look_up(request, len(hits), now_s)
                if ahead is None:
                    passed += 1
                    continue
                if ahead:
                    reach = (len(hits) + len(ahead)) * pool.size
                    if pool.allocate(request, reach, hits, len(hits) * pool.size):
                        tiers.load(request, len(hits), ahead, now_s)
                        passed += 1
                        continue
                    if not step and not running and not sending and make_room(waiting, request, pool, tiers):
                        continue
                    break
            tokens = min(request.known - max(brought, len(hits) * pool.size), chunk or 10**9)
            if not chunked and tokens > budget:
                break
            tokens = min(tokens, budget)
            if not pool.allocate(request, max(brought, len(hits) * pool.size) + tokens, hits):
                if tiers and not step and not running and not sending and make_room(waiting, request, pool, tiers):
                    continue
                break
            request.stage = ""
            running.append(waiting.pop(passed))
            request.begun = True
            request.computed = max(brought, len(hits) * pool.size)
            step.append((request, tokens))
            admitted.append(request.number)
            found += request.computed
            budget -= tokens
        if not step:
            loads_s = tiers.next_s() if tiers else []
            assert was_preempted or sending or loads_s, "nothing can ever be computed"
            if not was_preempted:
                now_s = min([one.arrived_s for one in coming[:1]] + [one.sent_s for one in sending] + loads_s)
            continue
        if tiers:
            tiers.offer(step, admitted, now_s)
        names = tuple((request.number, tokens) for request, tokens in step)
        steps.append(Step(now_s, names, tuple(admitted), tuple(victims), found, len(pool.free)))
        victims = []
        now_s += 1.0
        release_sent(sending, pool, now_s)
        for store in tiers.stores if tiers else ():
            store.copy(now_s)
        for request, tokens in step:
            if (
                request.is_decoding
            ):  # one token, and of the drafts those up to the first that is refused, or the last that is asked for
                more = min(1 + min(accepted(request), tokens - 1), request.asked - request.made)
                request.computed += more
                request.made += more - 1
            else:
                request.computed += tokens
            if request.computed == request.known:
                request.is_decoding = True
                request.made += 1
                request.first_s = request.first_s or now_s
                if request.made == request.asked:
                    request.done_s = now_s
                    running.remove(request)
                    takes_s = None if send_s is None else send_s(request)
                    if request.kept_s > now_s:
                        request.sent_s = request.kept_s
                        sending.append(request)
                    elif takes_s is None:
                        pool.release(request)
                    else:
                        request.sent_s = link_s = max(link_s, now_s) + takes_s
                        sending.append(request)
    return steps
