"""gnomon train convert."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence

from gnomon.api.training_traces import WrittenTraces, convert_chakra, convert_pytorch, convert_text
from gnomon.cli.arguments import Parser, add_output_options, whole
from gnomon.cli.output import print_json, print_table, say
from gnomon.cli.progress import working
from gnomon.core.errors import UsageError

_OWN = {  # of each source, the flags that mean something for it
    "text": ("npus", "passes"),
    "pytorch": ("mend", "in_stream_order"),
    "chakra": ("mend",),
}
_ROWS = 24  # of a table


def convert(arguments: Sequence[str]) -> int:
    """Convert and say what was written."""
    found = _parser().read(arguments)
    for flag in sorted({flag for flags in _OWN.values() for flag in flags} - set(_OWN[found.source])):
        if getattr(found, flag):
            raise UsageError(f"train convert: --{flag.replace('_', '-')} means nothing for --from {found.source}")
    with working("converting"):
        made = _SOURCES[found.source](found)
    show_written(made, as_json=found.json)
    return 0


def show_written(made: WrittenTraces, *, as_json: bool) -> None:
    """Print what was written."""
    if as_json:
        print_json(made.to_dict())
        return
    rows = [[str(one.rank), one.path, f"{one.nodes:,}", f"{one.bytes:,}"] for one in made.files]
    print_table(["rank", "file", "nodes", "bytes"], rows[:_ROWS])
    if len(rows) > _ROWS:
        say(f"the first {_ROWS} of {len(rows):,} files")
    if made.groups_path is not None:
        print(f"\nprocess groups: {made.groups_path}")
    for note in made.notes:
        say(note)


def _parser() -> Parser:
    parser = Parser(
        "train convert",
        "Chakra traces, one for each rank, from what was collected from PyTorch, written for ASTRA-sim 1.0, or is a Chakra trace "
        "already.",
        "gnomon train convert --from pytorch rank0.json rank1.json --out et/step",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="of text one; of pytorch and chakra one for each rank")
    parser.add_argument(
        "--from",
        dest="source",
        required=True,
        choices=tuple(_OWN),
        help="text: of ASTRA-sim 1.0; pytorch: JSON of chakra_trace_link, host and device; chakra: traces to be checked",
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="PREFIX",
        help="writes PREFIX.<rank>.et; of one file also PREFIX.<rank>.et itself",
    )
    parser.add_argument("--npus", metavar="N", help="of text: ranks")
    parser.add_argument("--passes", metavar="N", help="of text: forward and backward passes (default: 1)")
    parser.add_argument(
        "--mend", action="store_true", help="leave out what hangs on nodes that are not there (default: an error)"
    )
    parser.add_argument(
        "--in-stream-order",
        action="store_true",
        help="of pytorch: kernels of a stream also wait for one another, as CUDA has it and Chakra's converter has not",
    )
    add_output_options(parser, csv=False)
    return parser


def _text(found: Namespace) -> WrittenTraces:
    npus = whole("npus", found.npus)
    if npus is None:
        raise UsageError(
            "train convert: --from text needs --npus N: a text workload does not say how many ranks there are"
        )
    if len(found.files) > 1:
        raise UsageError("train convert: --from text takes one file, which is that of all ranks")
    return convert_text(found.files[0], npus=npus, out=found.out, passes=whole("passes", found.passes) or 1)


def _pytorch(found: Namespace) -> WrittenTraces:
    return convert_pytorch(found.files, out=found.out, mends=found.mend, in_stream_order=found.in_stream_order)


def _chakra(found: Namespace) -> WrittenTraces:
    return convert_chakra(found.files, out=found.out, mends=found.mend)


_SOURCES: dict[str, Callable[[Namespace], WrittenTraces]] = {"text": _text, "pytorch": _pytorch, "chakra": _chakra}
