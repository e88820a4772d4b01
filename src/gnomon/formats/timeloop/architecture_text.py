"""Accelerator -> `architecture:` of a Timeloop file, in the grammar of subtrees that the binaries read."""

from __future__ import annotations

from math import inf, nextafter
from typing import Any

import yaml

from gnomon.core.accelerator import Accelerator, Memory, Network, Units

_VERSION = 0.3  # of the grammar


def architecture_text(accelerator: Accelerator) -> str:
    """A YAML document that reads back as the same accelerator, but for its energies of accesses (see `energy_text`)."""
    parts = [_memory(memory) for memory in reversed(accelerator.memories)]
    local = [*parts, _units(accelerator.units)]
    tree = {"version": _VERSION, "subtree": [{"name": accelerator.name, "local": local}]}
    return yaml.safe_dump({"architecture": tree}, sort_keys=False, allow_unicode=True, width=10**6)


def _units(units: Units) -> dict[str, Any]:
    attributes = {"word_bits": units.word_bits, "meshX": units.mesh_x, "meshY": units.mesh_y}
    return {"name": _several(units.name, units.instances), "class": "intmac", "attributes": attributes}


def _memory(memory: Memory) -> dict[str, Any]:
    is_endless = memory.entries is None
    return {
        "name": _several(memory.name, memory.instances),
        "class": "DRAM" if is_endless else "SRAM",
        "attributes": {key: value for key, value in _attributes(memory).items() if value is not None},
    }


def _several(name: str, count: int) -> str:
    return name if count == 1 else f"{name}[0..{count - 1}]"


def _attributes(memory: Memory) -> dict[str, Any]:
    """Its attributes; None for one that is not given, or that stands as it does by itself."""
    return {
        "word_bits": memory.word_bits,
        "block_size": memory.block_size,
        "cluster_size": memory.cluster_size,
        "entries": memory.entries,
        "meshX": memory.mesh_x,
        "meshY": memory.mesh_y,
        "read_bandwidth": memory.read_words_per_cycle,
        "write_bandwidth": memory.write_words_per_cycle,
        "shared_bandwidth": memory.shared_words_per_cycle,
        "per_dataspace_bandwidth_consumption_scale": dict(memory.bandwidth_scale) or None,
        "multiple_buffering": memory.multiple_buffering if memory.multiple_buffering != 1 else None,
        "min_utilization": memory.min_utilization or None,
        "power_gated_at": memory.power_gated_by,
        **_wires(memory.network),
    }


def _wires(network: Network) -> dict[str, Any]:
    return {
        "network_fill_latency": round(network.fill_cycles) or None,
        "network_drain_latency": round(network.drain_cycles) or None,
        "wire_energy": network.wire_pj_per_bit_mm or None,
        "tile_width": _micrometres(network.tile_mm) or None,
        "energy_per_hop": network.hop_pj,
        "router_energy": network.router_pj or None,
        "reduction_supported": network.can_reduce,
    }


def _micrometres(millimetres: float) -> float:
    """The number that is the same length again when a reader divides it by 1000."""
    near = millimetres * 1000
    return next((one for one in (near, nextafter(near, 0), nextafter(near, inf)) if one / 1000 == millimetres), near)
