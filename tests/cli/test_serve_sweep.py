"""Sweeps of services: what is said of rows that lack some of an answer, or all of it."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

pytestmark = pytest.mark.xdist_group("compiled")
SWEEP = """schema: gnomon/sweep/1
engine: serving
base: {model: llama-2-7b, on: h100-sxm, mode: serve, traffic: {prompts: 300, answers: 20, requests: 30}}
vary: {traffic.qps: [5, 10]}
"""


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_sweep_of_answers_of_one_token_lacks_only_the_time_of_each_further_one(gnomon):
    Path("sweep.yaml").write_text(SWEEP.replace("answers: 20", "answers: 1") + "objectives: {e2e_s: min}\n")
    run = gnomon("sweep", "sweep.yaml", "--out", "rows", "--workers", "1")
    assert (run.code, run.err) == (0, "")
    assert "2 rows, 2 answered" in run.out
    assert "2 of those answered lack some values: no answer has a second token" in run.out
    assert "Pareto set of e2e_s (min): 1 of" in run.out
    rows = pl.read_csv("rows/rows.csv")
    assert rows["ttft_s"].null_count() == rows["e2e_s"].null_count() == 0
    assert "tpot_s" not in rows.columns
    document = json.loads(Path("rows/sweep.json").read_text())
    assert (document["answered"], document["refused"], document["partial"][0]["rows"]) == (2, [], 2)


def test_a_sweep_of_a_service_without_an_engine_for_it_names_the_one_in_words_of_a_file(gnomon):
    Path("sweep.yaml").write_text(SWEEP.replace("engine: serving\n", ""))
    run = gnomon("sweep", "sweep.yaml", "--out", "rows", "--workers", "1")
    assert run.code == 4
    assert "2 rows: roofline answers for one pass through the model; engine serving simulates a service" in run.err
