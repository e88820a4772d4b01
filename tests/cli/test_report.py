"""`gnomon report`, and what feeds it: `predict --operators`, `predict --trace`, `compare --report`."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from tests.report.documents import sweep_folder
from tests.report.runs import ended, read, rewrite, spec_of
from tests.report.test_pages import data_of, figure_table


def kept(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_predictions_with_operators_become_a_page_of_the_same_numbers(gnomon, tmp_path: Path) -> None:
    words = ("predict", "gpt2", "--on", "t4", "--mode", "decode", "--operators", "--json")
    document = gnomon(*words).json
    page = tmp_path / "deep" / "page.html"
    run = gnomon("report", kept(tmp_path, "run.json", json.dumps(document)), "-o", str(page))
    assert (run.code, run.err) == (0, "")
    assert run.out.startswith(f"report: {page} (figures: 2, ")
    (quantity,) = document["rows"][0]["quantities"]
    data = data_of(page.read_text(encoding="utf-8"))
    assert figure_table(data, "roofline")["time_s"] == [row["time_s"] for row in quantity["operators"]]
    assert sum(figure_table(data, "waterfall")["value_s"]) == pytest.approx(quantity["value"])


def test_a_comparison_becomes_a_page_of_the_same_numbers(gnomon, tmp_path: Path) -> None:
    words = ("compare", "--measurements", "published", "--where", "model=gpt2-large", "--rows", "--json")
    document = gnomon(*words).json
    page = tmp_path / "page.html"
    assert gnomon("report", kept(tmp_path, "run.json", json.dumps(document)), "-o", str(page)).code == 0
    table = figure_table(data_of(page.read_text(encoding="utf-8")), "predicted-and-measured")
    for name in ("measured_s", "predicted_s", "error_percent", "source"):
        assert table[name] == [row[name] for row in document["rows"]]


def test_json_says_what_was_written(gnomon, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    found = gnomon("report", "published", "--where", "device=t4", "-o", str(page), "--title", "Mine", "--json").json
    assert found["schema"] == "gnomon/report/1"
    assert (found["file"], found["bytes"], found["left_out"]) == (str(page), page.stat().st_size, [])
    assert found["figures"][0]["kind"] == "predicted-and-measured"
    assert found["figures"][0]["rows"] == len(
        figure_table(data_of(page.read_text()), "predicted-and-measured")["device"]
    )
    assert "<h1>Mine</h1>" in page.read_text(encoding="utf-8")


def test_what_a_page_leaves_out_is_said_on_standard_error(gnomon, tmp_path: Path) -> None:
    run = gnomon("report", *(["llama-2-7b-decode-a100"] * 8), "-o", str(tmp_path / "page.html"))
    assert "The last 6 of 8 documents follow" in run.err
    assert len(run.out.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("published",), 2, "-o"),
        (("-o", "x.html"), 2, "SOURCE"),
        (("published", "-o", "x.html", "--enigne", "roofline"), 2, "did you mean '--engine'?"),
        (("publishde", "-o", "x.html"), 3, "did you mean 'published'?"),
        (("./absent.json", "-o", "x.html"), 3, "./absent.json: no such file"),
        (("published", "-o", "/dev/null/x.html"), 3, "cannot be written"),
        (("published", "-o", "."), 3, "cannot be written: it is no plain file"),
        (("published", "-o", "x.html", "--where", "device"), 3, "--where: 'device' is not of the form"),
    ],
)
def test_a_wrong_report_ends_in_one_line_and_its_exit_code(
    gnomon, tmp_path: Path, monkeypatch, words, code, line
) -> None:
    monkeypatch.chdir(tmp_path)
    run = gnomon("report", *words)
    assert (run.code, run.out) == (code, "")
    assert line in run.err
    assert len(run.err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_nobody_answers_has_no_page_and_a_line_for_each_reason(
    gnomon, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = gnomon("report", "published", "-o", "x.html", "--engine", "null")
    lines = run.err.splitlines()
    assert (run.code, lines[0]) == (4, "gnomon: no row of published can be answered:")
    assert all("rows: null answers nothing" in line for line in lines[1:])
    assert not (tmp_path / "x.html").exists()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "run.json:1:"),
        ('{"schema": "gnomon/predict/1", "rows": [', "run.json:1:"),
        ('{"schema": "gnomon/doctor/1"}', "run.json: schema 'gnomon/doctor/1' is not one that a report is made of"),
        ('{"schema": "gnomon/predict/1"}', "run.json: rows: missing"),
    ],
)
def test_a_damaged_document_is_bad_input_and_writes_nothing(gnomon, tmp_path: Path, text, line) -> None:
    page = tmp_path / "page.html"
    run = gnomon("report", kept(tmp_path, "run.json", text), "-o", str(page))
    assert (run.code, run.out, page.exists()) == (3, "", False)
    assert line in run.err
    assert len(run.err.strip().splitlines()) == 1


def test_an_unfinished_sweep_says_how_to_finish_it(gnomon, tmp_path: Path) -> None:
    run = gnomon("report", str(sweep_folder(tmp_path / "s", complete=False)), "-o", str(tmp_path / "page.html"))
    assert run.code == 3
    assert "run it again with --resume" in run.err
    assert gnomon("report", str(sweep_folder(tmp_path / "t")), "-o", str(tmp_path / "page.html")).code == 0


def test_operators_are_a_table_the_longest_first_and_rows_of_a_csv(gnomon) -> None:
    words = ("predict", "resnet-50", "--on", "t4", "--operators")
    run = gnomon(*words)
    lines = run.out.splitlines()
    assert "stage3.rest.conv2" in lines[5]
    assert lines[-1].startswith("and 64 shorter ones, ")
    rows = list(csv.DictReader(io.StringIO(gnomon(*words, "--csv").out)))
    quantity = gnomon(*words, "--json").json["rows"][0]["quantities"][0]
    assert [float(row["time_s"]) for row in rows] == [row["time_s"] for row in quantity["operators"]]
    assert sum(float(row["total_s"]) for row in rows) == pytest.approx(quantity["value"])


def test_a_trace_is_written_beside_the_table_and_said_on_standard_error(gnomon, tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    run = gnomon("predict", "gpt2", "--on", "t4,l4", "--trace", str(file))
    assert (run.code, run.err) == (0, f"gnomon: trace written to {file}\n")
    assert len({event["pid"] for event in json.loads(file.read_text())["traceEvents"]}) == 2


def test_a_trace_that_cannot_be_written_is_refused_before_the_work(gnomon, tmp_path: Path) -> None:
    run = gnomon("predict", "gpt2", "--on", "t4", "--trace", str(tmp_path))
    assert (run.code, run.out) == (3, "")
    assert "cannot be written" in run.err


def test_sources_of_a_report_are_completed(gnomon) -> None:
    assert gnomon("complete", "report", "publ").out.split() == ["published"]
    assert gnomon("complete", "report", "published", "llama-2-7b-chat").out.split() == ["llama-2-7b-chat-h100"]


def test_a_run_of_an_experiment_becomes_a_page(gnomon, tmp_path: Path) -> None:
    folder, page = read(ended(tmp_path / "repository")), tmp_path / "page.html"
    for source in (folder, spec_of(folder)):
        run = gnomon("report", str(source), "-o", str(page))
        assert (run.code, run.err) == (0, "")
        assert run.out.startswith(f"report: {page} (figures: 3, ")
    assert "<h1>Half of a number is less than the number</h1>" in page.read_text(encoding="utf-8")
    found = gnomon("report", str(folder), "published", "--where", "device=t4", "-o", str(page), "--json").json
    assert [figure["kind"] for figure in found["figures"]][:4] == ["values-by-arm"] * 2 + [
        "course",
        "predicted-and-measured",
    ]
    assert found["alarms"] == []


def test_a_run_that_was_tampered_with_has_a_page_and_a_line_on_standard_error(gnomon, tmp_path: Path) -> None:
    folder, page = ended(tmp_path / "repository"), tmp_path / "page.html"
    rewrite(folder / "metrics.json", "0.5", "0.4")
    run = gnomon("report", str(folder), "-o", str(page))
    assert run.code == 0
    assert "This run is not as it was registered and sealed: metrics.json: sha256 is" in run.err
    assert len(run.err.splitlines()) == 1
    (alarm,) = gnomon("report", str(folder), "-o", str(page), "--json").json["alarms"]
    assert alarm in run.err


def test_a_page_is_never_written_into_the_folder_of_a_run(gnomon, tmp_path: Path) -> None:
    folder = ended(tmp_path)
    run = gnomon("report", str(folder), "-o", str(folder / "units" / "page.html"))
    assert (run.code, run.out) == (3, "")
    assert "is in the folder of a run" in run.err
    assert gnomon("exp", "verify", str(spec_of(folder))).code == 0


def test_what_is_no_run_ends_in_one_line_and_its_exit_code(gnomon, tmp_path: Path) -> None:
    folder, page = ended(tmp_path / "repository"), tmp_path / "page.html"

    def told(source: Path) -> tuple[int, str]:
        run = gnomon("report", str(source), "-o", str(page))
        assert (run.out, page.exists(), len(run.err.splitlines())) == ("", False, 1)
        return run.code, run.err

    rewrite(folder / "journal.jsonl", '"units":14', '"units":15')
    code, line = told(folder)
    assert code == 14
    assert re.search(r"journal.jsonl: record \d+: its digest does not fit; ", line)
    (folder / "journal.jsonl").unlink()
    code, line = told(folder)
    assert code == 3
    assert "no run: there is no journal.jsonl" in line
    (tmp_path / "empty").mkdir()
    code, line = told(tmp_path / "empty")
    assert code == 3
    assert "give the folder of a sweep or of a run, or a file" in line
