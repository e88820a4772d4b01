"""Requests drawn from traffic: the same each time, one thing apart from another, and what prompts have in common."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.digest import digest
from gnomon.core.errors import BadInput
from gnomon.core.traffic.arrival_processes import AllAtOnce, Constant, Gamma, Poisson
from gnomon.core.traffic.drawn import drawn
from gnomon.core.traffic.inference_perf import shared_prefix_traffic
from gnomon.core.traffic.lengths import Fixed, Lengths, Listed, Lognormal, Pairs, Uniform
from gnomon.core.traffic.sharing import Conversations, Repetition, SystemPrompts
from gnomon.core.traffic.traffic import Adapters, Traffic

LENGTHS = Lengths(prompts=Lognormal(mean=200.0, cv=0.8), answers=Uniform(least=1, most=99))
PLAIN = Traffic(arrivals=Poisson(rate_per_s=3.0), lengths=LENGTHS, requests=400, seed=11)
RICH = replace(
    PLAIN,
    system_prompts=SystemPrompts(tokens=Uniform(least=20, most=60), count=5, exponent=1.0),
    conversations=Conversations(turns=Uniform(least=1, most=6), think_s=4.0, think_cv=1.0),
    priorities=((0, 1.0), (5, 3.0)),
    adapters=Adapters(count=3, bare_share=0.5),
)


def bytes_of(arrivals):
    found = []
    for field in fields(arrivals):
        value = getattr(arrivals, field.name)
        if field.name == "prefixes" and value is not None:
            found += [getattr(value, name.name).tobytes() for name in fields(value)]
        elif value is not None:
            found.append(value.tobytes())
    return found


def pieces(arrivals, place):
    begin, end = arrivals.prefixes.starts[place : place + 2]
    return list(
        zip(arrivals.prefixes.segments[begin:end].tolist(), arrivals.prefixes.tokens[begin:end].tolist(), strict=True)
    )


def check_whole(arrivals):
    """What holds for any requests."""
    count = len(arrivals)
    assert arrivals.ids.tolist() == list(range(count))
    after = np.full(count, -1) if arrivals.after is None else arrivals.after
    assert np.all(after < np.arange(count))
    assert np.all(np.diff(arrivals.arrived_s[after == -1]) >= 0)
    assert arrivals.prefill_tokens.min() >= 1
    assert arrivals.decode_tokens.min() >= 1
    if arrivals.prefixes is not None:
        sums = np.add.reduceat(arrivals.prefixes.tokens, arrivals.prefixes.starts[:-1])
        assert np.array_equal(sums, arrivals.prefill_tokens)
        assert arrivals.prefixes.starts[-1] == len(arrivals.prefixes.segments)
        length_of = dict(zip(arrivals.prefixes.segments.tolist(), arrivals.prefixes.tokens.tolist(), strict=True))
        assert all(
            length_of[segment] == tokens
            for segment, tokens in zip(arrivals.prefixes.segments, arrivals.prefixes.tokens, strict=True)
        )


@pytest.mark.parametrize("traffic", [PLAIN, RICH], ids=["plain", "rich"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(traffic):
    assert bytes_of(drawn(traffic)) == bytes_of(drawn(traffic))
    assert bytes_of(drawn(traffic)) != bytes_of(drawn(replace(traffic, seed=12)))


def test_changing_the_arrivals_leaves_lengths_and_sharing_alone():
    one, other = drawn(RICH), drawn(replace(RICH, arrivals=Gamma(rate_per_s=9.0, cv=3.0)))
    later = one.after >= 0
    assert not np.array_equal(one.arrived_s[~later], other.arrived_s[~later])
    assert np.array_equal(one.arrived_s[later], other.arrived_s[later])
    assert np.array_equal(one.prefill_tokens, other.prefill_tokens)
    assert bytes_of(replace(one, arrived_s=one.ids)) == bytes_of(replace(other, arrived_s=other.ids))


def test_changing_prompts_leaves_arrivals_answers_and_turns_alone():
    one = drawn(RICH)
    other = drawn(replace(RICH, lengths=Lengths(prompts=Fixed(tokens=7), answers=LENGTHS.answers)))
    for name in ("arrived_s", "decode_tokens", "after", "priorities", "adapters"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    assert np.array_equal(one.prefixes.segments, other.prefixes.segments)


def test_a_system_prompt_leaves_the_questions_alone():
    one = drawn(PLAIN)
    other = drawn(replace(PLAIN, system_prompts=SystemPrompts(tokens=Fixed(tokens=50), count=3)))
    assert np.array_equal(one.prefill_tokens + 50, other.prefill_tokens)
    assert np.array_equal(one.arrived_s, other.arrived_s)


def test_requests_without_anything_in_common_have_no_prefixes():
    arrivals = drawn(PLAIN)
    assert (arrivals.prefixes, arrivals.after, arrivals.priorities, arrivals.adapters) == (None, None, None, None)
    check_whole(arrivals)


def test_a_system_prompt_is_shared_and_what_follows_is_not():
    arrivals = drawn(replace(PLAIN, system_prompts=SystemPrompts(tokens=Fixed(tokens=50), count=3)))
    check_whole(arrivals)
    heads = [pieces(arrivals, place)[0] for place in range(len(arrivals))]
    tails = [pieces(arrivals, place)[1][0] for place in range(len(arrivals))]
    assert {segment for segment, _ in heads} == {0, 1, 2}
    assert {tokens for _, tokens in heads} == {50}
    assert len(set(tails)) == len(arrivals)


def test_popular_system_prompts_come_as_often_as_they_should():
    systems = SystemPrompts(tokens=Fixed(tokens=1), count=3, exponent=1.0)
    arrivals = drawn(replace(PLAIN, requests=110_000, system_prompts=systems))
    counts = np.bincount(arrivals.prefixes.segments[0::2])
    expected = np.array([60_000, 30_000, 20_000])  # as 1 : 1/2 : 1/3
    assert np.all(abs(counts - expected) < 4 * np.sqrt(expected))


def test_each_turn_begins_with_all_that_was_said_and_waits_for_it():
    talks = Conversations(turns=Fixed(tokens=3), think_s=2.5)
    lengths = Lengths(prompts=Listed(tokens=(10, 20, 30, 40, 50, 60)), answers=Listed(tokens=(1, 2, 3, 4, 5, 6)))
    systems = SystemPrompts(tokens=Fixed(tokens=100))
    arrivals = drawn(
        Traffic(
            arrivals=Constant(rate_per_s=1.0), lengths=lengths, requests=6, conversations=talks, system_prompts=systems
        )
    )
    check_whole(arrivals)
    assert arrivals.arrived_s.tolist() == [1.0, 2.0, 2.5, 2.5, 2.5, 2.5]
    assert arrivals.after.tolist() == [-1, -1, 0, 1, 2, 3]
    assert arrivals.prefill_tokens.tolist() == [110, 140, 131, 194, 163, 259]
    assert [tokens for _, tokens in pieces(arrivals, 5)] == [100, 40, 4, 50, 5, 60]
    assert pieces(arrivals, 4)[:4] == pieces(arrivals, 2)
    assert pieces(arrivals, 4)[4] == (arrivals.prefixes.answers[2], 2)
    assert arrivals.prefixes.answers[4:].tolist() == [-1, -1]


def test_users_without_history_wait_and_ask_anew():
    talks = Conversations(turns=Fixed(tokens=4), keeps_history=False)
    arrivals = drawn(replace(PLAIN, conversations=talks))
    assert arrivals.prefixes is None
    assert np.bincount(arrivals.after + 1)[0] == 100
    check_whole(arrivals)


def test_conversations_end_before_they_are_too_long():
    talks = Conversations(turns=Fixed(tokens=20), most_tokens=2000)
    arrivals = drawn(replace(PLAIN, conversations=talks))
    later = arrivals.after >= 0
    whole = arrivals.prefill_tokens + arrivals.decode_tokens
    assert len(arrivals) == 400
    assert whole[later].max() <= 2000
    check_whole(arrivals)


def test_repeated_prompts_keep_text_and_length():
    pool = Repetition(prompts=7, exponent=0.5)
    arrivals = drawn(replace(PLAIN, repetition=pool))
    check_whole(arrivals)
    assert set(arrivals.prefixes.segments) == set(range(7))
    paired = drawn(
        replace(PLAIN, repetition=pool, lengths=Pairs(prompts=tuple(range(1, 400)), answers=tuple(range(1, 400))))
    )
    assert np.array_equal(paired.prefill_tokens, paired.decode_tokens)


def test_what_one_adapter_computed_is_no_others():
    systems = SystemPrompts(tokens=Fixed(tokens=50), count=2)
    arrivals = drawn(replace(PLAIN, system_prompts=systems, adapters=Adapters(count=2, bare_share=0.3)))
    owners = {}
    for place, adapter in enumerate(arrivals.adapters.tolist()):
        owners.setdefault(pieces(arrivals, place)[0][0], set()).add(adapter)
    assert len(owners) == 6
    assert all(len(adapters) == 1 for adapters in owners.values())


def test_priorities_and_adapters_have_their_shares():
    arrivals = drawn(replace(PLAIN, requests=40_000, priorities=RICH.priorities, adapters=RICH.adapters))
    assert abs((arrivals.priorities == 5).mean() - 0.75) < 0.01
    assert abs((arrivals.adapters == -1).mean() - 0.5) < 0.01
    assert set(arrivals.adapters) == {-1, 0, 1, 2}


def test_the_harness_of_measured_runs_sends_the_prompts_of_its_users_in_turn():
    traffic = shared_prefix_traffic(
        rate_per_s=5.0,
        duration_s=600.0,
        system_prompts=11,
        users_per_system_prompt=4,
        system_tokens=100,
        question_tokens=466,
        answer_tokens=247,
    )
    arrivals = drawn(traffic)
    check_whole(arrivals)
    assert len(arrivals) == 3000
    assert arrivals.after is None
    assert set(arrivals.prefill_tokens) == {566}
    questions = arrivals.prefixes.segments[1::2]
    assert len(set(questions)) == 44
    assert np.array_equal(questions[44:], questions[:-44])
    users = np.bincount(arrivals.prefixes.segments[0::2][:44])
    assert users.tolist() == [4] * 11


def test_traffic_has_a_digest_and_a_place_in_sets():
    assert digest(RICH) == digest(replace(RICH))
    assert digest(RICH) != digest(replace(RICH, seed=1))
    assert len({RICH, replace(RICH)}) == 1


@given(
    requests=st.integers(1, 60),
    turns=st.integers(1, 5),
    systems=st.integers(0, 3),
    adapters=st.integers(0, 2),
    keeps=st.booleans(),
    most=st.none() | st.integers(1, 600),
    seed=st.integers(0, 2**32),
)
def test_any_traffic_gives_whole_requests(requests, turns, systems, adapters, keeps, most, seed):
    traffic = Traffic(
        arrivals=Poisson(rate_per_s=1.0),
        lengths=LENGTHS,
        requests=requests,
        system_prompts=SystemPrompts(tokens=Fixed(tokens=9), count=systems) if systems else None,
        conversations=Conversations(turns=Uniform(least=1, most=turns), keeps_history=keeps, most_tokens=most),
        adapters=Adapters(count=adapters) if adapters else None,
        seed=seed,
    )
    arrivals = drawn(traffic)
    assert len(arrivals) == requests
    check_whole(arrivals)


@pytest.mark.parametrize(
    ("change", "field", "text"),
    [
        ({"requests": None}, "requests", "neither requests nor duration_s"),
        ({"requests": None, "arrivals": AllAtOnce(), "duration_s": 3.0}, "requests", "how many come at once"),
        ({"requests": 0}, "requests", "less than 1"),
        ({"duration_s": -1.0}, "duration_s", "not a positive number"),
        ({"arrivals": 3.0}, "arrivals", "no kind of stream"),
        ({"lengths": LENGTHS.prompts}, "lengths", "no kind of lengths"),
        ({"most_open": 0}, "most_open", "less than 1"),
        ({"seed": -1}, "seed", "less than 0"),
        ({"priorities": ((0, 0.0),)}, "priorities", "no priority has any weight"),
        ({"repetition": Repetition(prompts=3), "conversations": RICH.conversations}, "repetition", "no turns"),
    ],
)
def test_what_cannot_be_traffic_is_refused_by_field(change, field, text):
    with pytest.raises(BadInput, match=text) as caught:
        replace(PLAIN, **change)
    assert caught.value.field == field


def test_a_time_in_which_nothing_arrives_is_said():
    with pytest.raises(BadInput, match="nothing arrives"):
        drawn(replace(PLAIN, requests=None, duration_s=1e-6))
