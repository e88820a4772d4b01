"""Traffic as files write it."""

import re
from typing import Any

import pytest

from gnomon.core.errors import BadInput
from gnomon.core.traffic.arrival_processes import (
    AllAtOnce,
    Bursts,
    Constant,
    Gamma,
    Poisson,
    RateSteps,
    ScaledPoisson,
    Weibull,
)
from gnomon.core.traffic.lengths import Fixed, Lengths, Listed, Lognormal, Uniform, Zipf
from gnomon.core.traffic.sharing import Conversations, Repetition, SystemPrompts
from gnomon.core.traffic.traffic import Adapters, Traffic
from gnomon.formats.scenario_file import parse_scenario, scenario_text
from gnomon.formats.strict import shaped
from gnomon.formats.traffic_shape import USUAL_REQUESTS, TrafficShape, length_of, process_of, traffic_of

PLAIN = {"qps": 2, "prompts": 512, "answers": 100}


def shape(**written: Any) -> TrafficShape:
    return shaped(TrafficShape, written, "", within=("traffic",))


def refused(said: str, **written: Any) -> None:
    with pytest.raises(BadInput, match=f"^{re.escape(said)}") as fault:
        traffic_of(shape(**written))
    assert "\n" not in str(fault.value)


def test_the_least_that_must_be_said():
    assert traffic_of(shape(**PLAIN)) == Traffic(
        arrivals=Poisson(rate_per_s=2.0),
        lengths=Lengths(prompts=Fixed(tokens=512), answers=Fixed(tokens=100)),
        requests=USUAL_REQUESTS,
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("poisson", Poisson(rate_per_s=2.0)),
        ("scaled-poisson", ScaledPoisson(rate_per_s=2.0)),
        ("constant", Constant(rate_per_s=2.0)),
        ({"process": "gamma", "cv": 2}, Gamma(rate_per_s=2.0, cv=2.0)),
        ({"process": "weibull", "cv": 2}, Weibull(rate_per_s=2.0, cv=2.0)),
        ({"process": "weibull", "shape": 0.5}, Weibull(rate_per_s=2.0, shape=0.5)),
        ({"process": "bursts", "on_s": 1, "off_s": 3}, Bursts(rate_per_s=2.0, on_s=1.0, off_s=3.0)),
        (
            {"process": "bursts", "on_s": 1, "off_s": 3, "off_rate_per_s": 0.5, "is_random": True},
            Bursts(rate_per_s=2.0, on_s=1.0, off_s=3.0, off_rate_per_s=0.5, is_random=True),
        ),
    ],
)
def test_a_stream_with_a_rate_is_drawn_at_qps(written, expected):
    assert traffic_of(shape(**PLAIN, arrivals=written)).arrivals == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("at-once", AllAtOnce()),
        ({"process": "steps", "steps": [[10, 2], [5, 0]]}, RateSteps(steps=((10.0, 2.0), (5.0, 0.0)))),
        (
            {"process": "steps", "steps": [[10, 2]], "is_even": True, "repeats": True},
            RateSteps(steps=((10.0, 2.0),), is_even=True, repeats=True),
        ),
    ],
)
def test_a_stream_without_one_rate_is_drawn_without_qps(written, expected):
    found = shape(prompts=512, answers=100, arrivals=written, requests=5)
    assert traffic_of(found).arrivals == process_of(found) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (512, Fixed(tokens=512)),
        ([10, 20, 30], Listed(tokens=(10, 20, 30))),
        ({"distribution": "fixed", "tokens": 7}, Fixed(tokens=7)),
        ({"distribution": "uniform", "least": 5, "most": 9}, Uniform(least=5, most=9)),
        ({"distribution": "zipf", "least": 1, "most": 9, "exponent": 0.6}, Zipf(least=1, most=9, exponent=0.6)),
        ({"distribution": "lognormal", "mean": 500, "cv": 1}, Lognormal(mean=500.0, cv=1.0)),
        (
            {"distribution": "lognormal", "mean": 500, "cv": 1, "least": 4, "most": 3000},
            Lognormal(mean=500.0, cv=1.0, least=4, most=3000),
        ),
        (
            {"distribution": "listed", "tokens": [1, 2], "is_shuffled": True},
            Listed(tokens=(1, 2), is_shuffled=True),
        ),
    ],
)
def test_lengths_are_numbers_lists_and_distributions(written, expected):
    found = shape(qps=2, prompts=written, answers=written)
    assert length_of(found.prompts, "traffic.prompts") == expected
    assert traffic_of(found).lengths == Lengths(prompts=expected, answers=expected)


