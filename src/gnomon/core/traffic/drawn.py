"""The requests of a stream: drawn from what a user said of it.

Arrivals, lengths, what is shared and so on are drawn from generators of their own, spawned from one seed in a fixed order:
who changes what is said of one leaves the draws of the others as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gnomon.core.errors import BadInput
from gnomon.core.service import Arrivals, Floats, Ints, Prefixes
from gnomon.core.traffic.arrival_times import arrival_times_s
from gnomon.core.traffic.lengths import Pairs, drawn_pairs, drawn_ranks, drawn_tokens
from gnomon.core.traffic.sharing import Conversations
from gnomon.core.traffic.traffic import Traffic

NONE = -1  # of what is a place or a number of something


class Streams(NamedTuple):
    """Generators; a new one goes to the end, or every stream drawn before changes."""

    arrivals: np.random.Generator
    prompts: np.random.Generator
    answers: np.random.Generator
    system_lengths: np.random.Generator
    system_choices: np.random.Generator
    repetition: np.random.Generator
    turns: np.random.Generator
    thinking: np.random.Generator
    priorities: np.random.Generator
    adapters: np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sessions:
    """Who arrives, each with one request or several turns; of those, one array of all sessions, session by session."""

    arrived_s: Floats  # (sessions)
    system: Ints  # (sessions): which system prompt
    pooled: Ints  # (sessions): which of the prompts that are sent again
    priority: Ints | None  # (sessions)
    adapter: Ints | None  # (sessions)
    of: Ints  # (requests): the session
    turn: Ints  # (requests): from 0
    asked: Ints  # (requests): tokens of what is new
    answered: Ints  # (requests)
    prompts: Ints  # (requests): tokens of the whole prompt
    think_s: Floats  # (requests): of a turn after the first


def streams(seed: int) -> Streams:
    """A generator for each thing that is drawn."""
    children = np.random.SeedSequence(seed).spawn(len(Streams._fields))
    return Streams(*(np.random.Generator(np.random.PCG64(child)) for child in children))


def drawn(traffic: Traffic) -> Arrivals:
    """The requests: first turns in the order of their arrival, then second turns in that of their first, and so on.

    The same traffic gives the same bytes with the same version of numpy.
    """
    sessions = _drawn_sessions(traffic, streams(traffic.seed))
    order = np.argsort(sessions.turn, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    is_later = sessions.turn > 0
    before = np.full(len(order), NONE, np.int64)
    before[is_later] = place[np.flatnonzero(is_later) - 1]
    moments = np.where(is_later, sessions.think_s, sessions.arrived_s[sessions.of])
    return Arrivals(
        ids=np.arange(len(order), dtype=np.int64),
        arrived_s=moments[order],
        prefill_tokens=sessions.prompts[order],
        decode_tokens=sessions.answered[order],
        prefixes=_prefixes(traffic, sessions, order),
        after=before[order] if is_later.any() else None,
        priorities=None if sessions.priority is None else sessions.priority[sessions.of][order],
        adapters=None if sessions.adapter is None else sessions.adapter[sessions.of][order],
    )


def _drawn_sessions(traffic: Traffic, generators: Streams) -> _Sessions:
    arrived_s = arrival_times_s(traffic.arrivals, traffic.requests, traffic.duration_s, generators.arrivals)
    count = len(arrived_s)
    if not count:
        raise BadInput("nothing arrives in that time", field="duration_s")
    talks = traffic.conversations
    turns = np.ones(count, np.int64) if talks is None else drawn_tokens(talks.turns, count, generators.turns)
    if traffic.requests is not None and talks is not None and talks.most_tokens is None:
        begun = int(np.searchsorted(np.cumsum(turns), traffic.requests)) + 1  # enough of them: the others stay away
        arrived_s, turns = arrived_s[:begun], turns[:begun]
        count = len(turns)
    of = np.repeat(np.arange(count, dtype=np.int64), turns)
    turn = np.arange(len(of), dtype=np.int64) - np.repeat(np.cumsum(turns) - turns, turns)
    asked, answered = drawn_pairs(traffic.lengths, len(of), generators.prompts, generators.answers)
    pooled = _drawn_pool(traffic, count, generators)
    if traffic.repetition is not None:
        first = _first_use(pooled)
        asked = asked[first]
        answered = answered[first] if isinstance(traffic.lengths, Pairs) else answered
    system, system_tokens = _drawn_systems(traffic, pooled, count, generators)
    prompts = asked.copy() if talks is None or not talks.keeps_history else _with_history(turn, asked, answered)
    if system_tokens is not None:
        prompts += system_tokens[system[of]]
    kept = _kept(traffic, turn, prompts + answered)
    return _Sessions(
        arrived_s=arrived_s,
        system=system,
        pooled=pooled,
        priority=_drawn_priorities(traffic, count, generators.priorities),
        adapter=_drawn_adapters(traffic, count, generators.adapters),
        of=of[kept],
        turn=turn[kept],
        asked=asked[kept],
        answered=answered[kept],
        prompts=prompts[kept],
        think_s=_thinking_s(talks, len(of), generators.thinking)[kept],
    )


def _drawn_pool(traffic: Traffic, count: int, generators: Streams) -> Ints:
    """Which of the prompts that are sent again each session sends; none where none is."""
    pool = traffic.repetition
    if pool is None:
        return np.full(count, NONE, np.int64)
    if pool.is_in_turn:
        return generators.repetition.permutation(pool.prompts)[np.arange(count) % pool.prompts]
    return drawn_ranks(pool.prompts, pool.exponent, count, generators.repetition)


def _first_use(pooled: Ints) -> Ints:
    """For each session the place of the first that sends the same prompt: whose length it has, too."""
    _, first, which = np.unique(pooled, return_index=True, return_inverse=True)
    return first[which]


def _drawn_systems(traffic: Traffic, pooled: Ints, count: int, generators: Streams) -> tuple[Ints, Ints | None]:
    """Which system prompt each session has, and how long each is. Prompts that are sent again keep theirs."""
    systems = traffic.system_prompts
    if systems is None:
        return np.full(count, NONE, np.int64), None
    tokens = drawn_tokens(systems.tokens, systems.count, generators.system_lengths)
    if traffic.repetition is None:
        return drawn_ranks(systems.count, systems.exponent, count, generators.system_choices), tokens
    if systems.exponent:
        of_pool = drawn_ranks(systems.count, systems.exponent, traffic.repetition.prompts, generators.system_choices)
        return of_pool[pooled], tokens
    return pooled % systems.count, tokens


def _with_history(turn: Ints, asked: Ints, answered: Ints) -> Ints:
    """Tokens of prompts that begin with all former prompts and answers."""
    through = np.cumsum(asked + answered)  # of this session and those before it
    begin = np.where(turn == 0, through - asked - answered, 0)
    before: Ints = through - answered - np.maximum.accumulate(begin)
    return before


def _kept(traffic: Traffic, turn: Ints, whole: Ints) -> np.ndarray:
    """Which turns take place: none after one that is too long, and no more than were asked for."""
    kept = np.ones(len(turn), bool)
    talks = traffic.conversations
    if talks is not None and talks.most_tokens is not None:
        too_long = np.cumsum((whole > talks.most_tokens) & (turn > 0))
        at_first = np.maximum.accumulate(np.where(turn == 0, too_long, 0))
        kept = too_long == at_first
    if traffic.requests is not None:
        kept &= np.cumsum(kept) <= traffic.requests
    return kept


def _thinking_s(talks: Conversations | None, count: int, generator: np.random.Generator) -> Floats:
    if talks is None or not talks.think_s or not talks.think_cv:
        return np.full(count, 0.0 if talks is None else talks.think_s, float)
    shape = 1 / talks.think_cv**2
    thinking: Floats = generator.standard_gamma(shape, count) * (talks.think_s / shape)
    return thinking


def _drawn_priorities(traffic: Traffic, count: int, generator: np.random.Generator) -> Ints | None:
    if not traffic.priorities:
        return None
    levels = np.array([level for level, _ in traffic.priorities], np.int64)
    cumulative = np.cumsum([weight for _, weight in traffic.priorities])
    found = np.searchsorted(cumulative, generator.random(count) * cumulative[-1], side="right")
    chosen: Ints = levels[np.minimum(found, len(levels) - 1)]
    return chosen


def _drawn_adapters(traffic: Traffic, count: int, generator: np.random.Generator) -> Ints | None:
    if traffic.adapters is None:
        return None
    is_bare = generator.random(count) < traffic.adapters.bare_share
    which = drawn_ranks(traffic.adapters.count, traffic.adapters.exponent, count, generator)
    asked_for: Ints = np.where(is_bare, NONE, which)
    return asked_for


def _prefixes(traffic: Traffic, sessions: _Sessions, order: Ints) -> Prefixes | None:
    """What the prompts are made of; none where they have nothing in common.

    A session is a chain of pieces: system prompt, first question, its answer, second question, and so on; a prompt is the
    beginning of that chain, or without history the system prompt and one question.
    """
    talks = traffic.conversations
    has_history = talks is not None and talks.keeps_history and bool((sessions.turn > 0).any())
    if traffic.system_prompts is None and traffic.repetition is None and not has_history:
        return None
    systems = traffic.system_prompts.count if traffic.system_prompts else 0
    pool = traffic.repetition.prompts if traffic.repetition else 0
    variants = traffic.adapters.count + 1 if traffic.adapters else 1  # what one adapter computed is no other's
    variant = np.zeros(len(sessions.of), np.int64) if sessions.adapter is None else sessions.adapter[sessions.of] + 1
    requests = len(sessions.of)
    own = (systems + pool) * variants
    is_last = np.append(sessions.turn[1:], 0) == 0
    questions = own + np.arange(requests) if not pool else (systems + sessions.pooled[sessions.of]) * variants + variant
    answers = own + requests + np.arange(requests)
    # The chain: of each request its question and its answer, of a first turn the system prompt before them.
    has_system = (sessions.turn == 0) & (systems > 0)
    begins = np.cumsum(2 + has_system) - (2 + has_system)  # of each request, in the chain
    chain = np.empty(2 * requests + int(has_system.sum()), np.int64)
    tokens = np.empty_like(chain)
    system = begins[has_system]
    chain[system] = sessions.system[sessions.of][has_system] * variants + variant[has_system]
    tokens[system] = (sessions.prompts - sessions.asked)[has_system]
    question = begins + has_system
    chain[question], tokens[question] = questions, sessions.asked
    chain[question + 1], tokens[question + 1] = answers, sessions.answered
    first = np.maximum.accumulate(np.where(sessions.turn == 0, begins, 0))  # of each request's session
    if has_history:
        pieces = _runs(first[order], (question - first + 1)[order])
        starts = np.concatenate([[0], np.cumsum((question - first + 1)[order])])
    else:
        columns = [question[order]] if not systems else [first[order], question[order]]
        pieces = np.stack(columns, axis=1).ravel()
        starts = np.arange(requests + 1, dtype=np.int64) * len(columns)
    return Prefixes(
        starts=starts,
        segments=chain[pieces],
        tokens=tokens[pieces],
        answers=np.where(is_last | (not has_history), NONE, answers)[order],
    )


def _runs(begins: Ints, lengths: Ints) -> Ints:
    """begins[0], begins[0] + 1, ... so many, then likewise from begins[1]."""
    before = np.cumsum(lengths) - lengths
    places: Ints = np.arange(int(lengths.sum()), dtype=np.int64) + np.repeat(begins - before, lengths)
    return places
