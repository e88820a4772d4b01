"""A service of a scenario, run request by request."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import gnomon
from gnomon.api.services import ServiceRun
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.slo import parse_limits

pytestmark = pytest.mark.xdist_group("compiled")
SETTINGS = {"timer": "roofline", "software": "none"}
SERVICE = """schema: gnomon/scenario/1
model: llama-2-7b
on: h100-sxm:2
mode: serve
max_num_seqs: 16
traffic:
  qps: 40
  prompts: {distribution: uniform, least: 50, most: 400}
  answers: [1, 20, 40]
  requests: 90
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("service") / "service.yaml"
    found.write_text(SERVICE)
    return found


@pytest.fixture(scope="module")
def made(file: Path) -> ServiceRun:
    return gnomon.serve(file, settings=SETTINGS, records=True)


def test_every_request_is_a_row_whose_times_follow_from_its_moments(made: ServiceRun):
    found = made.table()
    assert found["request"].to_list() == list(range(90))
    assert set(found["replica"]) == {0, 1}
    assert found["answer_tokens"].to_list() == [1, 20, 40] * 30
    for name, last, first in (
        ("queueing_s", "scheduled_s", "arrived_s"),
        ("ttft_s", "first_token_s", "arrived_s"),
        ("e2e_s", "completed_s", "arrived_s"),
    ):
        assert np.allclose(found[name], found[last] - found[first])
    assert found["tpot_s"].null_count() == 30  # answers of one token
    long = found.filter(pl.col("answer_tokens") == 40)
    assert np.allclose(long["tpot_s"] * 39, long["completed_s"] - long["first_token_s"])


def test_the_answer_is_the_mean_of_the_rows(made: ServiceRun):
    rows = made.table()
    for quantity in ("ttft", "tpot", "e2e"):
        assert made.answer[quantity].value == pytest.approx(rows[f"{quantity}_s"].mean())
    spread = next(one for one in made.facts.spreads if one.quantity == "ttft")
    assert spread["p90"] == np.quantile(rows["ttft_s"], 0.9, method="inverted_cdf")


def test_goodput_is_the_share_of_requests_that_keep_every_limit(made: ServiceRun):
    rows = made.table()
    ttft, tpot = rows["ttft_s"].median(), rows["tpot_s"].median()
    limits = parse_limits(f"ttft={ttft * 1e6}us,tpot={tpot * 1e6}us")
    kept = sum(
        row["ttft_s"] <= limits[0].most_s and (row["tpot_s"] is None or row["tpot_s"] <= limits[1].most_s)
        for row in rows.to_dicts()
    )
    assert 0 < kept < 90
    share, rate_per_s = made.goodput(limits)
    assert share == kept / 90
    assert rate_per_s == pytest.approx(kept / made.facts.span_s)
    assert made.goodput(parse_limits("e2e=9000s"))[0] == 1.0
    assert made.goodput(parse_limits("e2e=1ns"))[0] == 0.0


def test_a_row_for_every_step_says_what_waits_and_what_is_held(made: ServiceRun):
    found = made.series()
    assert len(found) == made.facts.steps
    assert found["time_s"].is_sorted()
    assert found["in_step"].max() <= 16
    assert found["waiting"].min() >= 0
    assert 0 < found["kv_blocks"].max() <= made.facts.kv_blocks
    assert found["in_step"].min() > 0


def test_files_hold_the_tables(made: ServiceRun, tmp_path: Path):
    made.write_requests(tmp_path / "r.csv")
    made.write_requests(tmp_path / "r.parquet")
    made.write_series(tmp_path / "s.csv")
    made.write_series(tmp_path / "s.parquet")
    made.write_decisions(tmp_path / "d.csv")
    assert pl.read_parquet(tmp_path / "r.parquet").equals(made.table())
    assert pl.read_parquet(tmp_path / "s.parquet").equals(made.series())
    assert pl.read_csv(tmp_path / "r.csv")["e2e_s"].to_list() == made.table()["e2e_s"].to_list()
    assert len(pl.read_csv(tmp_path / "d.csv")) == made.facts.steps
    with pytest.raises(BadInput, match=r"r\.txt: a table is written as \.csv or \.parquet"):
        made.write_requests(tmp_path / "r.txt")


