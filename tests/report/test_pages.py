"""The page: every number of the document, each once, escaped, below the limit, and nothing that fetches."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gnomon.core.errors import BadInput
from gnomon.report.documents import Document, document_of, read_sweep_result
from gnomon.report.pages import MOST_BYTES, MOST_ROWS, json_in_html, page
from gnomon.report.sections import MOST_DOCUMENTS, MOST_PASSES, short_labels
from tests.report.documents import (
    ROOFS,
    TRIALS,
    answer,
    measured,
    measurements,
    operator,
    predictions,
    quantity,
    scenarios,
    sweep_folder,
)

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&amp;%{x}\u2028"


def data_of(html: str) -> dict[str, Any]:
    """What the page's script reads."""
    found = re.search(r'<script type="application/json" id="gnomon-data">(.*?)</script>', html, re.S)
    assert found
    data: dict[str, Any] = json.loads(found.group(1))
    return data


def table_of(data: dict[str, Any], name: str) -> dict[str, list[Any]]:
    """A table of the page, its words put back in their places."""
    return {
        column["name"]: column["values"]
        if "values" in column
        else [None if code < 0 else column["levels"][code] for code in column["codes"]]
        for column in data["tables"][name]
    }


def figure_table(data: dict[str, Any], kind: str) -> dict[str, list[Any]]:
    figure = next(figure for figure in data["figures"].values() if figure["kind"] == kind)
    return table_of(data, figure["table"])


def operators_document() -> Document:
    ops = [operator("a", time_s=5.0), operator("b", family="norm", time_s=3.0), operator("c", flop=0.0, time_s=0.0)]
    return document_of("run.json", predictions(answer("toy", quantity(16.0, operators=ops, roofs=ROOFS))))


# --- which views


def test_predictions_have_a_waterfall_and_with_operators_a_roofline():
    assert [figure.kind for figure in page([document_of("a", predictions())]).figures] == ["waterfall"]
    assert [figure.kind for figure in page([operators_document()]).figures] == ["waterfall", "roofline"]


def test_a_comparison_has_points_errors_by_group_and_both_views_of_coverage():
    kinds = [figure.kind for figure in page([document_of("a", measurements())]).figures]
    assert kinds == [
        "predicted-and-measured",
        "error-by-group",
        "error-by-group",
        "coverage-by-level",
        "coverage-by-group",
    ]


def test_scenarios_meet_their_measurements_and_a_sweep_has_its_front(tmp_path: Path):
    documents = [document_of("mine", scenarios()), read_sweep_result(sweep_folder(tmp_path / "s"))]
    assert [figure.kind for figure in page(documents).figures] == ["predicted-and-measured", "waterfall", "pareto"]


def test_several_runs_have_a_history_of_errors_and_of_times():
    runs = [
        document_of(f"{n}/{kind}.json", data)
        for n in "ab"
        for kind, data in (("p", predictions()), ("m", measurements()))
    ]
    assert [figure.kind for figure in page(runs).figures][:2] == ["error-history", "time-history"]


def test_a_sweep_of_one_objective_is_drawn_over_its_trials(tmp_path: Path):
    folder = sweep_folder(tmp_path / "s", objectives=[{"name": "total_s", "goal": "min"}], pareto=[0])
    (figure,) = page([read_sweep_result(folder)]).figures
    assert figure.title == "Best trial: toy sweep"
    assert {trace["x"] for trace in figure.data} == {"@index"}


def test_a_sweep_without_objectives_is_its_table(tmp_path: Path):
    found = page([read_sweep_result(sweep_folder(tmp_path / "s", objectives=[], pareto=[]))])
    assert found.figures == ()
    assert "Trials" in found.html


def test_a_sweep_that_nothing_answered_has_a_page(tmp_path: Path):
    folder = sweep_folder(tmp_path / "s", pareto=[])
    none = {"index": [0], "batch": [1], "reason": ["does not fit"]}
    pl.DataFrame(none).write_parquet(folder / "rows.parquet")
    found = page([read_sweep_result(folder)])
    assert [figure.alt for figure in found.figures] == [
        "1 trials, 0 in the Pareto set; in it total unknown, images unknown."
    ]
    assert "does not fit" in found.html


