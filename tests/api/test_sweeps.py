"""sweep(): rows that are what predict() says, faults told before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import gnomon
from gnomon.api import plugins
from gnomon.api.sweep_rows import COLUMNS, OF_A_SERVICE, evaluator
from gnomon.api.sweeps import read_sweep
from gnomon.core.errors import BadInput

SWEEP = """\
schema: gnomon/sweep/1
base: {model: gpt2, seq: 256}
vary:
  batch: [1, 4]
  on: [t4, h100-sxm]
  overrides.efficiency: [null, 0.5]
objectives: {tpot_s: min, tpot_items_per_s: max}
"""


def _file(folder: Path, text: str = SWEEP) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


def _fault(folder: Path, text: str) -> str:
    with pytest.raises(BadInput) as fault:
        read_sweep(_file(folder, text))
    assert "\n" not in str(fault.value)
    return str(fault.value).removeprefix(str(folder / "mine.yaml"))


def test_rows_are_what_predict_says(tmp_path: Path) -> None:
    found = gnomon.sweep(_file(tmp_path), out=tmp_path / "o", workers=2)
    for row in found.table().to_dicts():
        efficiency = row["overrides.efficiency"]
        overrides = None if efficiency is None else gnomon.Overrides(efficiency=str(efficiency))
        answer = gnomon.predict("gpt2", on=row["on"], batch=row["batch"], seq=256, overrides=overrides)
        assert row["ttft_s"] == answer["ttft"].value
        assert row["tpot_s"] == answer["tpot"].value
        assert row["tpot_digest"] == answer["tpot"].provenance.scenario
        interval = answer["tpot"].interval
        assert (row["tpot_low_s"], row["tpot_high_s"]) == ((interval.low, interval.high) if interval else (None, None))
    assert found.document["points"] == 8


def test_a_result_reads_like_a_table(tmp_path: Path) -> None:
    found = gnomon.sweep(_file(tmp_path), out=tmp_path / "o")
    assert repr(found) == f"mine: 8 of 8 rows, {len(found.pareto())} in the Pareto set, {tmp_path / 'o'}"
    assert pl.DataFrame(found).equals(found.table())
    assert found.is_complete
    assert found.pareto()["index"].to_list() == found.document["pareto"]


@pytest.mark.slow
def test_the_pareto_set_of_a_second_sweep_is_of_that_sweep(tmp_path: Path) -> None:
    """`gnomon.sweep` stays a function once it has been called."""
    for name in ("a", "b"):
        assert len(gnomon.sweep(_file(tmp_path), out=tmp_path / name).pareto())


@pytest.mark.slow
def test_files_are_named_from_the_sweeps_folder_and_their_content_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = (Path(__file__).parents[2] / "docs/how-to/my-gpu.yaml").read_text()
    (tmp_path / "gpu.yaml").write_text(device)
    text = "schema: gnomon/sweep/1\nbase: {model: gpt2}\nvary: {on: [./gpu.yaml, t4], batch: [1, 2]}\n"
    monkeypatch.chdir(tmp_path.parent)
    found = gnomon.sweep(_file(tmp_path, text), out=tmp_path / "o", workers=1)
    assert found.table()["reason"].null_count() == 4
    (tmp_path / "gpu.yaml").write_text(device + "\n# changed\n")
    with pytest.raises(BadInput, match="differs from this one in files"):
        gnomon.sweep(tmp_path / "mine.yaml", out=tmp_path / "o", resume=True)


@pytest.mark.slow
def test_points_without_an_answer_are_rows_with_a_reason(tmp_path: Path) -> None:
    text = "schema: gnomon/sweep/1\nbase: {model: gpt2}\nvary: {seq: [512, 2048], on: [t4, 't4:2']}\n"
    rows = gnomon.sweep(_file(tmp_path, text), out=tmp_path / "o", workers=1).table()
    told = dict(zip(zip(rows["seq"], rows["on"], strict=True), rows["reason"], strict=True))
    assert told[512, "t4"] is None
    assert "one device" in told[512, "t4:2"]
    assert "more than the 1024 positions of gpt2" in told[2048, "t4"]


def test_an_engine_that_breaks_down_is_a_reason_of_that_point(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def missing(self, scenario: object) -> tuple[str, ...]:
            raise ZeroDivisionError("of its own")

    monkeypatch.setattr(plugins, "engine", lambda name: Broken())
    evaluate = evaluator({"base": {"model": "gpt2", "on": "t4"}, "engine": "mine", "folder": "."})
    assert evaluate([{"batch": 1}]) == [{"reason": "mine failed: ZeroDivisionError: of its own"}]


@pytest.mark.slow
def test_an_image_model_beside_a_decoder_fills_the_columns_of_its_pass(tmp_path: Path) -> None:
    text = "schema: gnomon/sweep/1\nbase: {on: t4}\nvary: {model: [gpt2, resnet-50]}\nobjectives: {time_s: min}\n"
    found = gnomon.sweep(_file(tmp_path, text), out=tmp_path / "o", workers=1)
    rows = found.table()
    assert rows["time_s"].is_null().to_list() == [True, False]
    assert rows["tpot_s"].is_null().to_list() == [False, True]
    assert found.document["pareto"] == [1]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("[t4, h100-sxm]", "[t4, h10-sxm]"), ":5: vary.on.1: unknown device 'h10-sxm'; did you mean 'h100-sxm'?"),
        (("model: gpt2", "model: gpt-3x"), ":2: base.model: unknown model 'gpt-3x'"),
        (("seq: 256", "dtype: fp61"), ":2: base.dtype: unknown"),
        (("[null, 0.5]", "[null, 1.5]"), ":6: vary.overrides.efficiency.1: '1.5' is outside"),
        (("tpot_s", "tpot_ms"), ":7: objectives.tpot_ms: no number of a row; did you mean 'tpot_s'?"),
        (("tpot_s", "time_s"), ":7: objectives.time_s: no row has it: these models and modes have tpot, ttft"),
        (("base:", "engine: roofilne\nbase:"), ":2: engine: unknown engine 'roofilne'; did you mean 'roofline'?"),
        (("[null, 0.5]", "[null, 0.5]\n  sizes.foo: [1, 2]"), ":7: vary.sizes.foo: no model here has this open size"),
        (("seq: 256", "sizes: {foo: 1}"), ":2: base.sizes.foo: no model here has this open size"),
        (("[1, 4]", "[1, 4000000000]"), "more than any run has"),
    ],
)
def test_what_cannot_be_is_told_before_anything_runs(tmp_path: Path, changed: tuple[str, str], said: str) -> None:
    assert said in _fault(tmp_path, SWEEP.replace(*changed))


@pytest.mark.slow
def test_rows_follow_each_other_with_the_machine_fastest(tmp_path: Path) -> None:
    text = "schema: gnomon/sweep/1\nbase: {model: gpt2}\nvary: {on: [t4, l4], batch: [1, 2], seq: [64, 128]}\n"
    rows = gnomon.sweep(_file(tmp_path, text), out=tmp_path / "o", workers=1).table()
    assert rows.select("batch", "seq", "on").rows()[:4] == [
        (1, 64, "t4"),
        (1, 64, "l4"),
        (1, 128, "t4"),
        (1, 128, "l4"),
    ]


def test_a_row_fits_where_the_pass_that_needs_most_does() -> None:
    prefill, decode = (outcome.prediction for outcome in gnomon.predict("gpt2", "t4", batch=64).outcomes)
    assert prefill is not None
    assert decode is not None
    needs = sorted([prefill.memory.total_bytes, decode.memory.total_bytes])
    assert needs[0] < needs[1]
    evaluate = evaluator({"base": {"model": "gpt2", "on": "t4", "batch": 64}, "engine": "roofline", "folder": "."})
    between, above = evaluate([{"overrides.memory_capacity": sum(needs) / 2}, {"overrides.memory_capacity": needs[1]}])
    assert (between["fits"], between["total_bytes"]) == (False, needs[1])
    assert above["fits"] is True


def test_what_a_workers_row_holds_are_the_columns() -> None:
    evaluate = evaluator({"base": {"model": "gpt2", "on": "t4"}, "engine": "roofline", "folder": "."})
    (row,) = evaluate([{"batch": 1}])
    others = {name for name in COLUMNS if name.startswith(("time_", "e2e_"))} | set(OF_A_SERVICE)
    assert set(row) == set(COLUMNS) - others
    assert json.loads(json.dumps(row)) == row


PLANS = """\
schema: gnomon/sweep/1
engine: training
base: {model: gpt2, mode: train, seq: 64, global_batch: 16, overrides: {memory_capacity: 2.5 GB}}
vary:
  on: ["hgx-h100:4", "hgx-h100:8"]
  tp: [1, 3, 4, 8]
  pp: {from: 1, to: 2, times: 2}
  schedule: [null, gpipe]
  recompute: [none, full]