def test_json_has_the_answer_and_the_goodput_that_was_asked_for(made: ServiceRun):
    assert set(made.to_dict()) == {"schema", "rows"}
    found = made.to_dict(parse_limits("ttft_p50=1s"))
    assert found["schema"] == "gnomon/serve-run/1"
    assert found["goodput"]["limits"] == [{"metric": "ttft", "statistic": "p50", "most_s": 1.0}]
    assert [one["quantity"] for one in found["rows"][0]["quantities"]] == ["ttft", "tpot", "e2e"]
    assert found["rows"][0]["quantities"][0]["service"]["completed"] == 90


def test_without_records_the_requests_are_the_same_and_there_are_no_steps(made: ServiceRun, file: Path):
    again = gnomon.serve(file, settings=SETTINGS)
    assert again.table().equals(made.table())
    for asked in (again.series, lambda: again.write_decisions("d.csv")):
        with pytest.raises(BadInput, match="no steps were recorded: run with records=True"):
            asked()


def test_a_capacity_is_found_and_told(file: Path):
    found = gnomon.serve_capacity(file, "ttft_p90=50ms", settings=SETTINGS).to_dict()
    assert found["schema"] == "gnomon/serve-capacity/1"
    assert found["scenario"] == "service"
    rate = found["rate"]
    assert 0 < rate["interval"]["low"] <= rate["value"] <= rate["interval"]["high"]
    assert (rate["unit"], rate["interval"]["level"]) == ("request/s", 0.9)
    assert len(found["draws_per_s"]) == 5
    assert found["runs"] > 5
    assert set(found["at_rate_s"]) == {"ttft_p90"}


def test_a_capacity_says_what_it_rests_on_and_what_its_interval_leaves_out(file: Path):
    found = gnomon.serve_capacity(file, "ttft_p90=50ms", settings={"timer": "roofline"}).to_dict()
    answer = gnomon.serve(file, settings={"timer": "roofline"}).answer.to_dict()["quantities"][0]
    assert "the error of the times themselves is not in it" in found["rate"]["interval"]["method"]
    assert found["assumptions"] == answer["assumptions"]
    assert found["outside"] == answer["outside"]
    assert any("not of roofline: no interval" in one for one in found["outside"])
    assert found["provenance"]["settings"] == answer["provenance"]["settings"]
    assert found["provenance"]["calibration"]


def test_limits_that_no_rate_keeps_are_said_with_what_is(file: Path):
    with pytest.raises(Unsupported, match=r"no rate keeps ttft_p99 <= 1\.00 us: where requests hardly meet, ttft_p99 "):
        gnomon.serve_capacity(file, "ttft=1us", settings=SETTINGS)


def test_a_scenario_of_another_mode_is_no_service():
    for asked in (
        lambda: gnomon.serve("llama-2-7b-chat-h100"),
        lambda: gnomon.serve_capacity("gpt2-large-inference-v100", "ttft=1s"),
    ):
        with pytest.raises(BadInput, match="asks for no service: its mode is to be serve"):
            asked()


def test_a_fault_that_only_the_engine_finds_names_the_line_of_the_file(tmp_path: Path):
    file = tmp_path / "bad.yaml"
    file.write_text(SERVICE.replace("max_num_seqs: 16", "max_model_len: 100"))
    with pytest.raises(BadInput, match=r"bad\.yaml:\d+: traffic\.prompts: request \d+ has"):
        gnomon.serve(file, settings=SETTINGS)
    file.write_text(SERVICE.replace("max_num_seqs: 16", "tp: 4"))
    with pytest.raises(BadInput, match=r"bad\.yaml:5: tp: a replica needs 4 devices"):
        gnomon.serve_capacity(file, "ttft=1s", settings=SETTINGS)
