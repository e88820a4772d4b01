"""gnomon train compare."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.api.training_comparison import ComparedBackend, TrainingComparison, compare_training
from gnomon.cli.arguments import Parser, add_output_options
from gnomon.cli.output import print_json, print_table, say
from gnomon.cli.progress import working
from gnomon.cli.train_files import add_cluster_files, add_switches, cluster_of, number
from gnomon.core.fabric import BACKENDS
from gnomon.core.tool import Limits
from gnomon.core.units import show


def compare(arguments: Sequence[str]) -> int:
    """Simulate, let ASTRA-sim do so, and print both."""
    found = _parser().read(arguments)
    with working("simulating, and running astra-sim"):
        made = compare_training(
            **cluster_of(found, "compare"),
            backends=BACKENDS if found.backend == "both" else (found.backend,),
            limits=Limits(time_s=number(found.time_limit, "compare", "--time-limit", float, 0)),
        )
    if found.json:
        print_json(made.to_dict())
    else:
        _as_text(made)
    return 0


def _parser() -> Parser:
    parser = Parser(
        "train compare",
        "A step as it is simulated here and as ASTRA-sim itself does, side by side; its programs must be installed.",
        "gnomon train compare --workload et/step --system system.json --network network.yml --memory memory.json",
    )
    add_cluster_files(parser)
    parser.add_argument("--backend", choices=(*BACKENDS, "both"), default="both", help="of ASTRA-sim (default: both)")
    add_switches(parser)
    parser.add_argument("--time-limit", default="600", metavar="S", help="seconds of each of its runs (default: 600)")
    add_output_options(parser, csv=False)
    return parser


def _as_text(made: TrainingComparison) -> None:
    columns = ["backend", "gnomon (ns)", "astra-sim (ns)", "ratio", "ranks alike", "gnomon took", "astra-sim took"]
    print_table(columns, [_row(row, made.npus) for row in made.rows])
    for row in made.rows:
        for note in (*row.notes, *([row.declined] if row.declined else [])):
            say(f"{row.backend}: {note}")


def _row(row: ComparedBackend, npus: int) -> list[str]:
    return [
        row.backend,
        f"{max(row.cycles):,}",
        f"{max(row.tool_cycles):,}" if row.tool_cycles is not None else "",
        f"{row.ratio:.4f}" if row.ratio is not None else "",
        f"{row.ranks_alike:,} of {npus:,}" if row.ranks_alike is not None else "",
        show(row.seconds, "s"),
        show(row.tool_seconds, "s") if row.tool_seconds is not None else "",
    ]
