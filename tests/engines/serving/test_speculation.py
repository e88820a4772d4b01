"""Speculative decoding: steps with drafts against the plain twin, the law of accepted lengths, and times by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.api import plugins
from gnomon.api.questions import question
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.scenario import Scenario
from gnomon.core.service import Pool as ServicePool
from gnomon.core.service import Service, Speculation, StepTimes
from gnomon.engines.serving.simulate import simulate
from gnomon.engines.serving.simulator.speculation import new_draws
from tests.engines.serving.cases import arrivals, service, step_times
from tests.engines.serving.plain_v1 import Pool, run
from tests.engines.serving.test_vllm_v1 import BLOCK, REQUEST, a_service, decided, drawn, spelled_out, steps_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]
LONGEST = 72  # tokens of a sequence


def speculative(given_service: Service, speculation: Speculation, draft_times: StepTimes | None = None) -> Service:
    pool = given_service.pools[0]
    pool = replace(pool, batching=replace(pool.batching, speculation=speculation), draft_times=draft_times)
    return replace(given_service, pools=(pool,))


def drafts(tokens: int, acceptance: float, *, has_model: bool = False, seed: int = 0) -> Speculation:
    return Speculation(tokens=tokens, acceptance=acceptance, has_model=has_model, seed=seed)


@pytest.mark.parametrize("caches", [False, True])
@given(
    rows=st.lists(st.tuples(REQUEST, st.integers(0, 1)), min_size=1, max_size=12),
    speculation=st.builds(
        Speculation,
        tokens=st.integers(1, 4),
        acceptance=st.sampled_from([0.0, 0.5, 0.9, 1.0]),
        has_model=st.booleans(),
        seed=st.integers(0, 3),
    ),
    blocks=st.integers(18, 30),
    most_tokens=st.sampled_from([5, 16, 40]),
    most_requests=st.integers(1, 5),
    chunk=st.sampled_from([0, 3]),
    scheduling=st.sampled_from(["fcfs", "priority"]),
)
def test_decisions_are_those_of_the_plain_twin(
    caches, rows, speculation, blocks, most_tokens, most_requests, chunk, scheduling
):
    rows = sorted(rows, key=lambda row: row[0][0])
    asked, priorities = [row for row, _ in rows], np.array([priority for _, priority in rows])
    limits = {"most_tokens": most_tokens, "most_requests": most_requests, "chunk": chunk}
    plain_service = a_service(blocks=blocks, sequence_tokens=LONGEST, **limits)
    pool = plain_service.pools[0]
    pool = replace(pool, batching=replace(pool.batching, scheduling=scheduling))
    given_service = speculative(replace(plain_service, pools=(pool,)), speculation)
    stream = replace(drawn(asked), priorities=priorities)
    stream = stream if caches else replace(stream, prefixes=None)
    plain, draws = spelled_out(asked), new_draws(speculation, len(rows))
    for one, priority in zip(plain, priorities.tolist(), strict=True):
        one.priority = priority
    expected = run(
        plain,
        Pool(blocks, BLOCK, caches=caches),
        **limits,
        by_priority=scheduling == "priority",
        drafts=speculation.tokens,
        lookahead=speculation.tokens if speculation.has_model else 0,
        longest=LONGEST,
        accepted=lambda one: int(draws.accepted[(draws.first[one.number] + one.made) % len(draws.accepted)]),
    )
    made = simulate(given_service, stream, records=True)
    assert decided(made) == expected
    assert made.requests.first_token_s.tolist() == [one.first_s for one in plain]
    assert made.requests.completed_s.tolist() == [one.done_s for one in plain]
    assert (
        made.requests.processed == made.requests.prefill + made.requests.decode
    ).all()  # no answer is longer than asked
    assert made.held_blocks == 0
    assert simulate(given_service, stream).requests.tobytes() == made.requests.tobytes()


@pytest.mark.parametrize("acceptance", [0.0, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("tokens", [1, 4])
def test_a_step_gives_as_many_tokens_on_average_as_the_law_says(tokens, acceptance):
    """[Leviathan et al. 2023, equation 1] (1 - a^(k + 1)) / (1 - a)."""
    expected = sum(acceptance**place for place in range(tokens + 1))
    assert 1 + new_draws(drafts(tokens, acceptance), 1).accepted.mean() == pytest.approx(expected, rel=0.01)
    rows = [(0, 4, 600)] * 12
    long = speculative(
        a_service(blocks=4000, most_requests=12, most_tokens=64, sequence_tokens=2000), drafts(tokens, acceptance)
    )
    made = simulate(long, arrivals(*rows))
    steps = (made.requests.completed_s - made.requests.first_token_s).sum()  # of one second each
    assert 12 * 599 / steps == pytest.approx(expected, rel=0.03)
    assert made.accepted_tokens == pytest.approx(12 * 599 - steps)
    assert made.drafted_tokens == tokens * steps


def test_drafts_that_are_never_accepted_change_no_answer_but_the_time_of_steps():
    rows = [(0, 3 + at * 5 % 9, 2 + at * 7 % 11) for at in range(5)]
    limits = {"blocks": 200, "most_tokens": 64, "most_requests": 8}
    dearer = step_times(sampled=np.array([1, 64]))
    plain = simulate(replace_times(a_service(**limits), dearer), arrivals(*rows), records=True)
    vain = simulate(
        speculative(replace_times(a_service(**limits), dearer), drafts(3, 0.0)), arrivals(*rows), records=True
    )
    assert [[name for name, _ in step] for step in steps_of(vain)] == [
        [name for name, _ in step] for step in steps_of(plain)
    ]
    assert (vain.requests.completed_s >= plain.requests.completed_s).all()
    assert vain.end_s > plain.end_s
    assert vain.accepted_tokens == 0


def replace_times(given_service: Service, times: StepTimes) -> Service:
    return replace(given_service, pools=(replace(given_service.pools[0], times=times),))


def test_whoever_asked_for_one_token_more_gets_one_whatever_is_accepted():
    made = simulate(speculative(a_service(), drafts(4, 1.0)), arrivals((0, 4, 2), (0, 4, 7)), records=True)
    assert steps_of(made) == [[(0, 4), (1, 4)], [(0, 5), (1, 5)], [(1, 5)]]
    assert made.requests.completed_s.tolist() == [2.0, 3.0]
    assert made.accepted_tokens == 0 + 4 + 0


def test_a_draft_model_takes_a_pass_over_the_step_and_one_for_each_further_draft():
    one = np.array([1])
    draft = StepTimes(
        tokens=np.array([1, 2]), by_tokens_s=np.array([0.125, 0.25]), first_s=np.zeros(2), send_s=np.zeros(2), sampled=one,
        last_s=np.array([0.5]), decodes=one, decode_kv=one, decode_s=np.array([[2.0]]), before=one, chunks=one,
        prefill_s=np.array([[16.0]]),
    )  # fmt: skip
    given_service = speculative(a_service(), drafts(3, 1.0, has_model=True), draft)
    made = simulate(given_service, arrivals((0, 4, 5)), records=True)
    further_s = 2 * (0.125 + 0.5 + 2.0)  # two more drafts of one request
    prompt_s = 1 + (4 * 0.125 + 0.5 + 16.0) + further_s
    assert made.requests.first_token_s.tolist() == [prompt_s]
    assert made.requests.completed_s.tolist() == [prompt_s + 1 + (4 * 0.125 + 0.5 + 2.0) + further_s]


def test_a_request_that_has_no_room_for_its_drafts_is_refused():
    rows = [(0, 8, 5)]  # twelve tokens are three blocks
    assert simulate(a_service(blocks=3), arrivals(*rows)).requests.is_completed.all()
    made = simulate(speculative(a_service(blocks=3, sequence_tokens=64), drafts(1, 0.5)), arrivals(*rows))
    assert made.requests.is_refused.all()


@pytest.mark.parametrize(
    ("given_service", "said"),
    [
        (service("sarathi"), "sarathi knows no speculative decoding; vllm-v1 does"),
        (service("vllm-v1", stages=2), "serving does not simulate speculative decoding on several pipeline stages"),
        (service("vllm-v1", steps_ahead=1), "no step is made up ahead of one whose drafts are not accepted yet"),
    ],
)
def test_what_is_not_simulated_with_drafts_is_refused(given_service, said):
    with pytest.raises(Unsupported, match=said):
        simulate(speculative(given_service, drafts(2, 0.5)), arrivals((0, 4, 2)))


def asked(**options: object) -> Scenario:
    traffic = {"qps": 2.0, "prompts": 200, "answers": 60, "requests": 20}
    given_options = {"num_speculative_tokens": 3, "draft_acceptance": 0.7, **options}
    return question("gpt2-large", "h100-sxm", mode="serve", traffic=traffic, **given_options).scenarios()["e2e"]


def served(**options: object) -> ServicePool:
    made, _ = plugins.tuned("serving", {"timer": "roofline"}).service(asked(**options))
    return made.pools[0]


def test_drafts_cost_attention_logits_and_memory_and_a_model_its_weights_and_cache():
    plain, drafted = served(num_speculative_tokens=None, draft_acceptance=None), served()
    modelled = served(draft_model="gpt2")
    assert (drafted.times.decode_s >= plain.times.decode_s).all()
    assert drafted.times.sampled[-1] == 4 * plain.times.sampled[-1]
    assert plain.kv_blocks >= drafted.kv_blocks > modelled.kv_blocks
    assert drafted.draft_times is None
    assert modelled.draft_times.by_tokens_s[0] < modelled.times.by_tokens_s[0]
    assert (plain.steps_ahead, drafted.steps_ahead) == (1, 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"draft_acceptance": None}, "draft_acceptance: how probably a draft is accepted is not said"),
        ({"draft_acceptance": 1.5}, "draft_acceptance: 1.5 is not a probability from 0 to 1"),
        ({"num_speculative_tokens": None}, "draft_acceptance: nothing is drafted: say how many tokens"),
        ({"draft_model": "llama-2-7b"}, "draft_model: llama-2-7b has 32,000 words, and gpt2-large 50,257"),
        ({"draft_model": "gtp2"}, "draft_model: "),
    ],
)
def test_drafts_that_cannot_be_are_one_line(options, said):
    with pytest.raises(BadInput, match=said):
        served(**options)