def test_a_pass_of_no_time_and_operators_without_roofs_have_a_page():
    free = quantity(1.0) | {"value": 0.0, "parts": [], "operators": [operator(time_s=0.0)]}
    table = document_of(
        "b", scenarios() | {"scenarios": [scenarios()["scenarios"][0] | {"answers": [answer("toy", free)]}]}
    )
    found = page([document_of("a", predictions(answer("toy", free))), table])
    assert [figure.kind for figure in found.figures] == ["time-history"]
    assert found.figures[0].table["of_first"] == (None, None)


def test_nothing_answered_is_a_page_with_reasons_and_no_figure():
    found = page([document_of("a", predictions(answer("toy", quantity(None))))])
    assert found.figures == ()
    assert "no unit" in json.dumps(data_of(found.html))


# --- the numbers


def test_the_page_is_told_what_each_column_is_called_and_its_unit():
    data = data_of(page([document_of("a", measurements())]).html)
    columns = {column["name"]: column for table in data["tables"].values() for column in table}
    told = {name: (columns[name]["label"], columns[name]["unit"]) for name in ("measured_s", "error_percent", "device")}
    assert told == {"measured_s": ("measured", "s"), "error_percent": ("error", "%"), "device": ("device", "")}


def test_the_numbers_of_the_page_are_those_of_the_comparison():
    rows = [measured(random.Random(i).random(), 0.7, device=f"d{i % 3}") for i in range(50)]
    document = measurements(*rows)
    data = data_of(page([document_of("a", document)]).html)
    table = figure_table(data, "predicted-and-measured")
    for name in ("measured_s", "predicted_s", "error_percent", "device", "subject"):
        assert table[name] == [row[name] for row in rows]
    groups = figure_table(data, "error-by-group")
    assert groups["median_ape"] == [group["median_ape"] for group in document["by"]["device"] if group["rows"]]
    assert figure_table(data, "coverage-by-group")["coverage"] == [0.9, 0.7, 1.0, 0.8]


def test_points_of_doubted_rows_are_counted_below_the_figure():
    rows = [measured(), measured(quality="throttled"), measured(quality="throttled")]
    assert "2 of the points are of rows that their source doubts" in page([document_of("a", measurements(*rows))]).html


def test_the_numbers_of_the_page_are_those_of_the_prediction():
    data = data_of(page([operators_document()]).html)
    assert sum(figure_table(data, "waterfall")["value_s"]) == 16.0
    table = figure_table(data, "roofline")
    assert (table["time_s"], table["total_s"]) == ([5.0, 3.0, 0.0], [10.0, 6.0, 0.0])


def test_the_numbers_of_the_page_are_those_of_the_sweep(tmp_path: Path):
    table = figure_table(data_of(page([read_sweep_result(sweep_folder(tmp_path / "s"))]).html), "pareto")
    assert {name: table[name] for name in TRIALS} == TRIALS
    assert table["is_best"] == [True, False, True, False]


def test_every_column_that_a_trace_draws_is_in_its_table(tmp_path: Path):
    documents = [
        operators_document(),
        document_of("m", measurements()),
        read_sweep_result(sweep_folder(tmp_path / "s")),
    ]
    for figure in page([*documents, document_of("n", measurements())]).figures:
        drawn = {name for trace in figure.data for name in re.findall(r'"@(\w+)"', json.dumps(trace))}
        assert drawn
        assert drawn <= set(figure.table.names)


def test_every_figure_says_its_numbers_in_words_and_offers_them():
    found = page([document_of("m", measurements()), operators_document()])
    assert found.html.count('role="img" aria-label="') == len(found.figures)
    assert all(re.search(r"\d", figure.alt) for figure in found.figures)
    figures = re.findall(r'<figure id="f\d+">.*?</figure>', found.html, re.S)
    assert len(figures) == len(found.figures)
    for figure in figures:
        assert 'data-save="csv"' in figure
        assert "Its numbers" in figure


# --- safe, small, offline


def test_plotly_is_there_once_and_nothing_is_fetched():
    text = page([document_of("m", measurements())]).html
    assert len(re.findall(r"plotly\.js v\d", text)) == 1
    ours = re.sub(r"<script>/\*\*.*?</script>", "", text, flags=re.S)
    assert len(ours) < 100_000
    assert not re.findall(r"<(?:link|iframe|img|object|embed)\b|\bsrc=|url\(|@import|https?://", ours)
    assert "default-src 'none'" in ours


