"""gnomon compare --measurements TABLE: error tables, refusals, worst rows, intervals, and each row on request."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean, median

from gnomon.api.comparison import Comparison, compare_measurements, summary_fields
from gnomon.api.predict import DEFAULT_ENGINE
from gnomon.api.reports import comparison_page
from gnomon.cli.arguments import where_rows, whole, words
from gnomon.cli.output import print_csv, print_json, print_table, say
from gnomon.cli.progress import working
from gnomon.core.errors import BadInput, UsageError
from gnomon.core.in_words import interval, percent, share
from gnomon.core.units import show
from gnomon.formats.files import check_writable, write_whole
from gnomon.report.facts.accuracy import ERROR_COLUMNS, error_cells
from gnomon.stats.errors import ErrorSummary
from gnomon.stats.intervals import FEWEST_GROUPS


def compare_table(found: argparse.Namespace) -> int:
    """Print the comparison and write what was asked for. Unsupported when no row can be answered."""
    engines = words(found.engine or DEFAULT_ENGINE)
    if len(engines) != 1:
        raise UsageError("compare: --measurements takes one engine at a time")
    sample = whole("sample", found.sample)
    if found.resample is not None and not found.resample.isdigit():
        raise UsageError(f"compare: --resample: expected a whole number, not {found.resample!r}")
    if found.resample is not None and found.calibrate is not None:
        raise UsageError("compare: --calibrate takes the rows as they are, not resampled ones")
    written = {option: getattr(found, option) for option in ("report", "calibrate")}
    paths = {option: Path(text) for option, text in written.items() if text is not None}
    for path in paths.values():
        check_writable(path)
    if len({path.resolve() for path in paths.values()}) < len(paths):
        raise BadInput("--report and --calibrate name the same file")
    where = where_rows(found.where)
    with working(f"comparing {engines[0]} with {found.measurements}"):
        result = compare_measurements(found.measurements, engine=engines[0], where=where)
        for column, meant in result.unread_columns.items():
            near = f"; did you mean {meant!r}?" if meant else ""
            say(f"{found.measurements}: column {column!r} is not one that is read, and was passed over{near}")
        result.check_answered()
        if found.resample is not None:
            result = result.resampled(int(found.resample))
        if result.kind == "kernels":
            sample = sample or 1  # such tables have hundreds of thousands of rows
        shown = sample if result.kind == "kernels" else None
        written_page = comparison_page(result, where) if "report" in paths else None
    if found.json:
        print_json(result.to_dict(result.sample(shown) if found.rows or result.kind == "models" else None))
    elif found.csv:
        print_csv(result.rows.to_dicts())
    else:
        if found.rows:
            _print_rows(result, sample)
        _print_summary(result)
    if "calibrate" in paths:
        say(f"calibration written to {result.write_calibration(paths['calibrate'])}")
    if written_page is not None:
        write_whole(paths["report"], written_page.html)
        place = f"report: {paths['report'].resolve()}"
        if found.json or found.csv:
            say(place)
        else:
            print(f"\n{place}")
    return 0


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
            interval(row["low_s"], row["high_s"]),
            percent(row["error_percent"], is_signed=True),
            _cut(row.get("software") or "", 28),
            str(row["line"]),
        ]
        for row in result.sample(sample).iter_rows(named=True)
    ]
    print_table(
        columns, rows, title=f"{result.engine} beside {result.table}", spare=("line", "90 % interval", "software")
    )
    if result.is_in_sample:
        print("the intervals were calibrated on these rows; how they do on silicon left out is the last table")
    print()


def _print_summary(result: Comparison) -> None:
    """Error tables, refusals, worst rows and intervals."""
    refused = sum(result.reasons().values())
    print(
        f"{result.engine} on {result.table}: {result.asked:,} rows, {len(result.clean):,} compared, {len(result.rows) - len(result.clean):,} apart (doubted), {refused:,} refused"
    )
    print("absolute errors in percent of the measured time; bias is the mean signed error\n")
    _print_errors("all", {"all": result.overall()})
    inside, of = result.inside()
    if of:
        note = ", on which it was calibrated" if result.is_in_sample else ""
        print(f"inside the 90 % interval of the prediction: {inside:,} of {of:,} rows{note}\n")
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
            percent(row["error_percent"], is_signed=True),
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
    rows = [error_cells(name, summary_fields(summary)) for name, summary in groups.items()]
    print_table(ERROR_COLUMNS, rows, title=title)
    print()


def _print_intervals(result: Comparison) -> None:
    """Coverage of the 90 % interval on each silicon, calibrated on the others, beside the row-wise calibration."""
    held, by_row = result.held_out(), result.held_out(by_row=True)
    if len(held) <= FEWEST_GROUPS:
        kinds = result.clean["silicon"].n_unique()
        say(f"kinds of silicon: {kinds}, too few to leave one out and calibrate on the others")
        return
    print()
    rows = [
        [
            one.group,
            f"{one.rows:,}",
            share(one.coverage),
            share(other.coverage),
            share(one.median_half_width),
            share(other.median_half_width),
        ]
        for one, other in zip(held, by_row, strict=True)
    ]
    shares = [[h.coverage for h in side] for side in (held, by_row)]
    widths = [[h.median_half_width for h in side] for side in (held, by_row)]
    rows.append(["mean", "", *(share(fmean(side)) for side in shares), "", ""])
    rows.append(["lowest", "", *(share(min(side)) for side in shares), "", ""])
    rows.append(["median", "", "", "", *(share(median(side)) for side in widths)])
    print_table(
        ["silicon left out", "rows", "inside", "inside, by row", "half width", "half width, by row"],
        rows,
        title="90 % intervals calibrated on the other silicon: each silicon weighing the same, and each row weighing the same",
    )


def _cut(text: str, width: int) -> str:
    """At most `width` characters of a text."""
    return text if len(text) <= width else text[: width - 3].rstrip() + "..."
