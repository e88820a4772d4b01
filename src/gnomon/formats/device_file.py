"""Device files: YAML -> Device. The catalogue's and the user's are read alike."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from gnomon import catalogue
from gnomon.core.device import Device, Link, Sourced
from gnomon.core.dtype import DTYPES
from gnomon.core.errors import BadInput, near_match
from gnomon.formats.file_version import check_version
from gnomon.formats.quantity import Number, Source, sourced
from gnomon.formats.strict import Strict, load_yaml, read_text, shaped


class _Compute(Strict):
    matrix: dict[str, Number] = Field(default_factory=dict)
    vector: dict[str, Number]


class _Memory(Strict):
    kind: str = ""
    capacity: Number
    bandwidth: Number


class _Cache(Strict):
    capacity: Number


class _Units(Strict):
    count: Number
    name: str = "SM"


class _Clocks(Strict):
    base: Number | None = None
    boost: Number | None = None


class _Link(Strict):
    name: str
    bandwidth: Number


class DeviceFile(Strict):
    """One device, as written down. Every number may carry its own source; bare ones have the file's default."""

    schema_: Literal["gnomon/device/1"] = Field(alias="schema")
    name: str
    title: str = ""
    vendor: str = ""
    architecture: str = ""
    silicon: str = ""
    kind: Literal["gpu", "cpu"] = "gpu"
    covers: str = ""
    sources: dict[str, Source] = Field(default_factory=dict)
    source: str = "file"
    compute: _Compute
    memory: _Memory
    l2: _Cache | None = None
    units: _Units | None = None
    clocks: _Clocks = _Clocks()
    links: tuple[_Link, ...] = ()
    power: Number | None = None
    launch_overhead: Number | None = None
    notes: tuple[str, ...] = ()


# Where a file gives no launch overhead: the middle of what the catalogue's files give for GPUs.
_USUAL_LAUNCH = Sourced(value=4e-6, source="no figure given; the middle of the catalogue's GPUs", kind="assumed")


def read_device(path: Path) -> Device:
    """The device in a YAML file. BadInput with file, line, field and near match."""
    return parse_device(read_text(path), str(path))


def parse_device(text: str, where: str) -> Device:
    """The device in YAML text; `where` names it in errors."""
    data, lines = load_yaml(text, where)
    check_version(data, "device", where, lines)
    raw = shaped(DeviceFile, data, where, lines)
    sources = {"file": Source(title=f"{where}, no source given", kind="assumed"), **raw.sources}

    def number(written: Number, kind: str, *path: str) -> Sourced:
        line = lines.get(path)
        place = f"{where}:{line}" if line else where
        return sourced(written, kind, ".".join(path), place, sources, raw.source)

    def optional(written: Number | None, kind: str, *path: str) -> Sourced | None:
        return None if written is None else number(written, kind, *path)

    for unit in ("matrix", "vector"):
        for dtype in getattr(raw.compute, unit):
            if dtype not in DTYPES:
                place = f"{where}:{lines.get(('compute', unit, dtype), 1)}"
                raise BadInput(
                    f"{place}: compute.{unit}.{dtype}: unknown dtype{near_match(dtype, DTYPES)} (known: {', '.join(DTYPES)})"
                )
    if "fp32" not in raw.compute.vector:
        raise BadInput(f"{where}: compute.vector.fp32: missing; element-wise operators are computed in fp32")
    return Device(
        name=raw.name,
        title=raw.title or raw.name,
        vendor=raw.vendor,
        architecture=raw.architecture,
        silicon=raw.silicon or raw.name,
        kind=raw.kind,
        covers=raw.covers,
        matrix_flop_per_s={d: number(n, "peak", "compute", "matrix", d) for d, n in raw.compute.matrix.items()},
        vector_flop_per_s={d: number(n, "peak", "compute", "vector", d) for d, n in raw.compute.vector.items()},
        memory_kind=raw.memory.kind,
        memory_bytes=number(raw.memory.capacity, "capacity", "memory", "capacity"),
        memory_bytes_per_s=number(raw.memory.bandwidth, "bandwidth", "memory", "bandwidth"),
        l2_bytes=optional(raw.l2.capacity if raw.l2 else None, "capacity", "l2", "capacity"),
        unit_name=raw.units.name if raw.units else "SM",
        unit_count=optional(raw.units.count if raw.units else None, "count", "units", "count"),
        base_hz=optional(raw.clocks.base, "frequency", "clocks", "base"),
        boost_hz=optional(raw.clocks.boost, "frequency", "clocks", "boost"),
        links=tuple(
            Link(name=k.name, bandwidth_bytes_per_s=number(k.bandwidth, "bandwidth", "links", k.name))
            for k in raw.links
        ),
        power_w=optional(raw.power, "power", "power"),
        launch_s=optional(raw.launch_overhead, "latency", "launch_overhead") or _USUAL_LAUNCH,
        notes=raw.notes,
    )


def catalogue_names() -> tuple[str, ...]:
    """Names of the catalogue's devices, sorted."""
    return catalogue.names("devices")


@cache
def catalogue_device(name: str) -> Device:
    """A device of the catalogue by its exact name."""
    return parse_device(catalogue.text("devices", name), f"devices/{name}.yaml")
