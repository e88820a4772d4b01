"""Tables of the passes of answers: where the time of each goes, by part and by operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.api.answers import Answer
from gnomon.cli.output import print_table
from gnomon.core.in_words import ratio, share
from gnomon.core.units import show


def print_parts(answers: Sequence[Answer]) -> None:
    """Where the time of each pass goes."""
    for answer in answers:
        for outcome in answer.outcomes:
            found = outcome.prediction
            if found is None:
                continue
            rows = [
                [
                    f"  {part.name}" if depth else part.name,
                    show(part.value, found.unit),
                    share(part.value / found.value, 1),
                ]
                for top in found.parts
                for depth, part in ((0, top), *((1, inner) for inner in top.parts))
            ]
            print()
            print_table(["part", "time", "share"], rows, title=answer.pass_title(outcome))


MOST_OPERATORS = 30  # lines printed for one pass, the longest first; --json and --csv have all


def print_operators(rows: Sequence[Mapping[str, Any]]) -> None:
    """The operators of each pass that take most of its time."""
    by_pass: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_pass.setdefault(row["pass"], []).append(row)
    for name, ops in by_pass.items():
        longest = sorted(ops, key=lambda row: -row["total_s"])[:MOST_OPERATORS]
        left_s = sum(row["total_s"] for row in ops) - sum(row["total_s"] for row in longest)
        print()
        print_table(OPERATOR_HEAD, [_operator_cells(row) for row in longest], title=name, spare=OPERATOR_SPARE)
        if len(longest) < len(ops):
            print(f"and {len(ops) - len(longest)} shorter ones, {show(left_s, 's')} together (--json has all)")


OPERATOR_HEAD = [
    "operator",
    "family",
    "dtype",
    "phase",
    "repeat",
    "flop",
    "moved",
    "flop/B",
    "each",
    "all",
    "share",
    "bound",
]


OPERATOR_SPARE = ("phase", "dtype", "flop/B", "family", "moved", "repeat", "flop", "bound")


def _operator_cells(row: Mapping[str, Any]) -> list[str]:
    return [
        row["name"],
        row["family"],
        row["dtype"],
        row["phase"],
        str(row["repeat"]),
        show(row["flop"], "flop"),
        show(row["moved_bytes"], "B"),
        ratio(row["intensity"]),
        show(row["time_s"], "s"),
        show(row["total_s"], "s"),
        share(row["share"], 1),
        row.get("bound", ""),
    ]
