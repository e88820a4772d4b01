"""The wires below each memory: their attributes are those of the memory, their length comes from the areas below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

from gnomon.core.accelerator import Memory, Network
from gnomon.formats.timeloop.attributes import is_dram
from gnomon.formats.timeloop.hardware import Hardware, Part

_KINDS = ("1:1", "1:N", "M:N")
_LATENCIES = ("network_fill_latency", "network_drain_latency")


def network(part: Part, tile_um2: float, wire_pj_per_bit_mm: float, word_bits: int) -> Network:
    """The wires from this memory to the tiles inside, each of that area; a wire energy from the table goes first."""
    given = part.attributes
    numbers = {
        key: found.number() if (found := given.get(key)) else None
        for key in ("wire_energy", "tile_width", "energy_per_hop", "router_energy")
    }
    cycles = [float(found.whole(least=0)) if (found := given.get(key)) else 0.0 for key in _LATENCIES]
    kind = given.get("network_type")
    if kind and kind.data not in _KINDS:
        raise kind.fault(f"{kind.data!r} is none of {', '.join(_KINDS)}")
    if kind and kind.data == "M:N":
        raise kind.unsupported("multicast from several memories at once")
    ingress = given.get("energy-per-ingress")
    if ingress and ingress.number():
        raise ingress.unsupported("energy of entering the wires")
    width_um = numbers["tile_width"]
    tile_mm = (sqrt(tile_um2) if width_um is None else width_um) / 1000
    wire_pj = wire_pj_per_bit_mm or numbers["wire_energy"] or 0.0
    hop_pj = numbers["energy_per_hop"]
    own_bits = given.get("network_word_bits")
    if own_bits and hop_pj is None and own_bits.whole() != word_bits:
        hop_pj = own_bits.whole() * tile_mm * wire_pj
    reduces = given.get("reduction_supported")
    return Network(
        fill_cycles=cycles[0],
        drain_cycles=cycles[1],
        wire_pj_per_bit_mm=wire_pj,
        tile_mm=tile_mm,
        hop_pj=hop_pj,
        router_pj=numbers["router_energy"] or 0.0,
        can_reduce=reduces.truth() if reduces else not is_dram(part),
    )


def tile_areas_um2(hardware: Hardware, memories: Sequence[Memory], areas_um2: Mapping[str, float]) -> tuple[float, ...]:
    """Area of what stands at the end of each memory's wires, the innermost memory first: a child with all inside it."""
    units = hardware.units
    found = [_area_um2(units, "area", 1, areas_um2)]
    inside = units.mesh_x * units.mesh_y
    for part, memory in zip(hardware.memories[:-1], memories, strict=False):
        own = _area_um2(part, "cluster_area", memory.cluster_size, areas_um2)
        found.append(own + found[-1] * (inside // memory.instances))
        inside = memory.instances
    return tuple(found)


def _area_um2(part: Part, key: str, sharing: int, areas_um2: Mapping[str, float]) -> float:
    """Area of an instance: of the table, else its part of what the attribute says, else none."""
    stated = part.attributes.get(key)
    return areas_um2.get(part.name, stated.number() / sharing if stated else 0.0)
