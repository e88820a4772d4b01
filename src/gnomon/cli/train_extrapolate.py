"""gnomon train extrapolate."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.api.training_traces import extrapolate_traces
from gnomon.cli.arguments import Parser, add_output_options, whole
from gnomon.cli.progress import working
from gnomon.cli.train_convert import show_written


def extrapolate(arguments: Sequence[str]) -> int:
    """Write the traces and say what was assumed."""
    found = _parser().read(arguments)
    npus = whole("npus", found.npus)
    assert npus is not None
    with working("extrapolating"):
        made = extrapolate_traces(
            found.prefix,
            npus=npus,
            out=found.out,
            comm_groups=found.comm_groups,
            along=whole("along", found.along),
            shrinks_shards=found.all_gather == "shrinks",
        )
    show_written(made, as_json=found.json)
    return 0


def _parser() -> Parser:
    parser = Parser(
        "train extrapolate",
        "The traces of a few ranks, data parallel or tensor and data parallel, made to those of another number of ranks: groups and "
        "messages anew by their pattern, sizes as the parallelism says. What cannot be told is refused.",
        "gnomon train extrapolate et/step --npus 64 --out et/step64",
    )
    parser.add_argument("prefix", metavar="PREFIX", help="of the traces PREFIX.<rank>.et, from rank 0 on")
    parser.add_argument("--npus", required=True, metavar="M", help="ranks that there are to be")
    parser.add_argument(
        "--out", required=True, metavar="PREFIX", help="writes PREFIX.<rank>.et, and PREFIX.groups.json"
    )
    parser.add_argument("--comm-groups", metavar="FILE", help="process groups, where the traces do not name them")
    parser.add_argument(
        "--along",
        metavar="STRIDE",
        help="the dimension that grows, by the distance of its ranks (default: the outermost with collectives alone)",
    )
    parser.add_argument(
        "--all-gather",
        choices=("shrinks", "stays"),
        default="shrinks",
        help="what each rank puts into an all-gather along it: a part of the same whole (default), or as much as before",
    )
    add_output_options(parser, csv=False)
    return parser
