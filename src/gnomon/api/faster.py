"""A network with its bandwidth multiplied: what an engine is asked when somebody wonders what would help."""

from __future__ import annotations

from dataclasses import replace

from gnomon.core.system import System

WHAT_IF = "what if"  # why numbers are multiplied, in the provenance of the answers


def faster_network(system: System, bandwidth: float) -> System:
    """`system` with the bandwidth of every level of its network multiplied, each marked as an override."""
    levels = (
        replace(d, bandwidth_bytes_per_s=d.bandwidth_bytes_per_s.scaled(bandwidth, "B/s", WHAT_IF))
        for d in system.dimensions
    )
    return replace(system, dimensions=tuple(levels))
