"""Answers as a small HTML table for notebooks: no colours of its own, so that it reads on light and on dark."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from gnomon.core.units import show

if TYPE_CHECKING:
    from gnomon.api.answers import Answer, Outcome

_HEAD = ("model", "system", "engine", "batch", "dtype", "pass", "time", "90 % interval", "rate", "memory", "bound")


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
    plan, found = outcome.scenario.plan, outcome.prediction
    head = (
        answer.question.model.name,
        answer.question.system.name,
        answer.engine,
        str(plan.batch),
        plan.dtype,
        f"{outcome.quantity} ({plan.mode})",
    )
    if found is None:
        return (*head, "not answered: " + "; ".join(outcome.reasons), "", "", "", "")
    interval, rate, item = found.interval, outcome.items_per_s or 0.0, outcome.scenario.workload.item
    return (
        *head,
        show(found.value, "s"),
        f"{show(interval.low, 's')} to {show(interval.high, 's')}" if interval else "none",
        f"{rate:,.0f} {item}/s" if rate >= 100 else f"{rate:.3g} {item}/s",
        show(found.memory.total_bytes, "B") + ("" if found.fits else ", does not fit"),
        found.bound,
    )
