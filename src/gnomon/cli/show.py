"""gnomon show: every number of a device, model or scenario with its source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gnomon.api.questions import model as model_of
from gnomon.api.scenarios import read_scenario, scenario_names
from gnomon.cli.arguments import Parser, add_output_options, add_override_options, overrides
from gnomon.cli.output import print_json, print_table
from gnomon.core.device import Device
from gnomon.core.errors import BadInput, near_match
from gnomon.core.op import FAMILIES
from gnomon.core.plan import Plan
from gnomon.core.units import show
from gnomon.core.workload import Workload
from gnomon.formats.aliases import canonical_device, canonical_model
from gnomon.formats.device_file import catalogue_names, is_path
from gnomon.formats.scenario_file import ScenarioFile
from gnomon.formats.strict import load_yaml, read_text
from gnomon.formats.system_file import catalogue_systems
from gnomon.formats.system_file import device as device_of
from gnomon.zoo.models import Model, models


def run(arguments: Sequence[str]) -> int:
    """Print what NAME is."""
    parser = Parser(
        "show", "Every number of a device, model or scenario, each with its source.", "gnomon show h100-sxm"
    )
    parser.add_argument("name", metavar="DEVICE|MODEL|SCENARIO", help="a name of `gnomon list`, or a file")
    add_override_options(parser)
    add_output_options(parser, csv=False)
    found = parser.read(arguments)
    kind = kind_of(found.name)
    if kind == "model":
        return _show_model(model_of(found.name), found.json)
    if kind == "scenario":
        return _show_scenario(found.name, found.json)
    return _show_device(overrides(found).apply(device_of(found.name)), found.json)


def kind_of(name: str) -> str:
    """Whether a name or file is a device, a model or a scenario. BadInput when it is none of them."""
    if is_path(name):
        if name.endswith(".json"):
            return "model"
        from pathlib import Path

        data, _ = load_yaml(read_text(Path(name)), name)
        schema = str(data.get("schema", "")) if isinstance(data, dict) else ""
        kind = schema.removeprefix("gnomon/").split("/")[0]
        if kind not in ("device", "scenario"):
            raise BadInput(
                f"{name}: schema: {schema or 'missing'}; a file here begins with `schema: gnomon/device/1` or `schema: gnomon/scenario/1`"
            )
        return kind
    if canonical_device(name):
        return "device"
    if canonical_model(name):
        return "model"
    if name in scenario_names():
        return "scenario"
    known = (*catalogue_names(), *models(), *scenario_names(), *catalogue_systems())
    raise BadInput(
        f"nothing here is called {name!r}{near_match(name, known)}; see `gnomon list devices`, `models`, `scenarios`"
    )


def _show_device(device: Device, as_json: bool) -> int:
    facts = {
        "name": device.name,
        "title": device.title,
        "vendor": device.vendor,
        "architecture": device.architecture,
        "silicon": device.silicon,
        "kind": device.kind,
        "covers": device.covers,
    }
    numbers = device.numbers()
    if as_json:
        rows = [
            {"field": path, "value": n.value, "unit": unit, "kind": n.kind, "source": n.source, "note": n.note}
            for path, (n, unit) in numbers.items()
        ]
        print_json({"schema": "gnomon/device-numbers/1", **facts, "numbers": rows, "notes": list(device.notes)})
        return 0
    print_table(["fact", "value"], [[key, str(value)] for key, value in facts.items() if value])
    print()
    print_table(
        ["number", "value", "kind", "source"],
        [
            [
                path,
                show(n.value, unit) if unit else f"{n.value:g}",
                n.kind,
                n.source + (f" ({n.note})" if n.note else ""),
            ]
            for path, (n, unit) in numbers.items()
        ],
    )
    for note in device.notes:
        print(f"note: {note}")
    return 0


def _show_model(model: Model, as_json: bool) -> int:
    workload = model.build(Plan(mode="forward", dtype=model.dtype))
    table = workload.table
    rows: list[dict[str, Any]] = [
        {
            "operator": node.name,
            "family": FAMILIES[table.family[index]],
            "repeat": node.repeat,
            "flop": float(table.flop[index]),
            "read_bytes": float(table.read_bytes[index]),
            "write_bytes": float(table.write_bytes[index]),
            "parameters": node.op.parameters,
        }
        for index, node in enumerate(workload.nodes)
    ]
    facts = {
        "name": model.name,
        "kind": model.kind,
        "parameters": workload.parameters,
        "flop": float((table.flop * table.repeat).sum()),
        "shape": _shape(workload),
        "head": workload.head,
        "usual dtype": model.dtype,
        "modes": ", ".join(model.modes),
        "source": model.source,
    }
    if as_json:
        facts["usual_dtype"] = facts.pop("usual dtype")
        print_json({"schema": "gnomon/model/1", **facts, "operators": rows, "assumptions": list(workload.assumptions)})
        return 0
    shown = facts | {"parameters": f"{workload.parameters:,}", "flop": show(float(str(facts["flop"])), "flop")}
    print_table(["fact", "value"], [[key, str(value)] for key, value in shown.items()])
    print()
    print_table(
        ["operator", "family", "repeat", "work", "read", "written", "parameters"],
        [
            [
                str(row["operator"]),
                str(row["family"]),
                str(row["repeat"]),
                show(row["flop"], "flop"),
                show(row["read_bytes"], "B"),
                show(row["write_bytes"], "B"),
                f"{row['parameters']:,}",
            ]
            for row in rows
        ],
        title="operators, each of one copy",
    )
    for line in workload.assumptions:
        print(f"assumes: {line}")
    return 0


def _shape(workload: Workload) -> str:
    if workload.seq is None:
        return "1 image of 224 x 224"
    return f"1 sequence of {workload.seq} tokens"


def _show_scenario(name: str, as_json: bool) -> int:
    asked = read_scenario(name)
    written = asked.written
    facts = {key: getattr(written, key) for key in ScenarioFile.model_fields if key != "schema_"}
    digests = {quantity: scenario.digest for quantity, scenario in asked.question.scenarios().items()}
    if as_json:
        print_json({"schema": "gnomon/scenario/1", "name": asked.name, **facts, "digests": digests})
        return 0
    shown = [[key, str(value)] for key, value in facts.items() if value not in (None, "")]
    shown += [[f"digest of {quantity}", digest] for quantity, digest in digests.items()]
    print_table(["field", "value"], shown)
    return 0