def test_what_is_beside_the_lengths_reaches_the_traffic():
    found = traffic_of(
        shape(
            **PLAIN,
            requests=50,
            duration_s=9,
            system_prompts={"tokens": 100, "count": 4, "exponent": 1},
            conversations={"turns": [2, 3], "think_s": 4, "think_cv": 1, "keeps_history": False, "most_tokens": 900},
            priorities=[[0, 1], [1, 3]],
            adapters={"count": 2, "exponent": 0.5, "bare_share": 0.25},
            most_open=8,
            seed=11,
        )
    )
    assert (found.requests, found.duration_s, found.most_open, found.seed) == (50, 9.0, 8, 11)
    assert found.system_prompts == SystemPrompts(tokens=Fixed(tokens=100), count=4, exponent=1.0)
    assert found.conversations == Conversations(
        turns=Listed(tokens=(2, 3)), think_s=4.0, think_cv=1.0, keeps_history=False, most_tokens=900
    )
    assert found.priorities == ((0, 1.0), (1, 3.0))
    assert found.adapters == Adapters(count=2, exponent=0.5, bare_share=0.25)


def test_prompts_may_be_sent_again():
    found = traffic_of(shape(**PLAIN, repetition={"prompts": 20, "exponent": 1}))
    assert found.repetition == Repetition(prompts=20, exponent=1.0)
    in_turn = traffic_of(shape(**PLAIN, repetition={"prompts": 20, "is_in_turn": True}))
    assert in_turn.repetition == Repetition(prompts=20, is_in_turn=True)


def test_how_many_requests_is_said_by_a_duration_or_by_steps_else_it_is_the_usual():
    steps = {"process": "steps", "steps": [[10, 2]]}
    assert traffic_of(shape(**PLAIN)).requests == USUAL_REQUESTS
    assert traffic_of(shape(**PLAIN, duration_s=60)).requests is None
    assert traffic_of(shape(prompts=5, answers=5, arrivals=steps)).requests is None
    assert traffic_of(shape(**PLAIN, duration_s=60, requests=10)).requests == 10


