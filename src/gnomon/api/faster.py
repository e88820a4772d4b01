"""A device or a network with some of its numbers multiplied: what an engine is asked when somebody wonders what would help."""

from __future__ import annotations

from dataclasses import replace

from gnomon.core.device import Device, Sourced
from gnomon.core.system import System


def faster(device: Device, *, peak: float = 1.0, bandwidth: float = 1.0, launch: float = 1.0) -> Device:
    """`device` with every peak, the memory's bandwidth and the launch overhead multiplied, each marked as an override.

    Numbers multiplied by 1 stay the device's own.
    """
    return replace(
        device,
        matrix_flop_per_s={d: _times(n, peak) for d, n in device.matrix_flop_per_s.items()},
        vector_flop_per_s={d: _times(n, peak) for d, n in device.vector_flop_per_s.items()},
        memory_bytes_per_s=_times(device.memory_bytes_per_s, bandwidth),
        launch_s=_times(device.launch_s, launch),
    )


def faster_network(system: System, bandwidth: float) -> System:
    """`system` with the bandwidth of every level of its network multiplied."""
    levels = (replace(d, bandwidth_bytes_per_s=_times(d.bandwidth_bytes_per_s, bandwidth)) for d in system.dimensions)
    return replace(system, dimensions=tuple(levels))


def _times(number: Sourced, factor: float) -> Sourced:
    if factor == 1.0:
        return number
    return Sourced(value=number.value * factor, source=f"{number.source} x {factor:g} (what if)", kind="override")
