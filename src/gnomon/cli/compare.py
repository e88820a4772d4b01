"""gnomon compare: predictions beside measurements."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any

from gnomon.api.compare import SCHEMA, Compared, Comparison, compare, compare_measurements
from gnomon.api.predict import DEFAULT_ENGINE
from gnomon.cli.arguments import Parser, add_output_options, whole, words
from gnomon.cli.files import check_writable, write_whole
from gnomon.cli.output import print_csv, print_json, print_table, say
from gnomon.cli.predict import what
from gnomon.cli.progress import working
from gnomon.core.digest import plain
from gnomon.core.errors import BadInput, Unsupported, UsageError
from gnomon.core.units import show
from gnomon.formats.strict import read_json
from gnomon.report.page import comparison_page
from gnomon.stats.errors import ErrorSummary
from gnomon.stats.intervals import HeldOut


def run(arguments: Sequence[str]) -> int:
    """Print one of the two comparisons."""
    parser = Parser(
        "compare",
        "Scenarios: every engine that can answer, side by side, and the measured value where one exists.\n"
        "A table of measurements: one engine's errors by device, model or operator, and mode; the worst rows; intervals.",
        "gnomon compare --measurements published --where model=resnet-50,bert-large --rows",
    )
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help="names of `gnomon list scenarios`, or YAML files"
    )
    parser.add_argument(
        "--measurements", metavar="TABLE", help="a name of `gnomon list measurements`, or a CSV or Parquet file"
    )
    parser.add_argument(
        "--engine", metavar="NAME[,NAME...]", help=f"default: every engine; for measurements {DEFAULT_ENGINE}"
    )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="COLUMN=VALUE[,VALUE...]",
        help="keep rows of the table; may be given several times",
    )
    parser.add_argument("--rows", action="store_true", help="also print each row, predicted beside measured")
    parser.add_argument(
        "--sample", metavar="N", help="with --rows: print at most N rows for each device, model and mode (operators: 1)"
    )
    parser.add_argument("--report", metavar="FILE", help="also write an HTML page")
    parser.add_argument(
        "--calibrate",
        metavar="FILE",
        help="also write the bands of measured / predicted that these rows give, beside those of the other kind of table already in the file",
    )
    add_output_options(parser)
    found = parser.read(arguments)
    if bool(found.scenarios) == bool(found.measurements):
        raise UsageError("compare: give scenarios, or --measurements TABLE; see `gnomon compare --help`")
    if found.scenarios:
        for option in ("where", "rows", "sample", "report", "calibrate"):
            if getattr(found, option):
                raise UsageError(f"compare: --{option} goes with --measurements")
        return _scenarios(found)
    return _measurements(found)


def _scenarios(found: argparse.Namespace) -> int:
    compared = compare(found.scenarios, words(found.engine or ""))
    if found.json:
        print_json({"schema": SCHEMA, "scenarios": [one.to_dict() for one in compared]})
    elif found.csv:
        print_csv([row for one in compared for row in _scenario_rows(one)])
    else:
        columns = ["scenario", "what", "who", "time", "90 % interval", "error", "software"]
        rows = [row for one in compared for row in _scenario_rows(one)]
        print_table(columns, [_scenario_cells(row) for row in rows], spare=("software",))
    declined = [(one, answer) for one in compared for answer in one.answers if not answer.is_answered]
    for one, answer in declined:
        say(f"{one.scenario.name}: {answer.engine} does not answer: {'; '.join(answer.reasons)}")
    for one in compared:
        if not one.measured:
            say(f"{one.scenario.name}: no measured value of its like in the built-in table")
    if all(not answer.is_answered for one in compared for answer in one.answers):
        raise Unsupported("no engine answers any of these scenarios")
    return 0


def _scenario_rows(one: Compared) -> list[dict[str, Any]]:
    """Predictions, then measurements, of each pass; errors against the first measurement of that pass."""
    rows: list[dict[str, Any]] = []
    for index, first in enumerate(one.answers[0].outcomes):
        plan = first.scenario.plan
        measured = [m for m in one.measured if m.mode == plan.mode]
        truth = measured[0].time_s if measured else None
        base = {"scenario": one.scenario.name, "what": what(first)}
        for answer in one.answers:
            if found := answer.outcomes[index].prediction:
                low, high = (found.interval.low, found.interval.high) if found.interval else (None, None)
                error = None if truth is None else 100 * (found.value - truth) / truth
                rows.append(
                    base
                    | {
                        "who": answer.engine,
                        "time_s": found.value,
                        "low_s": low,
                        "high_s": high,
                        "error_percent": error,
                        "software": "",
                    }
                )
        rows.extend(
            base
            | {
                "who": "measured",
                "time_s": m.time_s,
                "low_s": None,
                "high_s": None,
                "error_percent": None,
                "software": m.software,
            }
            for m in measured
        )
    return rows


def _scenario_cells(row: Mapping[str, Any]) -> list[str]:
    return [
        row["scenario"],
        row["what"],
        row["who"],
        show(row["time_s"], "s"),
        _interval(row),
        _percent(row["error_percent"]),
        row["software"],
    ]


def _interval(row: Mapping[str, Any]) -> str:
    return "-" if row["low_s"] is None else f"{show(row['low_s'], 's')} - {show(row['high_s'], 's')}"


def _percent(value: float | None, sign: bool = True) -> str:
    if value is None:
        return "-"
    return f"{value:+.1f} %" if sign else f"{value:.1f} %"


def _measurements(found: argparse.Namespace) -> int:
    engines = words(found.engine or DEFAULT_ENGINE)
    if len(engines) != 1:
        raise UsageError("compare: --measurements takes one engine at a time")
    sample = whole("sample", found.sample)
    paths = {option: Path(getattr(found, option)) for option in ("report", "calibrate") if getattr(found, option)}
    for path in paths.values():
        check_writable(path)
    with working(f"comparing {engines[0]} with {found.measurements}"):
        result = compare_measurements(found.measurements, engine=engines[0], where=_where(found.where))
        if result.rows.is_empty():
            raise Unsupported(
                "\n".join(
                    [
                        f"no row of {found.measurements} can be answered:",
                        *(f"{n} rows: {why}" for why, n in result.reasons().items()),
                    ][:20]
                )
            )
        if result.kind == "kernels":
            sample = sample or 1  # such tables have hundreds of thousands of rows
        shown = sample if result.kind == "kernels" else None
        document = result.to_dict(result.sample(shown) if found.rows or result.kind == "models" else None)
    for column in result.unread_columns:
        say(f"{found.measurements}: column {column!r} is not one that is read, and was passed over")
    if found.json:
        print_json(document)
    elif found.csv:
        print_csv(result.rows.to_dicts())
    else:
        if found.rows:
            _print_rows(result, sample)
        _print_summary(result)
    if "calibrate" in paths:
        path = paths["calibrate"]
        bands = {stratum: _bare(band) for stratum, band in result.bands().items()}
        kept = read_json(path) if path.exists() else {}
        data = f"{Path(result.table).name}, {len(result.clean)} rows"
        write_whole(path, json.dumps(kept | {result.kind: {"data": data, "bands": bands}}, indent=1) + "\n")
        say(f"calibration written to {path}")
    if "report" in paths:
        write_whole(paths["report"], comparison_page(document))
        written = f"report: {paths['report'].resolve()}"
        if found.json or found.csv:
            say(written)
        else:
            print(f"\n{written}")
    return 0


def _bare(value: Any) -> dict[str, Any]:
    return {key: item for key, item in plain(value).items() if key != "type"}


def _where(written: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found = {}
    for text in written:
        column, equals, values = text.partition("=")
        if not equals or not words(values):
            raise BadInput(f"--where: {text!r} is not of the form COLUMN=VALUE[,VALUE...]")
        found[column] = words(values)
    return found


def _print_rows(result: Comparison, sample: int | None) -> None:
    """Each row, predicted beside measured."""
    subject = "model" if result.kind == "models" else "operator"
    columns = [
        subject,
        "device",
        "mode",
        "batch",
        "seq",
        "dtype",
        "measured",
        "predicted",
        "90 % interval",
        "error",
        "software",
        "line",
    ]
    rows = [
        [
            row["subject"],
            row["device"],
            row["mode"].replace("forward+backward", "fwd+bwd").replace("+optimizer", "+opt"),
            str(row.get("batch") or ""),
            str(row.get("seq") or ""),
            row["dtype"] + (f"/{row['weights']}" if row.get("weights", row["dtype"]) != row["dtype"] else ""),
            show(row["measured_s"], "s"),
            show(row["predicted_s"], "s"),
            _interval(row),
            _percent(row["error_percent"]),
            _cut(row.get("software") or "", 28),
            str(row["line"]),
        ]
        for row in result.sample(sample).iter_rows(named=True)
    ]
    print_table(columns, rows, title=f"{result.engine} beside {result.table}", spare=("line", "seq", "software"))
    print()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3].rstrip() + "..."


_ERROR_COLUMNS = ["group", "rows", "coverage", "median", "mean", "p90", "bias", "Kendall tau"]


def _print_summary(result: Comparison) -> None:
    """Error tables, refusals, worst rows and intervals."""
    refused = sum(result.reasons().values())
    print(
        f"{result.engine} on {result.table}: {result.asked:,} rows, {len(result.clean):,} compared, {len(result.rows) - len(result.clean):,} apart (doubted), {refused:,} refused"
    )
    print("absolute errors in percent of the measured time; bias is the mean signed error\n")
    _print_errors("all", {"all": result.overall()})
    groups = {"device": "by device", "subject": "by model", "mode": "by mode"}
    if result.kind == "kernels":
        groups = {
            "device": "by device",
            "family": "by family of operators",
            "subject": "by operator",
            "dtype": "by precision",
        }
    for column, title in groups.items():
        _print_errors(title, result.by(column))
    if doubted := result.doubted():
        _print_errors("rows set apart by a quality mark", doubted)
    if reasons := result.reasons():
        print_table(["rows", "refused because"], [[f"{n:,}", reason] for reason, n in reasons.items()], title="refused")
        print()
    worst = [
        [
            str(row["line"]),
            row["subject"],
            row["device"],
            row["dtype"],
            show(row["measured_s"], "s"),
            show(row["predicted_s"], "s"),
            _percent(row["error_percent"]),
        ]
        for row in result.worst().iter_rows(named=True)
    ]
    print_table(
        ["line", "what", "device", "dtype", "measured", "predicted", "error"],
        worst,
        title="worst rows (line of the table)",
    )
    _print_intervals(result)


def _print_errors(title: str, groups: Mapping[str, ErrorSummary]) -> None:
    rows = [
        [
            name or "(none)",
            f"{s.rows:,}",
            f"{100 * s.coverage:.0f} %",
            _percent(s.median_ape, sign=False),
            _percent(s.mean_ape, sign=False),
            _percent(s.p90_ape, sign=False),
            _percent(s.bias),
            "-" if s.kendall_tau is None else f"{s.kendall_tau:.2f}",
        ]
        for name, s in groups.items()
    ]
    print_table(_ERROR_COLUMNS, rows, title=title)
    print()


def _print_intervals(result: Comparison) -> None:
    """Coverage of the 90 % interval on each silicon, calibrated on the others, beside the row-wise calibration."""
    held, by_row = result.held_out(), result.held_out(by_row=True)
    if not held:
        say("intervals: one kind of silicon only, so none can be left out")
        return
    print()
    rows = [
        [
            one.group,
            f"{one.rows:,}",
            _share(one),
            _share(other),
            f"{100 * one.median_half_width:.0f} %",
            f"{100 * other.median_half_width:.0f} %",
        ]
        for one, other in zip(held, by_row, strict=True)
    ]
    shares = [[h.coverage for h in side] for side in (held, by_row)]
    widths = [[h.median_half_width for h in side] for side in (held, by_row)]
    rows.append(["mean", "", *(f"{100 * fmean(side):.0f} %" for side in shares), "", ""])
    rows.append(["lowest", "", *(f"{100 * min(side):.0f} %" for side in shares), "", ""])
    rows.append(["median", "", "", "", *(f"{100 * median(side):.0f} %" for side in widths)])
    print_table(
        ["silicon left out", "rows", "inside", "inside, by row", "half width", "half width, by row"],
        rows,
        title="90 % intervals calibrated on the other silicon: each silicon weighing the same, and each row weighing the same",
    )


def _share(one: HeldOut) -> str:
    return f"{100 * one.coverage:.0f} %"
