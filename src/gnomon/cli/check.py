"""gnomon check: whether a file is sound, and which engines can answer it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gnomon.api import plugins
from gnomon.api.questions import model as model_of
from gnomon.api.scenarios import read_scenario
from gnomon.cli.arguments import Parser, add_output_options
from gnomon.cli.output import print_json, print_table
from gnomon.cli.show import kind_of
from gnomon.core.plan import Plan
from gnomon.formats.system_file import device as device_of


def run(arguments: Sequence[str]) -> int:
    """Print the verdict. Exit 4 when no engine can answer a scenario."""
    parser = Parser(
        "check",
        "Whether a device file, a config.json or a scenario is sound; for a scenario, which engines can answer and why the others cannot.",
        "gnomon check my-scenario.yaml",
    )
    parser.add_argument(
        "file", metavar="FILE", help="a YAML file of a device or scenario, a config.json, or a name of `gnomon list`"
    )
    add_output_options(parser, csv=False)
    found = parser.read(arguments)
    kind = kind_of(found.file)
    if kind == "scenario":
        return _check_scenario(found.file, found.json)
    if kind == "device":
        device = device_of(found.file)
        summary = f"device {device.name}: sound; {len(device.numbers())} numbers; products in {', '.join(device.product_dtypes)}"
    else:
        model = model_of(found.file)
        workload = model.build(Plan(mode="forward", dtype=model.dtype))
        summary = (
            f"model {model.name}: sound; {workload.parameters:,} parameters in {len(workload.nodes)} kinds of operators"
        )
    if found.json:
        print_json({"schema": "gnomon/check/1", "kind": kind, "file": found.file, "sound": True, "engines": []})
    else:
        print(summary)
    return 0


def _check_scenario(name: str, as_json: bool) -> int:
    asked = read_scenario(name)
    rows: list[dict[str, Any]] = []
    for engine_name, engine in plugins.working("engines").items():
        reasons = dict.fromkeys(r for scenario in asked.question.scenarios().values() for r in engine.missing(scenario))
        rows.append({"engine": engine_name, "answers": not reasons, "reasons": list(reasons)})
    if as_json:
        print_json({"schema": "gnomon/check/1", "kind": "scenario", "file": name, "sound": True, "engines": rows})
    else:
        cells = [[row["engine"], "yes" if row["answers"] else "no", "; ".join(row["reasons"])] for row in rows]
        print_table(["engine", "answers", "why not"], cells, title=f"scenario {asked.name}: sound")
    return 0 if any(row["answers"] for row in rows) else 4