@pytest.mark.parametrize(
    "data",
    [
        predictions(
            answer(HOSTILE, quantity(operators=[operator(HOSTILE, family=HOSTILE)], roofs=ROOFS), system=HOSTILE)
        ),
        measurements(
            measured(subject=HOSTILE, device=HOSTILE, conditions=HOSTILE, source=HOSTILE),
            table=HOSTILE,
            engine=HOSTILE,
            version=HOSTILE,
            refused=[{"reason": HOSTILE, "rows": 1}],
        ),
    ],
    ids=["predictions", "measurements"],
)
def test_hostile_names_stay_text(data):
    text = page([document_of(HOSTILE, data)], title=HOSTILE).html
    assert "<script>alert" not in text
    assert "<img" not in re.sub(r"<script>/\*\*.*?</script>", "", text, flags=re.S)
    assert HOSTILE in json.dumps(data_of(text), ensure_ascii=False).replace('\\"', '"')


def test_half_of_a_pair_that_a_json_escape_holds_is_replaced():
    found = page([document_of("a", predictions(answer(json.loads('"half \\ud800"'))))])
    assert "half ?" in found.html
    assert found.size_bytes == len(found.html.encode())


def test_json_in_a_page_cannot_close_its_element_and_knows_no_nan():
    assert json_in_html({"a": "</script>"}) == '{"a":"\\u003c/script>"}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_in_html(float("nan"))


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_thinned_to_a_page_below_the_limit_that_says_so():
    make = random.Random(7)
    rows = [
        measured(make.random(), make.random(), source=f"row {i}", low_s=make.random(), high_s=1.0)
        for i in range(100_000)
    ]
    found = page([document_of("m", measurements(*rows))])
    assert found.size_bytes < MOST_BYTES
    (note,) = found.notes
    assert re.fullmatch(
        r"[\d,]+ of the 100,000 answered rows are drawn and listed; errors and coverage are of all\.", note
    )
    assert note in found.html


def test_many_documents_are_shown_up_to_a_number_and_the_rest_is_said():
    found = page([document_of(f"{n}.json", predictions(answer(f"m{n}"))) for n in range(9)])
    assert found.notes == (f"The last {MOST_DOCUMENTS} of 9 documents follow; give fewer to see the others.",)
    assert len(found.figures) == MOST_DOCUMENTS


def test_many_passes_have_figures_up_to_a_number_and_all_a_row():
    found = page([document_of("a", predictions(*(answer(f"m{n}") for n in range(20))))])
    assert len(found.figures) == MOST_PASSES
    assert found.notes == (f"Figures of the first {MOST_PASSES} of 20 passes; ask for fewer to see the others.",)
    data = data_of(found.html)
    assert len(table_of(data, data["grids"]["g0"]["table"])["what"]) == 20


def test_a_sweep_of_fifty_thousand_keeps_its_front(tmp_path: Path):
    count = 50_000
    rows = {"index": list(range(count)), "total_s": [float(i) for i in range(count)], "images_per_s": [1.0] * count}
    folder = sweep_folder(tmp_path / "s", pareto=[0, 49_999])
    pl.DataFrame(rows).write_parquet(folder / "rows.parquet")
    found = page([read_sweep_result(folder)])
    table = figure_table(data_of(found.html), "pareto")
    assert found.size_bytes < MOST_BYTES
    assert len(table["index"]) <= MOST_ROWS[0]
    assert [i for i, best in zip(table["index"], table["is_best"], strict=True) if best] == [0, 49_999]


def test_what_no_thinning_makes_small_is_refused():
    table = measurements(doubted=[{"group": "x" * 7_000_000, **measurements()["overall"]}])
    with pytest.raises(BadInput, match="too much for one page of 6"):
        page([document_of("m", table)])


@pytest.mark.parametrize(
    ("labels", "short"),
    [
        (["a/x.json", "a/y.json"], ["x", "y"]),
        (["a/x.json", "b/x.json"], ["a/x.json", "b/x.json"]),
        (["a/x.json", "a/x.json"], ["x", "x (2)"]),
    ],
)
def test_runs_are_labelled_as_shortly_as_tells_them_apart(labels, short):
    assert short_labels(labels) == short
