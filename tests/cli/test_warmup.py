"""A warm-up as a user leaves it out, at every door of a service."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

pytestmark = pytest.mark.xdist_group("compiled")
SET = ("--set", "serving.timer=roofline", "--set", "serving.software=none")
SERVICE = """schema: gnomon/scenario/1
model: llama-2-7b
on: h100-sxm
mode: serve
traffic: {qps: 10, prompts: 300, answers: 20, requests: 100}
"""
LINE = ("predict", "llama-2-7b", "--on", "h100-sxm", "--mode", "serve", "--engine", "serving", *SET, "--qps", "10")
LINE += ("--prompt-tokens", "300", "--answer-tokens", "20", "--requests", "100")


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("service.yaml").write_text(SERVICE)
    Path("warm.yaml").write_text(SERVICE + "warmup_s: 2\n")


def test_a_flag_is_what_the_file_says_and_what_predict_says(gnomon):
    by_flag = gnomon("serve", "run", "service.yaml", *SET, "--warmup", "2s", "--json").json["rows"]
    assert by_flag == gnomon("serve", "run", "warm.yaml", *SET, "--json").json["rows"]
    assert by_flag == gnomon(*LINE, "--warmup", "2000ms", "--json").json["rows"]
    assert by_flag != gnomon("serve", "run", "service.yaml", *SET, "--json").json["rows"]


def test_figures_are_those_of_the_rows_that_came_later(gnomon):
    words = ("--warmup", "2", "--requests", "r.csv", "--slo", "ttft=7ms", "--json")
    found = gnomon("serve", "run", "service.yaml", *SET, *words).json
    rows = pl.read_csv("r.csv")
    late = rows.filter(pl.col("arrived_s") >= rows["arrived_s"].min() + 2)
    ttft, after = found["rows"][0]["quantities"][0], found["rows"][0]["quantities"][0]["service"]["after_warmup"]
    assert 0 < after["left_out"] == 100 - len(late)
    assert ttft["value"] == pytest.approx(late["ttft_s"].mean())
    span_s = rows["completed_s"].max() - rows["arrived_s"].min() - 2
    assert after["span_s"] == pytest.approx(span_s, rel=1e-3)
    kept = (late["ttft_s"] <= 0.007).sum()
    assert 0 < kept < len(late)
    assert found["goodput"]["share"] == pytest.approx(kept / len(late))
    assert found["goodput"]["requests_per_s"] == pytest.approx(kept / span_s, rel=1e-3)


def test_a_person_reads_how_many_are_left_out(gnomon):
    out = gnomon("serve", "run", "service.yaml", *SET, "--warmup", "2s", "--slo", "ttft=1s").out.replace("\n", " ")
    assert "requests of the first 2.00 s left out of times, rates and goodput" in out
    assert "cost, energy, MFU, the share of time and slower memories are of the whole run" in out
    assert "of requests after the warm-up keep" in out


def test_two_pools_leave_them_out_too(gnomon):
    Path("two.yaml").write_text(SERVICE.replace("h100-sxm", "hgx-h100:2") + "prefill_replicas: 1\nwarmup_s: 2\n")
    service = gnomon("serve", "run", "two.yaml", *SET, "--json").json["rows"][0]["quantities"][0]["service"]
    assert {one["count"] for one in service["spreads"]} == {100 - service["after_warmup"]["left_out"]}


def test_a_capacity_is_searched_without_them_where_enough_are_left(gnomon):
    run = gnomon("serve", "capacity", "service.yaml", *SET, "--slo", "ttft=60ms", "--warmup", "20ms")
    assert run.code == 0
    refused = gnomon("serve", "capacity", "service.yaml", *SET, "--slo", "ttft=60ms", "--warmup", "10s")
    assert (refused.code, refused.out) == (3, "")
    assert "warmup_s: at " in refused.err
    assert refused.err.endswith("requests came after it and got through, and 40 tell whether a queue grows: give the traffic more requests\n")  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--warmup", "1min"), "warmup_s: a warm-up of 60.0 s leaves no request: of those that are through the last"),
        (("--warmup", "0"), "--warmup: 0.0 is not a time above 0"),
        (("--warmup", "1 minut"), "--warmup: '1 minut': unknown unit 'minut'; did you mean 'min'?"),
        (("--warmup", "soon"), "--warmup: 'soon' does not start with a number"),
    ],
)
def test_what_cannot_be_is_one_line(gnomon, words, said):
    run = gnomon("serve", "run", "service.yaml", *SET, *words)
    assert (run.code, run.out, len(run.err.splitlines())) == (3, "", 1)
    assert said in run.err


def test_a_sweep_tells_how_many_are_left_out_and_which_plan_is_left_without_any(gnomon):
    Path("sweep.yaml").write_text(
        "schema: gnomon/sweep/1\nengine: serving\n"
        "base: {model: llama-2-7b, on: h100-sxm, mode: serve, "
        "traffic: {qps: 10, prompts: 300, answers: 20, requests: 30}}\n"
        "vary: {warmup_s: [null, 1.0, 60.0]}\n"
    )
    run = gnomon("sweep", "sweep.yaml", "--out", "rows", "--workers", "1")
    assert run.code == 0, run.err
    rows = pl.read_csv("rows/rows.csv")
    assert rows["left_out"].to_list()[0] is None
    assert rows["left_out"].to_list()[1] > 0
    assert "leaves no request" in rows["reason"].to_list()[2]
