"""gnomon sweep: a grid or a search over a scenario's fields."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from gnomon.api.sweeps import SweepResult, out_folder, sweep
from gnomon.cli.arguments import Parser, add_output_options, whole
from gnomon.cli.output import print_json, print_table, say
from gnomon.cli.progress import lines
from gnomon.core.columns import column_unit
from gnomon.core.errors import Unsupported
from gnomon.core.in_words import quantity
from gnomon.core.units import show
from gnomon.sweeps.folder import CSV, PARQUET
from gnomon.sweeps.pace import left_s
from gnomon.sweeps.run import Progress

MOST_SHOWN = 20  # rows of the Pareto set
_MOST_REASONS = 5


def parser() -> Parser:
    """The arguments."""
    parser = Parser(
        "sweep",
        "Every combination of some values of a scenario's fields, or those that a search picks: rows as CSV and Parquet, and the Pareto set.\n"
        "A point that cannot be answered is a row with a reason. Stopped, it goes on with --resume; the rows are the same.\n"
        "A file to begin with:\n\n"
        "    schema: gnomon/sweep/1\n"
        "    base: {model: llama-3-8b, on: h100-sxm}\n"
        "    vary: {batch: [1, 8, 32], weight_dtype: [null, int4]}\n"
        "    objectives: {tpot_s: min, tpot_items_per_s: max}",
        "gnomon sweep my-sweep.yaml",
    )
    parser.add_argument("file", metavar="FILE", help="a sweep file; `gnomon check FILE` says how many points it has")
    parser.add_argument(
        "--out", metavar="FOLDER", help="where the rows go (default: FILE without .yaml, with .sweep, here)"
    )
    parser.add_argument("--workers", metavar="N", help="processes (default: as many as cores)")
    parser.add_argument("--resume", action="store_true", help="go on with what the folder holds of this sweep")
    add_output_options(parser, csv=False)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Sweep and print the Pareto set. Unsupported when no point could be answered; 130 when interrupted, 143 when terminated."""
    found = parser().read(arguments)
    out = out_folder(found.file) if found.out is None else Path(found.out)
    seen = [0, 0]
    try:
        with _ended_like_by_ctrl_c(), _shown(seen) as progress:
            result = sweep(
                found.file, out=out, workers=whole("workers", found.workers), resume=found.resume, progress=progress
            )
    except KeyboardInterrupt as stop:
        what, code = ("terminated", 143) if isinstance(stop, _Terminated) else ("interrupted", 130)
        rows = f": {seen[0]:,} of {seen[1]:,} rows are in {out}; the same command with --resume goes on"
        say(what + (rows if seen[1] else ""))
        return code
    document = result.document
    if not document["answered"]:
        reasons = (f"{row['rows']:,} rows: {row['reason']}" for row in document["refused"][:MOST_SHOWN])
        raise Unsupported(
            "\n".join([f"no point of {found.file} can be answered ({out / CSV} has the rows):", *reasons])
        )
    if found.json:
        print_json({**document, "folder": str(out)})
    else:
        _print(result)
    return 0


class _Terminated(KeyboardInterrupt):
    """SIGTERM: how a batch system or a container ends a program."""


@contextmanager
def _ended_like_by_ctrl_c() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does: what is done is kept, the workers are ended."""

    def end(number: int, frame: object) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():  # only there can signals be handled
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _shown(seen: list[int]) -> Iterator[Progress]:
    """What is called with each chunk's rows; on a terminal a bar, elsewhere a line every 30 s. `seen`: rows, of all."""
    stamps: list[tuple[float, int]] = []
    text = "starting"
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"))
    bar = Bar(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("sweep", total=None, text=text)

    def progress(there: int, points: int, done: int) -> None:
        nonlocal text
        seen[:] = there, points
        if done:
            stamps.append((time.monotonic(), (stamps[-1][1] if stamps else 0) + done))
        text = f"{there:,} of {points:,} rows{_pace(stamps, points - there)}"
        bar.update(task, total=points, completed=there, text=text)

    with bar if sys.stderr.isatty() else lines(lambda: text):
        yield progress


def _pace(stamps: Sequence[tuple[float, int]], left: int) -> str:
    """Rows a second and seconds left, where they are known."""
    between = left_s(stamps, left)
    if between is None or not left:
        return ""
    (start, first), (end, last) = stamps[0], stamps[-1]
    low, high = (show(seconds, "s", 2) for seconds in between)
    return f", {(last - first) / (end - start):.0f} a second, {low if low == high else f'{low} to {high}'} left"


def _print(result: SweepResult) -> None:
    document = result.document
    refused = document["rows"] - document["answered"]
    title = f"{document['name']}: {document['rows']:,} rows, {document['answered']:,} answered"
    print(title + (f", {refused:,} refused with a reason" if refused else ""))
    for row in document["refused"][:_MOST_REASONS]:
        print(f"  {row['rows']:,} rows: {row['reason']}")
    if (further := document["reasons"] - _MOST_REASONS) > 0:
        print(f"  and {further:,} further reasons, in the column reason")
    for row in document["partial"][:_MOST_REASONS]:
        print(f"  {row['rows']:,} of those answered lack some values: {row['reason']}")
    if document["objectives"]:
        _print_pareto(result)
    print(f"rows: {result.path / CSV}, {result.path / PARQUET}")


def _print_pareto(result: SweepResult) -> None:
    objectives = [objective["name"] for objective in result.document["objectives"]]
    wanted = ", ".join(f"{o['name']} ({o['goal']})" for o in result.document["objectives"])
    if not result.document["pareto"]:
        print(f"Pareto set of {wanted}: empty: no row that fits into memory has them")
        return
    fields = [axis["field"] for axis in result.document["vary"]]
    first = result.document["objectives"][0]
    ordered = result.pareto().sort(first["name"], "index", descending=[first["goal"] == "max", False])
    rows = ordered.select("index", *fields, *objectives).to_dicts()
    shown = "" if len(rows) <= MOST_SHOWN else f", the first {MOST_SHOWN}"
    print_table(
        ["index", *fields, *objectives],
        [[_cell(name, row) for name in ("index", *fields, *objectives)] for row in rows[:MOST_SHOWN]],
        title=f"Pareto set of {wanted}: {len(rows):,} of the rows that fit into memory{shown}",
    )


def _cell(name: str, row: Mapping[str, Any]) -> str:
    """A value with its unit, told by the end of its column's name."""
    value = row[name]
    if value is None or not isinstance(value, float):
        return "-" if value is None else str(value)
    return quantity(value, column_unit(name), 4)
