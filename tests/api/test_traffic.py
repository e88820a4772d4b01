"""What a user says of the requests of a service."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gnomon.api.scenarios import read_scenario, write_scenario
from gnomon.api.traffic import serving_fields, traffic
from gnomon.core.errors import BadInput
from gnomon.core.serving_plan import ServingPlan
from gnomon.core.traffic.arrival_processes import Poisson
from gnomon.core.traffic.lengths import Fixed, Lengths
from gnomon.core.traffic.played import PlayedTrace, requests_of
from gnomon.core.traffic.replay import Replay
from gnomon.core.traffic.traffic import Traffic

PLAIN = {"qps": 2, "prompts": 512, "answers": 100}
TRACE = "arrived_at,num_prefill_tokens,num_decode_tokens\n0,100,10\n1,200,20\n3,300,2\n"


@pytest.fixture
def trace(tmp_path: Path) -> str:
    path = tmp_path / "t.csv"
    path.write_text(TRACE)
    return str(path)


def test_keys_of_a_file_are_traffic():
    assert traffic(PLAIN) == Traffic(
        arrivals=Poisson(rate_per_s=2.0),
        lengths=Lengths(prompts=Fixed(tokens=512), answers=Fixed(tokens=100)),
        requests=1000,
    )


def test_traffic_is_taken_as_it_is(trace: str):
    for said in (traffic(PLAIN), traffic({"trace": trace})):
        assert traffic(said) is said


def test_a_trace_is_its_file_and_is_sent_as_it_was_recorded(trace: str):
    found = traffic({"trace": trace})
    assert isinstance(found, PlayedTrace)
    assert (found.name, found.sha256) == ("t.csv", sha256(TRACE.encode()).hexdigest())
    assert requests_of(found).arrived_s.tolist() == [0.0, 1.0, 3.0]


@pytest.mark.parametrize(
    ("said", "replay", "arrived_s"),
    [
        ({"requests": 2}, Replay(requests=2), [0.0, 1.0]),
        ({"duration_s": 1.5}, Replay(duration_s=1.5), [0.0, 1.0]),
        ({"arrivals": "recorded"}, Replay(), [0.0, 1.0, 3.0]),
        ({"arrivals": {"process": "recorded", "speed": 2}}, Replay(speed=2.0), [0.0, 0.5, 1.5]),
        ({"arrivals": "recorded", "qps": 1}, Replay(rate_per_s=1.0), [0.0, 2 / 3, 2.0]),
        ({"arrivals": "at-once"}, None, [0.0, 0.0, 0.0]),
        ({"arrivals": "constant", "qps": 2}, None, [0.5, 1.0, 1.5]),
    ],
)
def test_a_trace_is_sent_at_its_pace_at_a_rate_or_at_other_moments(trace: str, said, replay, arrived_s):
    found = traffic({"trace": trace, **said})
    assert isinstance(found, PlayedTrace)
    assert replay is None or found.replay == replay
    assert requests_of(found).arrived_s == pytest.approx(arrived_s)


def test_a_rate_alone_draws_the_moments_of_a_trace_anew(trace: str):
    found = traffic({"trace": trace, "qps": 2, "seed": 4})
    assert isinstance(found, PlayedTrace)
    assert found.replay == Replay(arrivals=Poisson(rate_per_s=2.0), seed=4)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (None, "traffic: a service needs requests: say qps with prompts and answers, or a trace"),
        ([1], "traffic: [1] is neither a mapping nor a Traffic"),
        ({}, "traffic.prompts: how many tokens is not said"),
        ({"qsp": 2}, "traffic.qsp: unknown key; did you mean 'qps'?"),
        ({**PLAIN, "answers": None}, "traffic.answers: how many tokens is not said"),
        ({"trace": "TRACE", "prompts": 5}, "traffic.prompts: the trace says it: leave it out"),
        ({"trace": "TRACE", "system_prompts": {"tokens": 5}}, "traffic.system_prompts: the trace says it"),
        ({"trace": "TRACE", "arrivals": {"process": "recorded", "speed": 2}, "qps": 1}, "traffic.arrivals.speed: "),
        ({"trace": "TRACE", "arrivals": {"process": "recorded", "speed": 0}}, "traffic.arrivals.speed: 0.0 is not"),
        ({"trace": "TRACE", "arrivals": {"process": "recorded", "cv": 2}}, "traffic.arrivals.cv: "),
        ({"trace": "TRACE", "arrivals": "poisson"}, "traffic.qps: requests per second are not said"),
        ({"trace": "TRACE", "arrivals": "recorded", "qps": 0}, "traffic.qps: 0.0 is not a positive number"),
        ({"trace": "TRACE", "requests": 0}, "traffic.requests: 0 is less than 1"),
        ({"trace": "TRACE", "seed": -1}, "traffic.seed: -1 is less than 0"),
        ({"trace": "TRACE", "most_open": 0}, "traffic.most_open: 0 is less than 1"),
        ({"trace": "nosuch.csv"}, "nosuch.csv: no such file"),
    ],
)
def test_what_cannot_be_names_its_field(trace: str, said: Any, text: str):
    if isinstance(said, dict) and said.get("trace") == "TRACE":
        said = {**said, "trace": trace}
    with pytest.raises(BadInput, match=f"^(traffic.trace: )?{re.escape(text)}") as fault:
        traffic(said)
    assert "\n" not in str(fault.value)


def test_an_answer_repeats_what_is_not_at_its_default(trace: str):
    plain = serving_fields(ServingPlan(traffic=traffic(PLAIN), tp=2))
    assert plain == {
        "tp": 2,
        "traffic": {
            "kind": "Traffic",
            "arrivals": {"kind": "Poisson", "rate_per_s": 2.0},
            "lengths": {
                "kind": "Lengths",
                "prompts": {"kind": "Fixed", "tokens": 512},
                "answers": {"kind": "Fixed", "tokens": 100},
            },
            "requests": 1000,
        },
    }
    played = serving_fields(ServingPlan(traffic=traffic({"trace": trace, "requests": 2})))
    assert played["traffic"]["trace"] == "t.csv"
    assert played["traffic"]["requests"] == 2
    json.dumps([plain, played], allow_nan=False)


def test_a_scenario_with_a_trace_asks_the_same_after_it_was_written_elsewhere(trace: str, tmp_path: Path):
    file = tmp_path / "a.yaml"
    file.write_text(
        "schema: gnomon/scenario/1\nmodel: gpt2\non: t4\nmode: serve\nmax_num_seqs: 8\ntraffic: {trace: t.csv, requests: 2}\n"
    )
    asked = read_scenario(file).question
    (tmp_path / "sub").mkdir()
    written = write_scenario(asked, tmp_path / "sub" / "b.yaml")
    again = read_scenario(written).question
    assert [one.digest for one in again.scenarios().values()] == [one.digest for one in asked.scenarios().values()]
    assert "trace: ../t.csv\n" in written.read_text()
    assert "batch" not in written.read_text()


def test_what_was_made_in_python_cannot_be_written(tmp_path: Path):
    from gnomon.api.questions import question

    asked = question("gpt2", "t4", mode="serve", traffic=traffic(PLAIN))
    with pytest.raises(BadInput, match=r"^traffic: made in Python"):
        write_scenario(asked, tmp_path / "q.yaml")
