"""write_report(): what the user names, computed or read, on one page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gnomon
from gnomon.api.reports import documents
from tests.report.documents import measurements, predictions, sweep_folder
from tests.report.test_pages import data_of, figure_table


def written(folder: Path, name: str, data: object) -> str:
    path = folder / name
    path.write_text(json.dumps(data))
    return str(path)


def test_each_kind_of_source_is_told_by_its_name_or_form(tmp_path: Path):
    runs = tmp_path / "runs"
    runs.mkdir()
    written(runs, "a.json", predictions())
    written(runs, "b.json", measurements())
    table, scenario = tmp_path / "mine.csv", tmp_path / "q.yaml"
    table.write_text("device,model,mode,batch,precision,measured_ms\nt4,resnet-50,forward,1,fp16,2\n")
    gnomon.predict("resnet-50", "t4").write_scenario(scenario)
    sweep = sweep_folder(tmp_path / "sweep")
    sources = [str(runs), str(table), str(scenario), "llama-2-7b-chat-h100", str(sweep), str(sweep / "rows.csv")]
    kinds = [one.kind for one in documents(sources)]
    assert kinds == ["predictions", "measurements", "measurements", "scenarios", "scenarios", "sweep", "sweep"]


def test_a_table_named_and_its_comparison_read_give_the_same_page_but_for_the_label(tmp_path: Path):
    found = gnomon.compare_measurements("published", where={"model": "bert-large"})
    read = gnomon.write_report(written(tmp_path, "run.json", found.to_dict(found.rows)), tmp_path / "read.html")
    named = gnomon.write_report("published", tmp_path / "named.html", where={"model": "bert-large"})
    assert data_of(read.html) == data_of(named.html)
    assert (
        figure_table(data_of(named.html), "predicted-and-measured")["measured_s"] == found.rows["measured_s"].to_list()
    )
    assert (tmp_path / "named.html").read_text(encoding="utf-8") == named.html


def test_a_scenario_is_put_to_every_engine_with_its_operators(tmp_path: Path):
    page = gnomon.write_report("llama-2-7b-decode-a100", tmp_path / "p.html")
    kinds = [figure.kind for figure in page.figures]
    assert kinds == [
        "predicted-and-measured",
        *["waterfall", "roofline"] * 2,
    ]  # of the kernel engine, and of the roofline
    answer = gnomon.predict_scenario("llama-2-7b-decode-a100", engine="kernel")
    table = figure_table(data_of(page.html), "waterfall")
    assert sum(table["value_s"]) == pytest.approx(answer.value)


@pytest.mark.parametrize(
    ("sources", "line"),
    [
        ([], "nothing to report"),
        (["publishd"], "did you mean 'published'"),
        (["llama-2-7b-chat-h10"], "did you mean 'llama-2-7b-chat-h100'"),
        (["./absent.json"], "no such file"),
        (["./absent.csv"], "no such file"),
        (["./absent"], "no such file or folder"),
        ([__file__], "is made of .json, .yaml, .csv and .parquet files"),
    ],
)
def test_a_source_that_is_none_is_refused(sources, line):
    with pytest.raises(gnomon.BadInput) as refused:
        documents(sources)
    assert line in str(refused.value)


def test_options_of_tables_beside_what_was_computed_before_are_refused(tmp_path: Path):
    run = written(tmp_path, "run.json", predictions())
    with pytest.raises(gnomon.BadInput, match="where: chooses rows of a table"):
        documents([run], where={"device": "t4"})
    with pytest.raises(gnomon.BadInput, match="engine: what was computed before"):
        documents([run], engine="roofline")


def test_what_nobody_answers_is_unsupported_with_the_reasons(tmp_path: Path):
    table, scenario = tmp_path / "mine.csv", tmp_path / "q.yaml"
    table.write_text("device,model,mode,batch,precision,measured_ms\nt4,resnet-50,forward,1,bf16,2\n")
    scenario.write_text("schema: gnomon/scenario/1\nmodel: llama-2-70b\non: h100-sxm:8\n")
    with pytest.raises(gnomon.Unsupported, match="no unit for products in bf16"):
        documents([str(table)])
    with pytest.raises(gnomon.Unsupported, match="for one device, not for the 8"):
        documents([str(scenario)])


def test_a_failure_leaves_the_page_of_before_untouched(tmp_path: Path):
    page = tmp_path / "page.html"
    gnomon.write_report(written(tmp_path, "good.json", predictions()), page)
    before = page.read_bytes()
    (tmp_path / "cut.json").write_text(json.dumps(measurements())[:-20])
    with pytest.raises(gnomon.BadInput, match=r"cut\.json:1:[0-9]+: not JSON"):
        gnomon.write_report([tmp_path / "good.json", tmp_path / "cut.json"], page)
    assert page.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"page.html", "good.json", "cut.json"}


def test_a_sweep_of_ours_has_its_front_with_its_own_numbers(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "schema: gnomon/sweep/1\ntitle: Batch and device\nbase: {model: resnet-50}\n"
        "vary: {on: [t4, a10], batch: [1, 8, 64]}\nobjectives: {time_s: min, time_items_per_s: max}\n"
    )
    result = gnomon.sweep(file, out=tmp_path / "out", workers=1)
    page = gnomon.write_report(result.path, tmp_path / "p.html")
    table, rows = figure_table(data_of(page.html), "pareto"), result.table()
    assert page.figures[0].title == "Pareto set: Batch and device"
    assert [index for index, is_best in zip(table["index"], table["is_best"], strict=True) if is_best] == list(
        result.document["pareto"]
    )
    for column in ("on", "batch", "time_s", "time_items_per_s", "total_bytes"):
        assert table[column] == rows[column].to_list()


def test_a_page_says_which_rows_of_a_table_were_chosen(tmp_path: Path):
    page = gnomon.write_report("published", tmp_path / "p.html", where={"device": ("t4", "a10"), "mode": "forward"})
    assert "From published, where device=t4,a10, where mode=forward<" in page.html


def test_a_page_in_place_of_its_source_is_refused(tmp_path: Path):
    run = written(tmp_path, "run.json", predictions())
    with pytest.raises(gnomon.BadInput, match="is what the report is made of"):
        gnomon.write_report(run, tmp_path / "." / "run.json")
    assert json.loads(Path(run).read_text()) == predictions()


def test_a_table_of_doubted_rows_alone_has_a_page(tmp_path: Path):
    table = tmp_path / "mine.csv"
    table.write_text("device,model,mode,batch,precision,measured_ms,quality\nt4,resnet-50,forward,1,fp16,2,hot\n")
    assert [figure.kind for figure in gnomon.write_report(table, tmp_path / "p.html").figures] == [
        "predicted-and-measured"
    ]


def test_a_long_table_is_shown_one_row_in_so_many(monkeypatch):
    monkeypatch.setattr("gnomon.api.reports.MOST_ROWS", (50,))
    (document,) = documents(["published"])
    assert 0 < len(document.data["rows"]) <= 50 < document.data["rows_answered"]
