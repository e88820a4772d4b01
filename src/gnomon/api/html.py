"""Answers as a small HTML table for notebooks: no colours of its own, so that it reads on light and on dark."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from gnomon.core.in_words import interval, rate
from gnomon.core.units import show
from gnomon.report.facts.titles import formats, options

if TYPE_CHECKING:
    from gnomon.api.answers import Answer, Outcome

_HEAD = ("model", "system", "engine", "batch", "how", "pass", "time", "90 % interval", "rate", "memory", "bound")


def answers_html(answers: Iterable[Answer]) -> str:
    """The table; a row for each pass. Every text is escaped."""
    rows = "".join(_row(answer, outcome) for answer in answers for outcome in answer.outcomes)
    head = "".join(f'<th style="text-align:left">{escape(name)}</th>' for name in _HEAD)
    return f'<table style="color:inherit;background:transparent"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _row(answer: Answer, outcome: Outcome) -> str:
    return (
        "<tr>"
        + "".join(f'<td style="text-align:left">{escape(text)}</td>' for text in _cells(answer, outcome))
        + "</tr>"
    )


def _cells(answer: Answer, outcome: Outcome) -> tuple[str, ...]:
    fields, found = answer.fields, outcome.prediction
    head = (
        fields["model"],
        fields["system"],
        fields["engine"],
        str(fields["batch"]),
        ", ".join([formats(fields), *options(fields)]),
        outcome.title,
    )
    if found is None:
        return (*head, "not answered: " + "; ".join(outcome.reasons), "", "", "", "")
    return (
        *head,
        show(found.value, "s"),
        interval(found.interval.low, found.interval.high) if found.interval else "none",
        rate(outcome.items_per_s, outcome.scenario.workload.item),
        show(found.memory.total_bytes, "B") + ("" if found.fits else ", does not fit"),
        found.bound or "-",
    )
