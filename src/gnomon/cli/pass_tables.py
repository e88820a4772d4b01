"""Tables of the passes of answers: where the time of each goes, by part and by operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.api.answers import Answer
from gnomon.cli.output import print_table
from gnomon.core.in_words import ratio, share
from gnomon.core.mapped import MappedLayer
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


LAYER_HEAD = ["layer", "times", "cycles", "time", "energy", "utilization", "bound by", "gap"]
LAYER_SPARE = ("bound by", "cycles", "utilization")


def print_layers(answers: Sequence[Answer]) -> None:
    """Each layer that an accelerator maps, all of its copies together, and what every part of the machine takes."""
    for answer in answers:
        for outcome in answer.outcomes:
            if outcome.prediction is None or outcome.prediction.mapped is None:
                continue
            mapped = outcome.prediction.mapped
            rows = [_layer_cells(layer, mapped.clock_hz) for layer in mapped.layers]
            rows.append(
                [
                    "all",
                    "",
                    f"{mapped.cycles:,}",
                    show(mapped.cycles / mapped.clock_hz, "s"),
                    show(mapped.energy_j, "J"),
                    share(mapped.utilization, 1),
                    "",
                    share(mapped.gap, 1),
                ]
            )
            print()
            print_table(LAYER_HEAD, rows, title=answer.pass_title(outcome), spare=LAYER_SPARE)
            print()
            by_part = mapped.energy_by_part_j.items()
            print_table(
                ["part", "energy", "share"],
                [[part, show(energy_j, "J"), share(energy_j / mapped.energy_j, 1)] for part, energy_j in by_part],
            )
            print(
                f"gap: the share of its {mapped.objective} above the least that any mapping can have, as far as that is known"
            )


def _layer_cells(layer: MappedLayer, clock_hz: float) -> list[str]:
    cycles = layer.count * layer.cycles
    return [
        layer.name,
        str(layer.count),
        f"{cycles:,}",
        show(cycles / clock_hz, "s"),
        show(layer.count * layer.total_energy_pj * 1e-12, "J"),
        share(layer.utilization, 1),
        layer.bound_by,
        share(layer.gap, 1),
    ]
