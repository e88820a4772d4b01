"""What a report is made of: read, told apart, and refused with one line that says where, what and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from gnomon.core.errors import BadInput
from gnomon.report.documents import document_of, read_folder, read_json_document, read_sweep_result
from tests.report.documents import answer, measurements, predictions, quantity, scenarios, sweep_folder


@pytest.mark.parametrize(
    ("data", "kind"), [(predictions(), "predictions"), (measurements(), "measurements"), (scenarios(), "scenarios")]
)
def test_a_document_is_told_by_its_schema(data, kind):
    assert document_of("x", data).kind == kind


def test_a_file_that_is_cut_short_anywhere_is_refused_in_one_line(tmp_path: Path):
    whole, file = json.dumps(measurements()), tmp_path / "run.json"
    for length in range(0, len(whole) - 1, 97):
        file.write_text(whole[:length])
        with pytest.raises(BadInput, match=r"run\.json:1:[0-9]+: not JSON: "):
            read_json_document(file)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"schema": "gnomon/predict/9", "rows": []}, "schema 'gnomon/predict/9' is not one that a report is made of"),
        ({}, "no schema is not one"),
        ([], "no schema is not one"),
        ({"schema": "gnomon/predict/1"}, "rows: missing; not a whole gnomon/predict/1: write it anew"),
        ({"schema": "gnomon/predict/1", "rows": [{}]}, "rows.0.model: missing"),
        (measurements(intervals=None), "intervals: "),
        (measurements(overall={}), "overall.rows: missing"),
        (measurements(by={"device": [{"group": "t4"}]}), "by.device.0.rows: missing"),
        ({"schema": "gnomon/sweep-result/1"}, "give the folder"),
    ],
)
def test_a_document_that_is_not_whole_is_refused_with_the_field(data, line):
    with pytest.raises(BadInput) as refused:
        document_of("run.json", data)
    assert line in str(refused.value)
    assert str(refused.value).startswith("run.json: ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("NaN", "NaN is no JSON number"),
        ("[1e999]", "1e999 is too large a number"),
        ("[" * 100_000, "run.json: nested too deeply"),
        ("\x00", "not JSON"),
    ],
)
def test_what_is_no_json_is_refused(tmp_path: Path, text, line):
    file = tmp_path / "run.json"
    file.write_text(text)
    with pytest.raises(BadInput, match=r"run\.json") as refused:
        read_json_document(file)
    assert line in str(refused.value)


def test_bytes_that_are_no_text_and_a_missing_file_are_refused(tmp_path: Path):
    file = tmp_path / "run.json"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="not text in UTF-8"):
        read_json_document(file)
    with pytest.raises(BadInput, match="no such file"):
        read_json_document(tmp_path / "absent.json")


def test_a_sweep_is_read_from_parquet_and_without_it_from_csv(tmp_path: Path):
    folder = sweep_folder(tmp_path / "sweep")
    of_parquet = read_sweep_result(folder).rows
    (folder / "rows.parquet").unlink()
    assert read_sweep_result(folder).rows == of_parquet
    assert of_parquet["total_s"] == [1.0, 3.0, 2.0, None]


def test_a_sweep_s_numbers_that_are_not_finite_are_unknown_and_its_lists_are_text(tmp_path: Path):
    folder = sweep_folder(tmp_path / "sweep")
    values = {"index": [0, 1], "total_s": [float("nan"), 1.0], "images_per_s": [float("inf"), 2.0], "x": [[1], [2, 3]]}
    pl.DataFrame(values).write_parquet(folder / "rows.parquet")
    rows = read_sweep_result(folder).rows
    assert (rows["total_s"], rows["images_per_s"]) == ([None, 1.0], [None, 2.0])
    assert all(isinstance(cell, str) for cell in rows["x"])


def test_a_folder_of_documents_is_read_in_the_order_of_their_names(tmp_path: Path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.json").write_text(json.dumps(predictions()))
    assert [Path(one.label).name for one in read_folder(tmp_path)] == ["a.json", "b.json"]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"complete": False}, "the sweep is not finished; run it again with --resume"),
        ({"schema": "gnomon/sweep-result/7"}, "is not 'gnomon/sweep-result/1'"),
        ({"objectives": [{"name": "total_s", "goal": "least"}]}, "objectives.0.goal: "),
        ({"pareto": None}, "pareto: "),
    ],
)
def test_a_sweep_that_is_not_whole_is_refused(tmp_path: Path, changes, line):
    with pytest.raises(BadInput) as refused:
        read_folder(sweep_folder(tmp_path / "sweep", **changes))
    assert line in str(refused.value)


def test_a_sweep_under_way_or_without_rows_and_an_empty_folder_are_refused(tmp_path: Path):
    (tmp_path / "chunks").mkdir()
    with pytest.raises(BadInput, match="not finished"):
        read_folder(tmp_path)
    folder = sweep_folder(tmp_path / "sweep")
    (folder / "rows.parquet").write_text("torn")
    with pytest.raises(BadInput, match=r"rows\.parquet: not a readable table"):
        read_sweep_result(folder)
    for name in ("rows.parquet", "rows.csv"):
        (folder / name).unlink()
    with pytest.raises(BadInput, match=r"neither rows\.parquet nor rows\.csv"):
        read_sweep_result(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"neither sweep\.json nor another JSON"):
        read_folder(tmp_path / "empty")


def test_what_binds_need_not_be_known():
    assert document_of("x.json", predictions(answer("toy", quantity(bound=None)))).kind == "predictions"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            predictions(answer("toy", quantity() | {"value": "3"})),
            "rows.0.quantities.0.value: Input should be a valid number",
        ),
        (predictions(answer("toy", quantity(unit="hours"))), "rows.0.quantities.0.unit: Input should be 's'"),
        (predictions(answer("toy", quantity(None, reasons=[]))), "rows.0.quantities.0.reasons: at least 1 expected"),
        (predictions(answer("toy", quantity(bound=3))), "rows.0.quantities.0.bound: Input should be a valid string"),
        (predictions(answer() | {"quantities": []}), "rows.0.quantities: at least 1 expected"),
        (predictions() | {"rows": []}, "rows: empty: there is nothing to show"),
        ({"schema": "gnomon/compare-scenarios/1", "scenarios": []}, "scenarios: empty: there is nothing to show"),
    ],
)
def test_a_fault_is_told_by_the_field_of_the_document(given, said):
    with pytest.raises(BadInput) as refused:
        document_of("x.json", given)
    assert str(refused.value).startswith(f"x.json: {said}")
