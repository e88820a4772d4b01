"""The operators behind an answer."""

from __future__ import annotations

import pytest

import gnomon
from gnomon.api.operators import operator_fields, operator_table
from gnomon.core.dtype import DTYPES
from gnomon.engines.roofline.engine import RooflineEngine


@pytest.mark.parametrize("mode", ["prefill", "decode", "forward+backward+optimizer"])
def test_the_operators_of_a_pass_add_up_to_its_time_work_and_traffic(mode):
    answer = gnomon.predict("llama-2-7b", "a100-sxm-80gb", mode=mode)
    (found,) = answer.to_dict(operators=True)["quantities"]
    for total, field in (("value", "time_s"), ("flop", "flop"), ("moved_bytes", "moved_bytes")):
        assert sum(row[field] * row["repeat"] for row in found["operators"]) == pytest.approx(found[total])
    assert [row["name"] for row in found["operators"]] == [n.name for n in answer.outcomes[0].scenario.workload.nodes]


def test_the_roofs_are_those_that_some_operator_meets():
    answer = gnomon.predict("resnet-50", "t4", dtype="fp16")
    roofs = answer.to_dict(operators=True)["quantities"][0]["roofs"]
    device = answer.question.system.device
    assert roofs["memory_bytes_per_s"] == device.memory_bytes_per_s.value
    assert [(p["dtype"], p["unit"], p["flop_per_s"]) for p in roofs["peaks"]] == [
        ("fp16", "matrix", device.peak("fp16", True).value),
        ("fp16", "vector", device.peak("fp16", False).value),
    ]


def test_an_operator_reaches_no_more_than_its_roof():
    answer = gnomon.predict("gpt2", "h100-sxm", mode="prefill")
    device = answer.question.system.device
    for row in operator_table([answer]):
        peak = max(p.value for d in DTYPES if (p := device.peak(d, is_matrix=row["family"] in ("matmul", "attention"))))
        if row["intensity"] is not None:
            assert row["reached"] <= min(peak, row["intensity"] * device.memory_bytes_per_s.value) * (1 + 1e-12)


def test_a_pass_without_a_prediction_has_no_operators():
    answer = gnomon.predict("resnet-50", "h100:8")
    assert "operators" not in answer.to_dict(operators=True)["quantities"][0]
    assert operator_table([answer]) == []


def test_operators_are_there_where_they_are_asked_for():
    assert "operators" not in gnomon.predict("resnet-50", "t4").to_dict()["quantities"][0]


class RooflineTimer:
    """Times operators and does not say what binds them."""

    times_s = RooflineEngine.times_s


def test_what_binds_an_operator_is_said_by_the_engine_or_not_at_all():
    (outcome,) = gnomon.predict("resnet-50", "t4").outcomes
    silent = RooflineTimer()
    rows, told = (operator_fields(outcome, engine)["operators"] for engine in (silent, RooflineEngine()))
    assert all("bound" not in row for row in rows)
    assert {row["bound"] for row in told} == {"memory", "overhead"}
    assert [row["time_s"] for row in rows] == [row["time_s"] for row in told]


def test_the_operators_of_a_pass_name_it_in_full():
    rows = operator_table([gnomon.predict("resnet-50", "t4", image=448)])
    assert {row["pass"] for row in rows} == {"resnet-50 on t4, batch 1, forward, fp16, image 448, roofline"}
