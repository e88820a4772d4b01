"""gnomon list: what is known by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gnomon.api import plugins
from gnomon.api.scenarios import read_scenario, scenario_names
from gnomon.cli.arguments import Parser, add_output_options
from gnomon.cli.output import print_json, print_table, say
from gnomon.cli.stated import stated_shape, stated_workload
from gnomon.core.errors import UsageError, near_match
from gnomon.core.schema import listed
from gnomon.core.units import show
from gnomon.formats import accelerator_file
from gnomon.formats.device_file import catalogue_device, catalogue_names
from gnomon.formats.system_file import catalogue_systems
from gnomon.zoo.models import models

Row = dict[str, Any]


def _parts(group: plugins.Group) -> list[Row]:
    return [
        {"name": part.name, "package": part.package, "state": part.fault or "ok"} for part in plugins.inspect(group)
    ]


def _devices() -> list[Row]:
    found = []
    for device in map(catalogue_device, catalogue_names()):
        half = device.peak("bf16", is_matrix=True) or device.peak("fp16", is_matrix=True)
        found.append(
            {
                "name": device.name,
                "title": device.title + (f" ({device.covers})" if device.covers else ""),
                "architecture": device.architecture,
                "silicon": device.silicon,
                "fp32_flop_per_s": device.vector_flop_per_s["fp32"].value,
                "half_flop_per_s": half.value if half else None,
                "memory_bytes": device.memory_bytes.value,
                "memory_bytes_per_s": device.memory_bytes_per_s.value,
                "power_w": device.power_w.value if device.power_w else None,
            }
        )
    return found


def _systems() -> list[Row]:
    return [
        {
            "name": s.name,
            "device": s.device.name,
            "devices": s.count,
            "dimensions": ", ".join(d.name for d in s.dimensions),
            "scale_out": s.scale_out.name if s.scale_out else None,
        }
        for s in catalogue_systems().values()
    ]


def _accelerators() -> list[Row]:
    found = []
    for design in map(accelerator_file.catalogue_accelerator, accelerator_file.catalogue_names()):
        node = design.numbers.get("technology_nm")
        found.append(
            {
                "name": design.name,
                "title": design.title,
                "units": design.accelerator.units.instances,
                "word_bits": design.accelerator.units.word_bits,
                "clock_hz": design.clock_hz.value,
                "technology_nm": int(node[0].value) if node else None,
                "memories": ", ".join(memory.name for memory in design.accelerator.memories),
            }
        )
    return found


def _models() -> list[Row]:
    found = []
    for model in models().values():
        workload = stated_workload(model)
        found.append(
            {
                "name": model.name,
                "kind": model.kind,
                "parameters": workload.parameters,
                "flop": workload.table.total_flop,
                "shape": stated_shape(workload),
                "dtype": model.dtype,
                "source": model.source,
            }
        )
    return found


def _scenarios() -> list[Row]:
    found = []
    for name in scenario_names():
        asked = read_scenario(name)
        found.append({"name": name, "model": asked.written.model, "on": asked.written.on, "title": asked.written.title})
    return found


def _measurements() -> list[Row]:
    from gnomon.api.measurements import built_in_tables  # polars, which completion does not wait for
    from gnomon.formats.table import read_table

    return [
        {"name": name, "file": path.name, "rows": len(read_table(path))} for name, path in built_in_tables().items()
    ]


KINDS: dict[str, Callable[[], list[Row]]] = {
    "engines": partial(_parts, "engines"),
    "adapters": partial(_parts, "adapters"),
    "formats": partial(_parts, "formats"),
    "executors": partial(_parts, "executors"),
    "devices": _devices,
    "systems": _systems,
    "accelerators": _accelerators,
    "models": _models,
    "scenarios": _scenarios,
    "measurements": _measurements,
}
_SHOWN = {
    "fp32_flop_per_s": ("FP32", "flop/s"),
    "half_flop_per_s": ("FP16/BF16", "flop/s"),
    "memory_bytes": ("memory", "B"),
    "memory_bytes_per_s": ("bandwidth", "B/s"),
    "power_w": ("power", "W"),
    "clock_hz": ("clock", "Hz"),
    "flop": ("work", "flop"),
}
_TITLES = {"scale_out": "between nodes"}


def parser() -> Parser:
    """The arguments."""
    parser = Parser("list", f"What is known by name: {', '.join(KINDS)}.", "gnomon list devices")
    parser.add_argument("kind", metavar="KIND", help=", ".join(KINDS))
    add_output_options(parser, csv=False)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print one list."""
    found = parser().read(arguments)
    if found.kind not in KINDS:
        raise UsageError(
            f"list: unknown kind {found.kind!r}{near_match(found.kind, KINDS)} (known: {', '.join(KINDS)})"
        )
    rows = KINDS[found.kind]()
    if found.json:
        print_json({"schema": listed(found.kind), "rows": rows})
    elif rows:
        columns = list(rows[0])
        titles = [_SHOWN.get(name, (_TITLES.get(name, name), ""))[0] for name in columns]
        print_table(
            titles,
            [[_cell(name, row[name]) for name in columns] for row in rows],
            spare=("source", "memories", "title", "dimensions", "silicon", "shape"),
        )
    else:
        say(f"no {found.kind} are installed")
    return 0


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name in _SHOWN:
        return show(value, _SHOWN[name][1])
    return f"{value:,}" if isinstance(value, int) else str(value)
