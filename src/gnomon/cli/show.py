"""gnomon show: every number of a device, system, model, scenario or accelerator with its source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gnomon.api import names
from gnomon.api.names import kind_of
from gnomon.api.overrides import Overrides
from gnomon.api.scenarios import read_scenario
from gnomon.cli.arguments import Parser, add_output_options
from gnomon.cli.flags import OVERRIDES
from gnomon.cli.output import print_json, print_table
from gnomon.cli.run_options import add_override_options, overrides
from gnomon.cli.show_accelerator import show_accelerator
from gnomon.cli.stated import Sizes, add_size_options, asked_sizes, stated_shape, stated_workload
from gnomon.core.device import Device
from gnomon.core.errors import BadInput, UsageError
from gnomon.core.op import FAMILIES
from gnomon.core.schema import SHOW_DEVICE, SHOW_MODEL, SHOW_SCENARIO, SHOW_SYSTEM
from gnomon.core.system import Dimension, System
from gnomon.core.units import show
from gnomon.formats.scenario_file import ScenarioFile
from gnomon.zoo.models import Model


def parser() -> Parser:
    """The arguments."""
    parser = Parser(
        "show",
        "Every number of a device, system, model, scenario or accelerator, each with its source.",
        "gnomon show h100-sxm",
    )
    parser.add_argument(
        "name", metavar="DEVICE|SYSTEM|MODEL|SCENARIO|ACCELERATOR", help="a name of `gnomon list`, or a file"
    )
    add_size_options(parser)
    add_override_options(parser, "of a device; shown as overrides")
    add_output_options(parser, csv=False)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print what NAME is."""
    found = parser().read(arguments)
    kind = kind_of(found.name)
    asked = asked_sizes(found, kind)
    if kind != "device" and overrides(found) != Overrides():
        raise UsageError(f"show: {', '.join(OVERRIDES)} are for devices, and this is a {kind}")
    match kind:
        case "model":
            return _show_model(names.model(found.name), asked, found.json)
        case "scenario":
            return _show_scenario(found.name, found.json)
        case "system":
            return _show_system(names.system(found.name), found.json)
        case "device":
            return _show_device(overrides(found).apply(names.device(found.name)), found.json)
        case "accelerator":
            return show_accelerator(names.accelerator(found.name), found.json)
        case "sweep":
            raise BadInput(
                f"{found.name}: a sweep has no numbers of its own; `gnomon check {found.name}` says what it holds"
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
        print_json({"schema": SHOW_DEVICE, **facts, "numbers": rows, "notes": list(device.notes)})
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


def _show_system(system: System, as_json: bool) -> int:
    rows: list[dict[str, Any]] = [
        {
            "field": f"{d.name}.{field}",
            "value": n.value,
            "unit": unit,
            "kind": n.kind,
            "source": n.source,
            "note": n.note,
        }
        for d in (*system.dimensions, *((system.scale_out,) if system.scale_out else ()))
        for field, n, unit in (("bandwidth", d.bandwidth_bytes_per_s, "B/s"), ("latency", d.latency_s, "s"))
    ]
    facts = {"name": system.name, "title": system.title, "device": system.device.name, "devices": system.count}
    levels = [_level(d) for d in system.dimensions]
    between = _level(system.scale_out) | {"size": None} if system.scale_out else None
    if as_json:
        print_json(
            {
                "schema": SHOW_SYSTEM,
                **facts,
                "levels": levels,
                "scale_out": between,
                "numbers": rows,
                "notes": list(system.notes),
            }
        )
        return 0
    print_table(["fact", "value"], [[key, str(value)] for key, value in facts.items() if value])
    print()
    print_table(
        ["level, innermost first", "kind", "joins", "adds up itself"],
        [
            [str(level["name"]), str(level["kind"]), str(level["size"] or "nodes: any"), ", ".join(level["reduces"])]
            for level in (*levels, *((between,) if between else ()))
        ],
    )
    print()
    print_table(
        ["number", "value", "kind", "source"],
        [[row["field"], show(row["value"], row["unit"]), row["kind"], _cited(row)] for row in rows],
    )
    for source in sorted({d.reduces_source for d in system.dimensions if d.reduces}):
        print(f"adds up itself: {source}")
    for note in system.notes:
        print(f"note: {note}")
    return 0


def _level(d: Dimension) -> dict[str, Any]:
    return {"name": d.name, "kind": d.kind, "size": d.size, "reduces": list(d.reduces)}


def _cited(row: dict[str, Any]) -> str:
    return str(row["source"]) + (f" ({row['note']})" if row["note"] else "")


def _show_model(model: Model, asked: Sizes, as_json: bool) -> int:
    workload = stated_workload(model, asked)
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
        "flop": table.total_flop,
        "shape": stated_shape(workload, model, asked),
        "head": workload.head,
        "usual dtype": model.dtype,
        "modes": ", ".join(model.modes),
        "source": model.source,
    }
    if as_json:
        facts["usual_dtype"] = facts.pop("usual dtype")
        print_json({"schema": SHOW_MODEL, **facts, "operators": rows, "assumptions": list(workload.assumptions)})
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


def _show_scenario(name: str, as_json: bool) -> int:
    asked = read_scenario(name)
    facts = asked.written.model_dump(mode="json", exclude={"schema_"})
    digests = {quantity: scenario.digest for quantity, scenario in asked.question.scenarios().items()}
    if as_json:
        print_json({"schema": SHOW_SCENARIO, "name": asked.name, **facts, "digests": digests})
        return 0
    usual = {key: field.default for key, field in ScenarioFile.model_fields.items()}
    parts = ("overrides", "traffic")
    shown = [[key, str(value)] for key, value in facts.items() if value != usual[key] and key not in parts]
    shown += [[key, _listed(value)] for key, value in (facts["overrides"] or {}).items() if value]
    if asked.written.traffic is not None:
        said = asked.written.traffic.model_dump(mode="json", exclude_defaults=True)
        shown += [[f"traffic.{key}", _listed(value)] for key, value in said.items()]
    shown += [[f"digest of {quantity}", digest] for quantity, digest in digests.items()]
    print_table(["field", "value"], shown)
    return 0


def _listed(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_listed(one)}" for key, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
