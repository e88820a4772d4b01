"""System files: YAML -> System. Its device is one of the catalogue's."""

from __future__ import annotations

from functools import cache
from typing import Literal

from pydantic import Field

from gnomon import catalogue
from gnomon.core.dtype import dtype
from gnomon.core.errors import BadInput
from gnomon.core.system import Dimension, System
from gnomon.formats.aliases import canonical_device
from gnomon.formats.device_file import catalogue_device
from gnomon.formats.file_version import check_version
from gnomon.formats.quantity import Number, Source, sourced
from gnomon.formats.strict import Strict, load_yaml, shaped


class _Reduces(Strict):
    """Number formats that a switch adds up itself, and which source says so."""

    dtypes: tuple[str, ...]
    source: str


class _ScaleOut(Strict):
    """What joins one such system with others: a level whose size is open."""

    name: str
    kind: Literal["switch", "ring", "fully-connected"]
    bandwidth: Number = Field(description="of one device, per direction; its share where devices share an adapter")
    latency: Number
    reduces: _Reduces | None = None


class _Dimension(_ScaleOut):
    """A level of the network within the system."""

    size: int = Field(ge=2)


class SystemFile(Strict):
    """Equal devices and the levels of network between them."""

    schema_: Literal["gnomon/system/1"] = Field(alias="schema")
    name: str
    title: str = ""
    device: str
    sources: dict[str, Source]
    source: str
    dimensions: tuple[_Dimension, ...]
    scale_out: _ScaleOut | None = None
    notes: tuple[str, ...] = ()


def parse_system(text: str, where: str) -> System:
    """The system in YAML text; its device comes from the catalogue."""
    data, lines = load_yaml(text, where)
    check_version(data, "system", where, lines)
    raw = shaped(SystemFile, data, where, lines)
    dimensions = tuple(_level(d, d.size, f"dimensions.{d.name}", where, raw) for d in raw.dimensions)
    scale_out = _level(raw.scale_out, 1, "scale_out", where, raw) if raw.scale_out else None
    count = 1
    for dimension in dimensions:
        count *= dimension.size
    found = canonical_device(raw.device)
    if found is None:
        raise BadInput(f"{where}:{lines.get(('device',), 1)}: device: {raw.device!r} is not in the catalogue")
    return System(
        name=raw.name,
        title=raw.title,
        device=catalogue_device(found),
        count=count,
        dimensions=dimensions,
        scale_out=scale_out,
        notes=raw.notes,
    )


def _level(d: _ScaleOut, size: int, field: str, where: str, file: SystemFile) -> Dimension:
    """One level of the network with its numbers in SI. BadInput naming file and field."""
    reduces, reduces_source = _reduces(d.reduces, field, where, file)
    return Dimension(
        name=d.name,
        kind=d.kind,
        size=size,
        bandwidth_bytes_per_s=sourced(d.bandwidth, "bandwidth", f"{field}.bandwidth", where, file.sources, file.source),
        latency_s=sourced(d.latency, "latency", f"{field}.latency", where, file.sources, file.source),
        reduces=reduces,
        reduces_source=reduces_source,
    )


def _reduces(given: _Reduces | None, field: str, where: str, file: SystemFile) -> tuple[tuple[str, ...], str]:
    """Formats that a switch adds up, in our spelling, and the title of who says so. BadInput naming file and field."""
    if given is None:
        return (), ""
    if given.source not in file.sources:
        raise BadInput(
            f"{where}: {field}.reduces: source {given.source!r} is not among the file's sources ({', '.join(file.sources)})"
        )
    try:
        return tuple(dtype(name).name for name in given.dtypes), file.sources[given.source].title
    except BadInput as fault:
        raise BadInput(f"{where}: {field}.reduces: {fault}") from None


@cache
def catalogue_systems() -> dict[str, System]:
    """The catalogue's systems by name."""
    return {
        name: parse_system(catalogue.text("systems", name), f"systems/{name}.yaml")
        for name in catalogue.names("systems")
    }