objectives: {time_device_items_per_s: max, total_bytes: min, devices: min, time_bubble: min}
"""


@pytest.mark.slow
def test_a_sweep_over_plans_tells_why_some_cannot_be_and_leaves_out_what_does_not_fit(tmp_path: Path) -> None:
    found = gnomon.sweep(_file(tmp_path, PLANS), out=tmp_path / "o", workers=1)
    rows = found.table().to_dicts()
    assert len(rows) == 64
    of_three = [row for row in rows if row["tp"] == 3 and row["schedule"] is None]
    assert {"tp: 4 devices is not a multiple of tp 3 x cp 1 x pp 1 = 3; try tp 1, 2 or 4"} < {
        row["reason"] for row in of_three
    }
    answered = [row for row in rows if row["reason"] is None]
    assert {row["fits"] for row in answered} == {True, False}
    best = found.pareto().to_dicts()
    assert {row["devices"] for row in best} == {4, 8}
    assert all(row["fits"] for row in best)
    for row in answered:
        answer = gnomon.predict(
            *("gpt2", row["on"]),
            **{name: row[name] for name in ("tp", "pp", "schedule", "recompute")},
            engine="training",
            mode="train",
            seq=64,
            global_batch=16,
            overrides=gnomon.Overrides(memory_capacity="2.5 GB"),
        )
        prediction = answer["time"]
        assert prediction.step is not None
        assert row["time_s"] == prediction.value
        assert row["time_bubble"] == prediction.step.bubble
        assert row["time_device_items_per_s"] == pytest.approx(16 * 64 / prediction.value / row["devices"])


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("tp: [1, 3, 4, 8]", "tp: [1, 0]", ":6: vary.tp.1: Input should be greater than or equal to 1, not 0"),
        (
            "[null, gpipe]",
            "[gpip]",
            ":8: vary.schedule.0: Input should be '1f1b', 'gpipe', 'interleaved' or 'zero-bubble', not 'gpip'",
        ),
        ("tp: [1, 3, 4, 8]", "zero: [1, 4]", ":6: vary.zero.1: Input should be less than or equal to 3, not 4"),
        (
            "tp: [1, 3, 4, 8]",
            "lora_base: [int4, int5]",
            ":6: vary.lora_base.1: unknown dtype 'int5'; did you mean 'int8'?",
        ),
        ("time_bubble", "bubble", ":10: objectives.bubble: no number of a row; did you mean 'e2e_bubble'?"),
    ],
)
def test_a_value_that_no_plan_can_have_is_told_before_anything_runs(
    tmp_path: Path, old: str, new: str, fault: str
) -> None:
    assert _fault(tmp_path, PLANS.replace(old, new)).startswith(fault)
