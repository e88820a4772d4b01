"""gnomon serve simulate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gnomon.api.serving_simulation import ServingSimulation, simulate_service
from gnomon.cli.arguments import Parser, add_output_options
from gnomon.cli.output import print_json, print_table, say
from gnomon.cli.progress import working
from gnomon.core.units import show
from gnomon.formats.files import check_writable

_ROWS = {
    "ttft_s": "first token",
    "tpot_s": "each after it",
    "e2e_s": "whole answer",
    "scheduling_delay_s": "wait for a batch",
}


def simulate(arguments: Sequence[str]) -> int:
    """Simulate, write what became of each request, and print how long they took."""
    found = _parser().read(arguments)
    for path in (found.out, found.batches, found.decisions):
        if path is not None:
            check_writable(Path(path))
    with working("simulating; the first run on a machine compiles the simulation for about a minute"):
        made = simulate_service(
            found.from_vidur,
            trace=found.trace,
            stage_times=found.stage_times,
            records=found.batches is not None or found.decisions is not None,
        )
    if found.out:
        made.write_requests(found.out)
    if found.batches:
        made.write_batches(found.batches)
    if found.decisions:
        made.write_decisions(found.decisions)
    if found.json:
        print_json(made.to_dict())
    else:
        _as_text(made)
    return 0


def _parser() -> Parser:
    parser = Parser(
        "serve simulate",
        "When each request of a stream gets its first token and its last, as Vidur has it, to the last bit: its policies, its plan of "
        "memory, and its defects.",
        "gnomon serve simulate --from-vidur vidur_config.json --trace trace.csv --stage-times table.npz --out requests.csv",
    )
    parser.add_argument(
        "--from-vidur",
        required=True,
        metavar="FILE",
        help="vidur_config.json: the configuration of a run, as Vidur wrote it",
    )
    parser.add_argument(
        "--trace", required=True, metavar="FILE", help="trace.csv: arrivals and lengths, in order of time"
    )
    parser.add_argument(
        "--stage-times", required=True, metavar="FILE", help="table.npz: what each operator takes, in ms"
    )
    parser.add_argument("--out", metavar="FILE", help="write a row for every request")
    parser.add_argument("--batches", metavar="FILE", help="write a row for every batch and stage")
    parser.add_argument(
        "--decisions", metavar="FILE", help="write what the scheduler decided: a row for every step of a replica"
    )
    add_output_options(parser, csv=False)
    return parser


def _as_text(made: ServingSimulation) -> None:
    document = made.to_dict()
    rows = [_row(name, document[field]) for field, name in _ROWS.items() if document[field] is not None]
    print_table(["time", "mean", "p50", "p90", "p99"], rows)
    print()
    print(
        f"{document['policy']}, {document['replicas']} x TP {document['tensor_parallel']} x PP {document['stages']}: "
        f"{document['completed']:,} of {document['requests']:,} requests in {show(document['end_s'], 's')}, "
        f"{document['batches']:,} batches, {document['restarts']:,} restarts"
    )
    say(f"policy: {document['follows']}; with Vidur's defects")
    for note in document["notes"]:
        say(note)


def _row(name: str, figures: dict[str, Any]) -> list[str]:
    return [name, *(show(figures[column], "s") for column in ("mean", "p50", "p90", "p99"))]
