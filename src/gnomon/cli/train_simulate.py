"""gnomon train simulate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from gnomon.api.training_simulation import TrainingSimulation, simulate_training, wiring_in_words
from gnomon.cli.arguments import Parser, add_output_options
from gnomon.cli.output import print_json, print_table, say
from gnomon.cli.progress import working
from gnomon.cli.train_files import add_cluster_files, add_switches, cluster_of
from gnomon.core.fabric import BACKENDS
from gnomon.core.units import show
from gnomon.formats.files import check_writable

_ROWS = 24  # of a table
_KINDS = {"gpu": "computes", "comm": "communicates", "cpu": "host", "remote_memory": "remote memory", "other": "other"}


def simulate(arguments: Sequence[str]) -> int:
    """Simulate and print when each rank ends."""
    found = _parser().read(arguments)
    for path in (found.trace, found.csv):
        if path is not None:
            check_writable(Path(path))
    with working("simulating"):
        made = simulate_training(
            **cluster_of(found, "simulate"), backend=found.backend, exact_events=found.exact_events
        )
    if found.trace:
        made.write_trace(found.trace)
    if found.csv:
        made.write_csv(found.csv)
    if found.json:
        print_json(made.to_dict())
    else:
        _as_text(made)
    return 0


def _parser() -> Parser:
    parser = Parser(
        "train simulate",
        "When each rank of a cluster ends a training step, and how much of that it does not compute, as ASTRA-sim "
        "counts it.",
        "gnomon train simulate --workload et/step --system system.json --network network.yml --memory memory.json",
    )
    add_cluster_files(parser)
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default="unaware",
        help="unaware: messages do not meet (default); aware: links carry one at a time",
    )
    add_switches(parser)
    parser.add_argument(
        "--exact-events",
        action="store_true",
        help="every rank, message by message, also where equal ranks need not be (default: one of each class)",
    )
    parser.add_argument("--trace", metavar="FILE", help="write what every rank did, for Perfetto or chrome://tracing")
    parser.add_argument("--csv", metavar="FILE", help="write a row for every node that ran")
    add_output_options(parser, csv=False)
    return parser


def _as_text(made: TrainingSimulation) -> None:
    document = made.to_dict()
    kinds = [kind for kind in _KINDS if any(document["time_ns"][kind])]
    rows = [
        [str(first) if first == last else f"{first}-{last}", *(f"{figure:,}" for figure in figures)]
        for first, last, figures in _alike(made, document, kinds)
    ]
    print_table(["rank", "cycles (ns)", "exposed (ns)", *(f"{_KINDS[kind]} (ns)" for kind in kinds)], rows[:_ROWS])
    print()
    network = [
        [
            f"{one['dimension']} {one['topology']}",
            one["link_class"],
            f"{one['messages']:,}",
            f"{one['bytes']:,}",
            f"{one['active_ns']:,}",
            show(one["achieved_bytes_per_s"], "B/s") if one["achieved_bytes_per_s"] else "",
            f"{one['utilization']:.1%}" if one["utilization"] is not None else "",
        ]
        for one in document["network"]
    ]
    print_table(["dimension", "links", "messages", "bytes", "active (ns)", "achieved", "busy"], network)
    print()
    print(f"{wiring_in_words(made.given)}, {made.given.backend}: {show(document['max_cycles'] / 1e9, 's')}")
    say(_how(document["how"], document["npus"]))
    if len(rows) > _ROWS:
        say(f"the first {_ROWS} of {len(rows)} runs of ranks with the same figures (--json has all)")
    for one in document["assumptions"]:
        say(one)


def _how(how: dict[str, Any], npus: int) -> str:
    """How it was simulated, in a line."""
    if how["why_all"] is not None:
        return f"every rank, message by message: {how['why_all']}"
    return f"by classes: {how['ranks']:,} of {npus:,} ranks, {how['closed_phases']:,} phases in closed form"


def _alike(
    made: TrainingSimulation, document: dict[str, Any], kinds: Sequence[str]
) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """First and last of each run of ranks with the same figures, and the figures."""
    columns = [made.cycles, made.exposed_comm, *(document["time_ns"][kind] for kind in kinds)]
    for figures, run in groupby(enumerate(zip(*columns, strict=True)), key=itemgetter(1)):
        ranks = [rank for rank, _ in run]
        yield ranks[0], ranks[-1], figures