# What is written beside PLAIN -> what is said of it.
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"qps": None}, "traffic.qps: requests per second are not said"),
    ({"qps": 0}, "traffic.qps: 0.0 is not a positive number"),
    ({"qps": -3}, "traffic.qps: -3.0 is not a positive number"),
    ({"prompts": None}, "traffic.prompts: how many tokens is not said"),
    ({"answers": None}, "traffic.answers: how many tokens is not said"),
    ({"prompts": 0}, "traffic.prompts.tokens: 0 is less than 1"),
    ({"answers": -5}, "traffic.answers.tokens: -5 is less than 1"),
    ({"prompts": []}, "traffic.prompts.tokens: "),
    ({"prompts": [5, 0]}, "traffic.prompts.tokens.1: 0 is less than 1"),
    ({"prompts": {"distribution": "fixed"}}, "traffic.prompts: fixed needs more of tokens"),
    ({"prompts": {"distribution": "uniform", "least": 5}}, "traffic.prompts: uniform needs more of most"),
    ({"prompts": {"distribution": "uniform", "least": 5, "most": 4}}, "traffic.prompts.most: "),
    ({"prompts": {"distribution": "uniform", "mean": 5}}, "traffic.prompts.mean: uniform takes least, most"),
    (
        {"prompts": {"distribution": "zipf", "least": 1, "most": 5, "exponent": -1}},
        "traffic.prompts.exponent: -1.0 is not a number from 0 to 100",
    ),
    ({"answers": {"distribution": "lognormal", "mean": 0, "cv": 1}}, "traffic.answers.mean: 0.0 is not a positive"),
    ({"answers": {"distribution": "listed", "tokens": 5}}, "traffic.answers.tokens: 5 is no list"),
    ({"arrivals": "recorded"}, "traffic.arrivals.process: only a trace has recorded moments"),
    ({"arrivals": "at-once"}, "traffic.qps: at-once has no one rate: leave it out"),
    ({"arrivals": {"process": "steps", "steps": [[1, 1]]}}, "traffic.qps: steps has no one rate: leave it out"),
    ({"arrivals": "gamma"}, "traffic.arrivals: gamma needs more of cv"),
    ({"arrivals": "bursts"}, "traffic.arrivals: bursts needs more of off_s, on_s"),
    ({"arrivals": {"process": "bursts", "on_s": 1}}, "traffic.arrivals: bursts needs more of off_s"),
    ({"arrivals": {"process": "poisson", "cv": 2}}, "traffic.arrivals.cv: poisson takes nothing"),
    ({"arrivals": {"process": "gamma", "cv": 2, "shape": 1}}, "traffic.arrivals.shape: gamma takes cv"),
    ({"arrivals": {"process": "gamma", "cv": 0}}, "traffic.arrivals.cv: 0.0 is not a positive number"),
    ({"arrivals": "weibull"}, "traffic.arrivals.cv: either cv or shape is needed, not both"),
    ({"arrivals": {"process": "bursts", "on_s": 0, "off_s": 1}}, "traffic.arrivals.on_s: 0.0 is not a positive"),
    ({"requests": 0}, "traffic.requests: 0 is less than 1"),
    ({"duration_s": 0}, "traffic.duration_s: 0.0 is not a positive number"),
    ({"most_open": 0}, "traffic.most_open: 0 is less than 1"),
    ({"seed": -1}, "traffic.seed: -1 is less than 0"),
    ({"system_prompts": {"tokens": 0}}, "traffic.system_prompts.tokens.tokens: 0 is less than 1"),
    ({"system_prompts": {"tokens": 5, "count": 0}}, "traffic.system_prompts.count: 0 is less than 1"),
    ({"conversations": {"turns": 0}}, "traffic.conversations.turns.tokens: 0 is less than 1"),
    (
        {"conversations": {"turns": 2, "think_s": -1}},
        "traffic.conversations.think_s: -1.0 is not a number of 0 or more",
    ),
    ({"repetition": {"prompts": 0}}, "traffic.repetition.prompts: 0 is less than 1"),
    ({"adapters": {"count": 1, "bare_share": 2}}, "traffic.adapters.bare_share: 2.0 is not a number from 0 to 1"),
    ({"priorities": [[0, 0]]}, "traffic.priorities: no priority has any weight"),
    ({"priorities": [[0, 1], [2, 1], [0, 2]]}, "traffic.priorities.2: priority 0 is listed twice"),
    ({"priorities": [[0, -1]]}, "traffic.priorities.0.weight: -1.0 is not a number of 0 or more"),
    (
        {"repetition": {"prompts": 3}, "conversations": {"turns": 2}},
        "traffic.repetition: prompts that are sent again have no turns: leave conversations out",
    ),
]


@pytest.mark.parametrize(("written", "said"), FAULTS)
def test_what_cannot_be_names_its_field(written, said):
    refused(said, **{**PLAIN, **written})


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"qsp": 2}, "traffic.qsp: unknown key; did you mean 'qps'?"),
        ({"qps": "two"}, "traffic.qps: "),
        ({"qps": float("nan")}, "traffic.qps: "),
        ({"requests": 2.5}, "traffic.requests: "),
        ({"arrivals": "poison"}, "traffic.arrivals.process: "),
        ({"arrivals": {"process": "steps", "steps": [[1]]}}, "traffic.arrivals.steps.0."),
        ({"system_prompts": {}}, "traffic.system_prompts.tokens: "),
        ({"prompts": {"tokens": 5}}, "traffic.prompts."),
    ],
)
def test_what_is_not_in_form_names_its_field(written, said):
    with pytest.raises(BadInput) as fault:
        shape(**{**PLAIN, **written})
    assert str(fault.value).startswith(said)


def test_a_line_of_a_file_is_named():
    text = "schema: gnomon/scenario/1\nmodel: gpt2\non: t4\nmode: serve\ntraffic:\n  qps: 2\n  prompst: 3\n"
    with pytest.raises(BadInput, match=r"^x\.yaml:7: traffic\.prompst: unknown key; did you mean 'prompts'\?"):
        parse_scenario(text, "x.yaml")


def test_a_written_file_reads_back_as_the_same():
    written = (
        "schema: gnomon/scenario/1\nmodel: gpt2\non: t4\nmode: serve\ntraffic:\n"
        "  qps: 2\n  arrivals: {process: gamma, cv: 2}\n  prompts: {distribution: lognormal, mean: 50, cv: 1}\n"
        "  answers: [3, 4]\n  system_prompts: {tokens: 9}\n  priorities: [[0, 1], [1, 2]]\n"
    )
    found = parse_scenario(written, "x.yaml")
    assert parse_scenario(scenario_text(found), "y.yaml") == found
