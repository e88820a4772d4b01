"""gnomon compare: its arguments, and which of its two forms is meant."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.api.predict import DEFAULT_ENGINE
from gnomon.cli.arguments import Parser, add_output_options
from gnomon.cli.complete import table_names
from gnomon.core.errors import UsageError
from gnomon.formats.named import TABLES


def parser() -> Parser:
    """The arguments."""
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
    parser.add_argument(
        "--resample",
        metavar="SEED",
        help="as many rows again, drawn with replacement: how far the errors hang on these rows",
    )
    parser.add_argument("--report", metavar="FILE", help="also write an HTML page")
    parser.add_argument(
        "--calibrate",
        metavar="FILE",
        help="also write the bands of measured / predicted that these rows give, beside those of the other kind of table already in the file",
    )
    add_output_options(parser)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print one of the two comparisons."""
    found = parser().read(arguments)
    if bool(found.scenarios) == (found.measurements is not None):
        raise UsageError("compare: give scenarios, or --measurements TABLE; see `gnomon compare --help`")
    if found.sample and (not found.rows or found.csv):
        raise UsageError("compare: --sample is of the rows that --rows prints; CSV has every row")
    for name in found.scenarios:
        if name in table_names() or name.endswith(TABLES):
            raise UsageError(f"compare: {name}: a table of measurements; write --measurements {name}")
    if found.scenarios:
        for option in ("where", "rows", "sample", "resample", "report", "calibrate"):
            if getattr(found, option):
                raise UsageError(f"compare: --{option} goes with --measurements")
        from gnomon.cli.compare_scenarios import compare_scenarios

        return compare_scenarios(found)
    from gnomon.cli.compare_table import compare_table  # polars and scipy, which completion does not wait for

    return compare_table(found)
