"""gnomon train export."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from gnomon.api.questions import TRAIN, Options
from gnomon.api.training_export import FORMS, ExportedTraining, export_training
from gnomon.cli.arguments import Parser, add_output_options, whole
from gnomon.cli.output import print_json, print_table
from gnomon.cli.progress import telling
from gnomon.cli.run_options import (
    add_override_options,
    add_plan_options,
    add_training_options,
    overrides,
    plan_options,
    training_options,
)
from gnomon.core.errors import UsageError
from gnomon.core.units import show


def export(arguments: Sequence[str]) -> int:
    """Write the step and say what it takes."""
    found = _parser().read(arguments)
    if found.mode not in (None, TRAIN):
        raise UsageError(f"train export: --mode {found.mode}: a step of training is written; leave it out")
    options: Options = {
        **plan_options(found),
        **training_options(found),
        "batch": _batch(found),
        "overrides": overrides(found),
    }
    with telling() as tell:
        made = export_training(
            found.model,
            found.on,
            out=found.out,
            form=found.form,
            timer=found.timer,
            host=found.host,
            tell=tell,
            **options,
        )
    if found.json:
        print_json(made.to_dict())
    else:
        _as_text(made)
    return 0


def _parser() -> Parser:
    parser = Parser(
        "train export",
        "A training step as ASTRA-sim takes it: a Chakra trace of each rank, the network and the rules, by the same division of the "
        "model as `gnomon predict --mode train`.",
        "gnomon train export gpt2 --on hgx-h100:8 --tp 2 --out step",
    )
    parser.add_argument("model", metavar="MODEL", help="a name of `gnomon list models`, a config.json or ./model.onnx")
    parser.add_argument(
        "--on", required=True, metavar="SYSTEM", help="a system, SYSTEM:PER_NODExNODES, or a file of one"
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="PREFIX",
        help="writes PREFIX.<rank>.et, PREFIX.network.yml, PREFIX.system.json, PREFIX.memory.json",
    )
    parser.add_argument(
        "--form",
        choices=FORMS,
        default="et",
        help="et: a file of each rank (default); json: PREFIX.workload.json for all, which only `gnomon train simulate` reads",
    )
    parser.add_argument(
        "--timer", default="kernel", metavar="NAME", help="the engine that tells operators' times (default: kernel)"
    )
    parser.add_argument(
        "--host",
        default="eager",
        metavar="HOST",
        help="what launches operators: eager (a framework, one by one; default), graphs (recorded), or seconds for each like 20us",
    )
    add_plan_options(parser)
    add_training_options(parser)
    add_override_options(parser, "in place of the catalogue's")
    add_output_options(parser, csv=False)
    return parser


def _batch(found: Namespace) -> int | None:
    if found.microbatch is not None and found.batch is not None:
        raise UsageError("train export: --microbatch and --batch are one thing; give one of them")
    return whole("batch", found.batch) if found.microbatch is None else whole("microbatch", found.microbatch)


def _as_text(made: ExportedTraining) -> None:
    traces = f"{made.workload}.<rank>.et" if made.form == "et" else made.workload
    rows = [["traces", traces], ["network", made.network], ["rules", made.system], ["remote memory", made.memory]]
    print_table(["what", "where"], rows)
    print(f"\n{made.npus:,} ranks, {made.nodes:,} nodes, {made.files:,} files, {show(made.bytes, 'B')}")
    print(f"operators take what {made.timer} says, held up by the host: {made.host}")
    print(f"the step takes {show(made.time_s, 's')} by these rules, {round(made.time_s * 1e9):,} ns; simulated by\n")
    print("  " + made.command.replace(" --", " \\\n    --"))
