from __future__ import annotations

import subprocess
import sys

import pytest

import gnomon
from gnomon.api.parts import leaves
from gnomon.report.figures.notebook import colours

LLAMA = gnomon.predict("llama-2-7b", "h100-sxm")


@pytest.mark.parametrize("quantity", ["ttft", "tpot"])
def test_the_top_rows_and_the_smallest_rows_add_up_to_the_time(quantity):
    rows = [row for row in LLAMA.parts.rows() if row["quantity"] == quantity]
    for chosen in ([row for row in rows if row["depth"] == 1], leaves(rows)):
        assert sum(row["time_s"] for row in chosen) == pytest.approx(LLAMA[quantity].value)
        assert sum(row["share"] for row in chosen) == pytest.approx(1)


def test_the_table_names_a_part_by_its_path():
    table = LLAMA.parts.table()
    assert table.columns == ["quantity", "part", "depth", "kind", "time_s", "share"]
    assert "matmul / launches" in table["part"].to_list()


def test_an_answer_without_predictions_has_an_empty_table():
    parts = gnomon.predict("resnet-50", "h100:8").parts
    assert parts.table().height == 0
    assert parts.plot().data == ()


def test_the_picture_holds_each_smallest_part_once():
    bars = LLAMA.parts.plot().data
    assert sum(sum(bar.x) for bar in bars) == pytest.approx(LLAMA["ttft"].value + LLAMA["tpot"].value)
    assert {bar.name for bar in bars} == {"compute", "memory", "overhead"}
    ends = [start + length for bar in bars for start, length in zip(bar.base, bar.x, strict=True)]
    assert max(ends) == pytest.approx(LLAMA["ttft"].value)
    titles = [note.text for note in LLAMA.parts.plot().layout.annotations]
    assert [title.partition(": ")[2] for title in titles] == ["TTFT prefill 1024", "TPOT decode @1024"]


def test_the_picture_has_the_colours_of_the_page_and_names_each_once_in_the_legend():
    bars = LLAMA.parts.plot().data
    assert {bar.marker.color for bar in bars if bar.name == "compute"} == {colours()["--series-0"]} == {"#0072b2"}
    assert len([bar for bar in bars if bar.showlegend]) == len({bar.name for bar in bars})


def test_asking_for_an_answer_imports_neither_plotly_nor_polars():
    code = (
        "import sys, gnomon; p = gnomon.predict('resnet-50', 't4'); p._repr_html_(); p.parts.explain();"
        "sys.exit(any(name in sys.modules for name in ('plotly', 'polars')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
