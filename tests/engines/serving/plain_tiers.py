"""Slower memories behind one replica's KV cache once more, as plainly as can be: what they hold is known by the tokens themselves."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from math import inf

from tests.engines.serving.plain_v1 import Request


@dataclass
class Place:
    ready_s: float = inf
    users: int = 0


@dataclass
class Store:
    """Places from the one used longest ago on."""

    size: int
    block_s: float
    has: OrderedDict[object, Place] = field(default_factory=OrderedDict)
    in_s: float = 0.0
    out_s: float = 0.0
    stored: dict[int, int] = field(default_factory=dict)  # by request: blocks that were offered
    copies: list[tuple[Request, list[object]]] = field(default_factory=list)
    copied: int = 0
    loaded: dict[int, int] = field(default_factory=dict)  # by request

    def is_ready(self, key: object, now_s: float) -> bool:
        return key in self.has and self.has[key].ready_s <= now_s

    def use(self, keys: list[object]) -> None:
        for key in reversed(keys):
            if key in self.has:
                self.has.move_to_end(key)

    def offer(self, request: Request, keys: list[object], now_s: float) -> None:
        start = self.stored.get(request.number, 0)
        if start >= len(keys) or not self.size:
            return
        missing = [key for key in keys[start:] if key not in self.has]
        idle = [key for key, place in self.has.items() if place.users == 0 and place.ready_s <= now_s]
        over = max(len(missing) - (self.size - len(self.has)), 0)
        if over > len(idle):
            return
        self.stored[request.number] = len(keys)
        if not missing:
            return
        for key in idle[:over]:
            del self.has[key]
        for key in missing:
            self.has[key] = Place()
        self.copies.append((request, missing))
        self.copied += len(missing)
        self.use(keys)

    def copy(self, now_s: float) -> None:
        for request, keys in self.copies:
            self.out_s = max(self.out_s, now_s) + len(keys) * self.block_s
            for key in keys:
                self.has[key].ready_s = self.out_s
            request.kept_s = max(request.kept_s, self.out_s)
        self.copies = []


@dataclass
class Tiers:
    stores: tuple[Store, ...]
    block: int
    waits_s: dict[int, float] = field(default_factory=dict)
    coming: list[tuple[float, float, Request, list[tuple[Store, object]]]] = field(default_factory=list)

    def keys(self, request: Request, tokens: int) -> list[object]:
        return [tuple(request.tokens[: (place + 1) * self.block]) for place in range(tokens // self.block)]

    def look_up(self, request: Request, found: int, now_s: float) -> list[tuple[Store, object]] | None:
        keys, hits = self.keys(request, request.known), []
        for store in self.stores:
            store.use(keys)
        for key in keys[found:]:
            having = [store for store in self.stores if store.is_ready(key, now_s)]
            if not having:
                break
            hits.append((having[0], key))
        on_the_way = {key for *_, of_one in self.coming for _, key in of_one}
        return None if any(key in on_the_way for _, key in hits) else hits

    def load(self, request: Request, found: int, hits: list[tuple[Store, object]], now_s: float) -> None:
        there_s = now_s
        for store in self.stores:
            count = sum(having is store for having, _ in hits)
            if count:
                store.in_s = max(store.in_s, now_s) + count * store.block_s
                there_s = max(there_s, store.in_s)
                store.loaded[request.number] = store.loaded.get(request.number, 0) + count * self.block
            later = [place for place, (having, _) in enumerate(hits) if having is not self.stores[0]]
            first = later[0] if store is self.stores[0] and later else len(hits)
            store.stored[request.number] = found + first
        for store, key in hits:
            store.has[key].users += 1
        self.coming.append((there_s, now_s, request, hits))
        request.stage = "loading"

    def arrive(self, now_s: float) -> None:
        for one in [one for one in self.coming if one[0] <= now_s]:
            there_s, began_s, request, hits = one
            for store, key in hits:
                store.has[key].users -= 1
            request.stage = "loaded"
            self.waits_s[request.number] = self.waits_s.get(request.number, 0.0) + there_s - began_s
            self.coming.remove(one)

    def offer(self, step: list[tuple[Request, int]], admitted: list[int], now_s: float) -> None:
        def turn(request: Request) -> int:
            return 1 if request.number not in admitted else (0 if not request.restarts else 2)

        for request, tokens in sorted(step, key=lambda one: turn(one[0])):
            for store in self.stores:
                store.offer(request, self.keys(request, request.computed + tokens), now_s)

    def next_s(self) -> list[float]:
        return [there_s for there_s, *_ in self.coming]


def tiers(block: int, *given: tuple[int, float]) -> Tiers:
    """Stores of so many blocks, that take so many seconds for one."""
    return Tiers(tuple(Store(*one) for one in given), block)
