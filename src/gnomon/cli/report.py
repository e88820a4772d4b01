"""gnomon report: one HTML page of predictions, comparisons, sweeps, measurements, scenarios and runs of experiments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gnomon.cli.arguments import Parser, add_output_options, where_rows
from gnomon.cli.output import print_json, say
from gnomon.cli.progress import working
from gnomon.core.schema import REPORT


def parser() -> Parser:
    """The arguments."""
    parser = Parser(
        "report",
        "One HTML page with figures and their numbers, which works from the file and fetches nothing.\n"
        "Each view is shown where the input has what it needs: rooflines, parts, predicted against measured, errors by group,\n"
        "coverage of intervals, a sweep's Pareto set, tables of operators, an experiment's run with its verdict, and the history\n"
        "of what several documents repeat.",
        "gnomon report published -o published.html",
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="JSON of `gnomon predict --json` (with --operators for rooflines) or `gnomon compare --json`, a folder of such files, "
        "a sweep's folder, an experiment's spec or a folder of its results, a table of measurements or a scenario, by name or file",
    )
    parser.add_argument(
        "-o", "--out", "--output", dest="output", metavar="FILE", required=True, help="the page, like report.html"
    )
    parser.add_argument("--title", default="", metavar="TEXT", help="of the page (default: what is on it)")
    parser.add_argument(
        "--engine", metavar="NAME", help="of tables and scenarios (default: roofline, and for scenarios every engine)"
    )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="COLUMN=VALUE[,VALUE...]",
        help="keep rows of a table; may be given several times",
    )
    add_output_options(parser, csv=False)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Write the page, and print what is on it."""
    found = parser().read(arguments)
    from gnomon.api.reports import write_report  # polars and scipy, which completion does not wait for

    path = Path(found.output)
    with working(f"writing {path}"):
        written = write_report(
            found.sources, path, engine=found.engine, where=where_rows(found.where), title=found.title
        )
    if found.json:
        figures = [
            {
                "kind": figure.kind,
                "title": figure.title,
                "alt": figure.alt,
                "rows": len(figure.table),
                "columns": list(figure.table.names),
            }
            for figure in written.figures
        ]
        document = {"file": str(path.resolve()), "bytes": written.size_bytes, "figures": figures}
        print_json({"schema": REPORT, **document, "left_out": list(written.notes), "alarms": list(written.alarms)})
        return 0
    for alarm in written.alarms:
        say(alarm)
    for note in written.notes:
        say(note)
    print(f"report: {path.resolve()} (figures: {len(written.figures)}, {written.size_bytes / 1e6:.1f} MB)")
    return 0
