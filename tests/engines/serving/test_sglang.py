"""sglang against its plain twin, and by hand."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.core.errors import Unsupported
from gnomon.core.service import Batching
from gnomon.engines.serving.simulate import simulate
from tests.engines.serving.cases import service
from tests.engines.serving.plain_sglang import OutOfMemory, Request, Scheduler
from tests.engines.serving.test_vllm_v1 import decided, drawn, one_second_steps
from tests.long import LONG

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]
TOKENS = {0: 1, 1: 40, 2: 3, 3: 7, 4: 2, 5: 33, 7: 6, 8: 9}  # of each segment; around the 32 that make prompts alike
PROMPT = st.lists(st.sampled_from(list(TOKENS)), min_size=1, max_size=4)
REQUEST = st.tuples(
    st.one_of(st.integers(0, 8), st.integers(0, 60)),  # quarters of a second
    PROMPT,
    st.one_of(st.integers(1, 14), st.integers(1, 80), st.integers(60, 200)),
    st.sampled_from((-1, 7, 8)),
)


def a_service(*, tokens, chunk=20, most_tokens=30, most_requests=6, order="fcfs", mixed=False, ahead=0, times=None):
    batching = Batching(
        policy="sglang",
        most_requests=most_requests,
        block_tokens=1,
        most_tokens=most_tokens,
        chunk_tokens=chunk,
        order=order,
        is_mixed=mixed,
    )
    return service(
        "sglang", blocks=tokens, batching=batching, times=times or one_second_steps(), steps_ahead=ahead,
        sequence_tokens=4096,
    )  # fmt: skip


def spelled_out(rows) -> list[Request]:
    found = []
    for number, (quarter, numbers, asked, answer) in enumerate(rows):
        prompt = [(name, place) for name in numbers for place in range(TOKENS[name])]
        reply = [(f"of {number}" if answer < 0 else answer, place) for place in range(asked)]
        found.append(Request(number, quarter / 4, prompt + reply, len(prompt), asked))
    return found


@settings(max_examples=20_000 if LONG else 150)
@given(
    rows=st.lists(REQUEST, min_size=1, max_size=18).map(lambda rows: sorted(rows, key=lambda row: row[0])),
    spare=st.one_of(st.integers(8, 60), st.integers(8, 400)),
    limits=st.tuples(st.integers(10, 60), st.sampled_from([5, 30, 200]), st.integers(2, 9)),
    caches=st.booleans(),
    longest_first=st.booleans(),
    mixed=st.booleans(),
    overlaps=st.booleans(),
)
def test_every_decision_is_that_of_the_plain_twin(rows, spare, limits, caches, longest_first, mixed, overlaps):
    chunk, most_tokens, most_requests = limits
    asked = spelled_out(rows)
    slots = max(len(one.tokens) for one in asked) + spare
    plain = Scheduler(
        asked, slots=slots, chunk=chunk, most_prompts=most_tokens, most_requests=most_requests, caches=caches,
        longest_first=longest_first, mixed=mixed, overlaps=overlaps,
    )  # fmt: skip
    given_service = a_service(
        tokens=slots, chunk=chunk, most_tokens=most_tokens, most_requests=most_requests,
        order="lpm" if longest_first else "fcfs", mixed=mixed, ahead=int(overlaps),
    )  # fmt: skip
    stream = drawn(rows, TOKENS)
    stream = stream if caches else replace(stream, prefixes=None)
    try:
        steps = plain.run()
    except OutOfMemory:
        with pytest.raises(Unsupported, match="the policy has no rule for that"):
            simulate(given_service, stream, records=True)
        return
    made = simulate(given_service, stream, records=True)
    assert decided(made) == steps
    requests = made.requests
    assert [
        tuple(one) for one in zip(requests.first_token_s, requests.completed_s, requests.restarts, strict=True)
    ] == [(one.first_s, one.done_s, one.restarts) for one in asked]
    assert made.held_blocks == 0
    assert not requests.blocks.any()


def ran(rows, **options):
    """The steps of requests: when, prompt as segments, tokens of the answer."""
    rows = [(round(4 * when), prompt, asked, -1) for when, prompt, asked in rows]
    return simulate(a_service(**{"tokens": 500, **options}), drawn(rows, TOKENS), records=True)


def steps_of(made):
    return [one.requests for one in made.decisions()]


def test_prompts_go_before_answers_and_never_with_them():
    made = ran([(0, [3], 3), (0.5, [4], 2)])
    assert steps_of(made) == [((0, 7),), ((1, 2),), ((0, 1), (1, 1)), ((0, 1),)]


def test_mixed_they_go_together_prompts_first():
    made = ran([(0, [3], 3), (0.5, [4], 2)], mixed=True)
    assert steps_of(made) == [((0, 7),), ((1, 2), (0, 1)), ((1, 1), (0, 1))]


def test_a_long_prompt_is_cut_and_what_is_left_of_a_step_is_for_the_next():
    made = ran([(0, [1], 1), (0, [3, 4], 1)], chunk=25)
    assert steps_of(made) == [((0, 25),), ((0, 15), (1, 9))]


def test_made_up_ahead_an_answer_has_one_step_for_nothing():
    made = ran([(0, [3], 2)], ahead=1)
    assert steps_of(made) == [((0, 7),), ((0, 1),), ((0, 1),)]
    assert made.requests.completed_s.tolist() == [2.0]
    assert [one.free_blocks for one in made.decisions()][-1] == 500 - 7 - 2  # the last is still to be given back
    assert made.held_blocks == 0


def test_who_comes_when_nothing_is_to_be_made_up_waits_for_what_runs():
    made = ran([(0, [3], 2), (2.25, [4], 1), (2.5, [3, 4], 1)], ahead=1, tokens=100)
    assert [(one.start_s, one.requests) for one in made.decisions()][3:5] == [
        (3.0, ((1, 2), (2, 2))),  # of the prompt of 9 tokens 7 are found
        (3.0, ((1, 1), (2, 1))),
    ]


def test_a_prompt_finds_what_others_have_computed_but_for_one_token():
    made = ran([(0, [1, 2], 2), (5, [1, 2], 2), (9, [1, 3], 2)])
    assert made.requests.found.tolist() == [0, 42, 40]


def test_a_conversation_finds_the_answer_before_but_for_its_last_token():
    made = simulate(a_service(tokens=500), drawn([(0, [1], 6, 7), (60, [1, 7, 2], 2, -1)], TOKENS), records=True)
    assert made.requests.found.tolist() == [0, 45]


def test_leaves_are_overwritten_that_were_used_longest_ago():
    rows = [(0, [1], 2), (10, [5], 2), (20, [1], 2), (30, [8, 8, 8], 2), (40, [1], 2), (50, [5], 2)]
    for chunk, left in (
        (60, 0),
        (20, 20),
    ):  # a prompt that was computed in two steps is two nodes, of which the second goes
        found = ran(rows, tokens=41 + 34 + 27, chunk=chunk, most_tokens=60).requests.found
        assert found.tolist() == [0, 0, 39, 0, 39, left]  # the fourth needed room, and took it from the second's


def test_requests_come_in_while_there_is_room_for_seven_tenths_of_the_answers_that_run():
    # Of 100 tokens the first has 7, and 28 of its 40 are kept free: 7 + 40 < 65 fit. Then 14 have and 56 are kept: 30 are not enough.
    made = ran([(0, [3], 40), (0.5, [8, 4], 40), (1.5, [3, 2], 40)], tokens=100)
    assert [one.admitted for one in made.decisions() if one.admitted][:2] == [(0,), (1,)]
    assert made.requests.scheduled_s[2] > 30


def test_where_answers_find_no_room_those_with_the_fewest_tokens_go_behind_all_that_wait():
    made = ran([(0, [3], 42), (0.5, [8], 42), (36, [4], 3)], tokens=90)
    lost = [one for one in made.decisions() if one.preempted]
    assert [one.preempted for one in lost] == [(1,)]
    back = [one for one in made.decisions() if one.admitted and one.start_s > lost[0].start_s]
    assert [number for one in back for number in one.admitted][:2] == [2, 1]
    assert made.requests.is_completed.all()


def test_longest_first_takes_whoever_finds_most_and_one_of_those_who_are_alike():
    rows = [(0, [1], 9), (1.25, [5, 2], 2), (1.5, [5, 4], 2), (1.75, [1, 2], 2)]
    in_turn, longest = (
        [number for one in ran(rows, most_requests=2, order=order).decisions() for number in one.admitted]
        for order in ("fcfs", "lpm")
    )
    assert in_turn == [0, 1, 2, 3]
    assert longest == [0, 3, 1, 2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ahead": 2}, "one batch at most"),
        ({"chunk": None}, "needs most_tokens"),
        ({"mixed": True, "chunk": 6}, "may leave none for prompts"),
    ],
)
def test_what_its_rules_do_not_say_is_refused(options, said):
    with pytest.raises(Unsupported, match=said):
        ran([(0, [1], 2)], **options)


def test_requests_that_it_would_cut_short_are_never_scheduled():
    made = ran([(0, [1], 20), (0, [1], 19), (0, [2], 2)], tokens=61)
    assert made.is_completed.tolist() == [False, True, True]
    assert made.waiting.tolist() == [0]


def test_of_a_closed_loop_the_next_comes_when_an_answer_has_its_last_token_not_after_the_step_for_nothing():
    given_service = replace(a_service(tokens=500, ahead=1), most_open=1)
    made = simulate(given_service, drawn([(0, [3], 2, -1), (0, [4], 2, -1)], TOKENS)).requests
    assert made.completed_s.tolist()[0] == made.arrived_s.tolist()[1] == 2.0
    assert made.is_completed.all()
