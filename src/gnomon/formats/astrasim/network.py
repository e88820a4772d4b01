"""network.yml."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from gnomon.core.errors import BadInput
from gnomon.core.fabric import Fabric, FabricDimension, Wiring
from gnomon.formats.astrasim.ranges import Speed, Time
from gnomon.formats.strict import Strict, load_yaml, place_of, read_text, shaped


class _Network(Strict):
    topology: Annotated[list[Wiring], Field(min_length=1)]
    npus_count: list[Annotated[int, Field(gt=1, strict=True)]]
    bandwidth: list[Speed]
    latency: list[Time]


def read_network(path: Path) -> Fabric:
    """The network of a file. BadInput."""
    data, lines = load_yaml(read_text(path), str(path))
    found = shaped(_Network, data, str(path), lines)
    for name in ("npus_count", "bandwidth", "latency"):
        count = len(getattr(found, name))
        if count != len(found.topology):
            raise BadInput(
                f"{count} given for the {len(found.topology)} dimensions of topology",
                field=name,
                where=place_of(str(path), lines, (name,)),
            )
    rows = zip(found.topology, found.npus_count, found.bandwidth, found.latency, strict=True)
    return Fabric(
        dimensions=tuple(
            FabricDimension(wiring=wiring, npus=npus, bandwidth_gib_per_s=bandwidth, latency_ns=latency)
            for wiring, npus, bandwidth, latency in rows
        )
    )


def network_text(fabric: Fabric) -> str:
    """The file of a network."""
    columns: dict[str, Sequence[object]] = {
        "topology": [one.wiring.value for one in fabric.dimensions],
        "npus_count": [one.npus for one in fabric.dimensions],
        "bandwidth": [float(one.bandwidth_gib_per_s) for one in fabric.dimensions],
        "latency": [float(one.latency_ns) for one in fabric.dimensions],
    }
    return "".join(f"{name}: [{', '.join(map(str, column))}]\n" for name, column in columns.items())
