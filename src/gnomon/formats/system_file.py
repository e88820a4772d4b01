"""System files: YAML -> System. Its device is one of the catalogue's."""

from __future__ import annotations

from functools import cache
from typing import Literal

from pydantic import Field

from gnomon import catalogue
from gnomon.core.errors import BadInput
from gnomon.core.system import Dimension, System
from gnomon.formats.aliases import canonical_device
from gnomon.formats.device_file import catalogue_device
from gnomon.formats.file_version import check_version
from gnomon.formats.quantity import Number, Source, sourced
from gnomon.formats.strict import Strict, load_yaml, shaped


class _Dimension(Strict):
    name: str
    kind: Literal["switch", "ring", "fully-connected"]
    size: int = Field(ge=2)
    bandwidth: Number
    latency: Number


class SystemFile(Strict):
    """Equal devices and the levels of network between them."""

    schema_: Literal["gnomon/system/1"] = Field(alias="schema")
    name: str
    title: str = ""
    device: str
    sources: dict[str, Source]
    source: str
    dimensions: tuple[_Dimension, ...]
    notes: tuple[str, ...] = ()


def parse_system(text: str, where: str) -> System:
    """The system in YAML text; its device comes from the catalogue."""
    data, lines = load_yaml(text, where)
    check_version(data, "system", where, lines)
    raw = shaped(SystemFile, data, where, lines)
    dimensions = tuple(
        Dimension(
            name=d.name,
            kind=d.kind,
            size=d.size,
            bandwidth_bytes_per_s=sourced(
                d.bandwidth, "bandwidth", f"dimensions.{d.name}.bandwidth", where, raw.sources, raw.source
            ),
            latency_s=sourced(d.latency, "latency", f"dimensions.{d.name}.latency", where, raw.sources, raw.source),
        )
        for d in raw.dimensions
    )
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
        notes=raw.notes,
    )


@cache
def catalogue_systems() -> dict[str, System]:
    """The catalogue's systems by name."""
    return {
        name: parse_system(catalogue.text("systems", name), f"systems/{name}.yaml")
        for name in catalogue.names("systems")
    }
