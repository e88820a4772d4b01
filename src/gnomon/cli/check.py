"""gnomon check: whether a file is sound, and which engines can answer it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gnomon.api import names, plugins
from gnomon.api.names import kind_of
from gnomon.api.scenarios import read_scenario
from gnomon.cli.arguments import Parser, add_output_options
from gnomon.cli.output import print_json, print_table, say
from gnomon.cli.stated import stated_workload
from gnomon.core.errors import Unsupported


def run(arguments: Sequence[str]) -> int:
    """Print the verdict. Exit 4 when no engine can answer a scenario."""
    parser = Parser(
        "check",
        "Whether a file of a device, system or scenario or a config.json is sound; for a scenario, which engines can answer and why the others cannot.",
        "gnomon check my-scenario.yaml",
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        help="a YAML file of a device, system or scenario, a config.json, or a name of `gnomon list`",
    )
    add_output_options(parser, csv=False)
    found = parser.read(arguments)
    kind = kind_of(found.file)
    match kind:
        case "scenario":
            return _check_scenario(found.file, found.json)
        case "device":
            device = names.device(found.file)
            formats = ", ".join(device.product_dtypes)
            summary = f"device {device.name}: sound; {len(device.numbers())} numbers; products in {formats}"
        case "system":
            system = names.system(found.file)
            summary = f"system {system.name}: sound; {system.count} x {system.device.name}"
        case "model":
            model = names.model(found.file)
            workload = stated_workload(model)
            nodes = len(workload.nodes)
            summary = f"model {model.name}: sound; {workload.parameters:,} parameters in a graph of {nodes} nodes"
    if found.json:
        print_json({"schema": "gnomon/check/1", "kind": kind, "file": found.file, "sound": True, "engines": []})
    else:
        print(summary)
    return 0


def _check_scenario(name: str, as_json: bool) -> int:
    asked = read_scenario(name)
    rows: list[dict[str, Any]] = []
    for engine_name, engine in plugins.engines().items():
        reasons = dict.fromkeys(r for scenario in asked.question.scenarios().values() for r in engine.missing(scenario))
        rows.append({"engine": engine_name, "answers": not reasons, "reasons": list(reasons)})
    for fault in plugins.faults():
        say(f"left out: {fault}")
    if as_json:
        print_json({"schema": "gnomon/check/1", "kind": "scenario", "file": name, "sound": True, "engines": rows})
    else:
        cells = [[row["engine"], "yes" if row["answers"] else "no", "; ".join(row["reasons"])] for row in rows]
        print_table(["engine", "answers", "why not"], cells, title=f"scenario {asked.name}: sound")
    if not any(row["answers"] for row in rows):
        raise Unsupported(f"{name}: no installed engine answers it")
    return 0
