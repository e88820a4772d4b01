"""Systems: YAML -> System, and the short form DEVICE[:COUNT] of the command line."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from gnomon.catalogue import ROOT
from gnomon.core.device import Device
from gnomon.core.errors import BadInput, near_match
from gnomon.core.system import Dimension, System
from gnomon.formats.aliases import canonical_device
from gnomon.formats.device_file import catalogue_device, catalogue_names, is_path, read_device
from gnomon.formats.quantity import Number, Source, sourced
from gnomon.formats.strict import Strict, load_yaml, shaped


class _Dimension(Strict):
    name: str
    kind: Literal["switch", "ring", "fully-connected"]
    size: int = Field(ge=2)
    bandwidth: Number
    latency: Number


class _SystemFile(Strict):
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
    raw = shaped(_SystemFile, data, where, lines)
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
    return System(name=raw.name, device=device(raw.device), count=count, dimensions=dimensions)


@cache
def catalogue_systems() -> dict[str, System]:
    """The catalogue's systems by name."""
    found = {}
    for file in sorted((ROOT / "systems").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".yaml"):
            read = parse_system(file.read_text(encoding="utf-8"), f"systems/{file.name}")
            found[read.name] = read
    return found


def device(text: str) -> Device:
    """A device by catalogue name, by another known spelling, or from a file. BadInput with the near match."""
    if is_path(text):
        return read_device(Path(text))
    name = canonical_device(text)
    if name is None:
        raise BadInput(
            f"unknown device {text!r}{near_match(text, catalogue_names())}; see `gnomon list devices`, or give a file like ./my-gpu.yaml"
        )
    return catalogue_device(name)


_COUNT = re.compile(r"-?[0-9]+")


def system(text: str) -> System:
    """What `--on` names: DEVICE, DEVICE:COUNT, a system's name, or a device file with or without :COUNT."""
    if text in catalogue_systems():
        return catalogue_systems()[text]
    name, colon, count_text = text.rpartition(":")
    if not colon or (is_path(text) and not _COUNT.fullmatch(count_text)):
        return System(name=text, device=device(text))
    if not _COUNT.fullmatch(count_text):
        raise BadInput(f"{text!r}: {count_text!r} is not a number of devices")
    count = int(count_text)
    if count < 1:
        raise BadInput(f"{text!r}: a system has one device or more, not {count}")
    return System(name=text, device=device(name), count=count)
