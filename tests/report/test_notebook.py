"""Figures as plotly objects: what the page's script does with a trace, done in Python."""

from __future__ import annotations

from gnomon.report.facts.table import Column, Table
from gnomon.report.figures.notebook import colours, drawn_trace

TABLE = Table(
    columns=(
        Column(name="kind", values=("a", "b", "a", "a")),
        Column(name="x_s", values=(3.0, 1.0, 2.0, 4.0), unit="s"),
    )
)


def test_a_trace_takes_the_rows_of_its_word_so_many_of_them_in_the_order_of_x():
    trace = {"where": {"column": "kind", "is": "a"}, "first": 2, "sort": True, "x": "@x_s", "customdata": ["@kind"]}
    assert drawn_trace(trace, TABLE) == {"x": [2.0, 3.0], "customdata": [["a"], ["a"]]}


def test_colours_are_those_of_the_style_sheet_on_light_ground():
    drawn = drawn_trace({"x": [0], "marker": {"color": "--series-1"}, "line": {"color": "--ink"}}, TABLE)
    assert drawn["marker"] == {"color": colours()["--series-1"]} == {"color": "#d55e00"}
    assert drawn["line"] == {"color": "#888888"}  # seen on both grounds
