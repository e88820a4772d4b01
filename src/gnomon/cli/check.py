"""gnomon check: whether a file is sound, and which engines can answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.api import names, plugins
from gnomon.api.answers import Answer, answer
from gnomon.api.names import kind_of
from gnomon.api.scenarios import read_scenario
from gnomon.api.sweeps import job_of, read_sweep
from gnomon.cli.arguments import Parser, add_output_options
from gnomon.cli.output import print_json, print_table, say
from gnomon.cli.stated import add_size_options, asked_sizes, left_open, tried_workload
from gnomon.core.errors import Unsupported
from gnomon.core.schema import CHECK


def parser() -> Parser:
    """The arguments."""
    parser = Parser(
        "check",
        "Whether a file of a device, system, scenario, sweep or accelerator, a config.json or an ONNX file is sound.\n"
        "Of a scenario also its digest, which engines can answer and why the others cannot, whether it fits into memory and\n"
        "what is outside the validated range; of a sweep how many points it has; of an ONNX file which sizes are open.",
        "gnomon check llama-2-7b-chat-h100",
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        help="a YAML file of a device, system, scenario, sweep or accelerator, a config.json, an ONNX file, or a name of `gnomon list`",
    )
    add_size_options(parser)
    add_output_options(parser, csv=False)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print the verdict. Exit 4 when no engine can answer a scenario."""
    found = parser().read(arguments)
    kind = kind_of(found.file)
    asked = asked_sizes(found, kind)
    further: dict[str, Any] = {}
    match kind:
        case "scenario":
            return _check_scenario(found.file, found.json)
        case "sweep":
            return _check_sweep(found.file, found.json)
        case "device":
            device = names.device(found.file)
            formats = ", ".join(device.product_dtypes)
            summary = f"device {device.name}: sound; {len(device.numbers())} numbers; products in {formats}"
        case "system":
            system = names.system(found.file)
            summary = f"system {system.name}: sound; {system.count} x {system.device.name}"
        case "accelerator":
            design = names.accelerator(found.file)
            inside = f"{len(design.accelerator.memories)} memories around {design.accelerator.units.instances:,} units"
            summary = f"accelerator {design.name}: sound; {len(design.numbers)} numbers; {inside}"
        case "model":
            model = names.model(found.file)
            workload = tried_workload(model, asked)
            nodes = len(workload.nodes)
            summary = f"model {model.name}: sound; {workload.parameters:,} parameters in a graph of {nodes} nodes"
            opened = left_open(model, asked)
            for name, where, option in opened:
                summary += f"\nopen size {name} ({where}): give {option}{', else it is 1' if name == 'batch' else ''}"
            further["open_sizes"] = [{"name": name, "where": where, "option": option} for name, where, option in opened]
    if found.json:
        _print_sound(kind, found.file, [], **further)
    else:
        print(summary)
    return 0


def _check_scenario(name: str, as_json: bool) -> int:
    asked = read_scenario(name)
    digests = {quantity: scenario.digest for quantity, scenario in asked.question.scenarios().items()}
    with asked.placed():
        rows = [_verdict(answer(asked.question, *named)) for named in plugins.engines().items()]
    for fault in plugins.faults():
        say(f"left out: {fault}")
    if as_json:
        _print_sound("scenario", name, rows, digests=digests)
    else:
        _print_verdicts(asked.name, digests, rows)
    if not any(row["answers"] for row in rows):
        raise Unsupported(f"{name}: no installed engine answers it")
    return 0


def _check_sweep(name: str, as_json: bool) -> int:
    found = read_sweep(name)
    values = {axis.field: len(axis.values) or None for axis in found.axes}
    points = job_of(found).size
    if as_json:
        _print_sound("sweep", name, [], points=points, values=values)
    else:
        fields = ", ".join(f"{field} ({count or 'a span'})" for field, count in values.items())
        print(
            f"sweep {name}: sound; {points:,} {'trials of a search' if found.written.search else 'points'} over {fields}"
        )
    return 0


def _print_sound(kind: str, file: str, engines: Sequence[dict[str, Any]], **further: Any) -> None:
    """The JSON of a file that is sound; `further`: what is said of this kind alone."""
    print_json({"schema": CHECK, "kind": kind, "file": file, "sound": True, **further, "engines": list(engines)})


def _verdict(found: Answer) -> dict[str, Any]:
    """What an engine says of the scenario, short of the times."""
    predictions = [outcome.prediction for outcome in found.outcomes if outcome.prediction is not None]
    return {
        "engine": found.engine,
        "answers": found.is_answered,
        "reasons": list(found.reasons),
        "fits": all(p.fits for p in predictions) if predictions else None,
        "outside": list(dict.fromkeys(reason for p in predictions for reason in p.outside)),
    }


def _print_verdicts(name: str, digests: Mapping[str, str], rows: Sequence[dict[str, Any]]) -> None:
    yes_or_no = {True: "yes", False: "no", None: "-"}
    cells = [
        [
            row["engine"],
            yes_or_no[row["answers"]],
            yes_or_no[row["fits"]],
            "; ".join(row["reasons"]),
            "; ".join(row["outside"]),
        ]
        for row in rows
    ]
    columns = ["engine", "answers", "fits", "why not", "outside the validated range"]
    print_table(columns, cells, title=f"scenario {name}: sound")
    for quantity, digest in digests.items():
        print(f"digest of {quantity}: {digest}")
