"""Numbers that a user puts in place of a device's: each marked as an override, so that it shows in the provenance."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gnomon.core.device import Device, Sourced
from gnomon.core.dtype import dtype
from gnomon.core.errors import BadInput
from gnomon.formats.quantity import quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Numbers that the user puts in place of the device's: text with a unit, or a bare number in SI. None: the device's own."""

    device_peak: tuple[str, ...] | str = ()  # "300 TFLOP/s" for every format, or "bf16=300 TFLOP/s" for one
    memory_bandwidth: str | float | None = None
    memory_capacity: str | float | None = None
    launch_overhead: str | float | None = None
    efficiency: str | float | None = (
        None  # share of every peak and of the bandwidth that is reached: above 0, at most 1
    )

    def __post_init__(self) -> None:
        """Every number as text. BadInput for what is neither text nor number."""
        for name in ("memory_bandwidth", "memory_capacity", "launch_overhead", "efficiency"):
            if (one := getattr(self, name)) is not None:
                object.__setattr__(self, name, _text(one, name))
        peaks = self.device_peak
        if not isinstance(peaks, str):
            several = peaks if isinstance(peaks, (list, tuple)) else (peaks,)
            object.__setattr__(self, "device_peak", tuple(_text(one, "device_peak") for one in several))

    def apply(self, device: Device) -> Device:
        """`device` with these numbers, each marked as an override. BadInput names the field."""
        for written in (self.device_peak,) if isinstance(self.device_peak, str) else self.device_peak:
            device = _with_peak(device, written)
        device = replace(
            device,
            memory_bytes_per_s=_replaced(
                device.memory_bytes_per_s, self.memory_bandwidth, "bandwidth", "memory_bandwidth"
            ),
            memory_bytes=_replaced(device.memory_bytes, self.memory_capacity, "capacity", "memory_capacity"),
            launch_s=_replaced(device.launch_s, self.launch_overhead, "latency", "launch_overhead"),
        )
        if self.efficiency is None:
            return device
        share = _quantity(str(self.efficiency), "ratio", "efficiency")
        return device.scaled(peak=share, bandwidth=share, why="efficiency")


def _text(given: object, field: str) -> str:
    if isinstance(given, bool) or not isinstance(given, (str, int, float)):
        raise BadInput(f"{given!r:.60} is not a number with its unit", field=f"overrides.{field}")
    return str(given)


def _override(value: float, source: str) -> Sourced:
    return Sourced(value=value, source=source, kind="override")


def _replaced(number: Sourced, written: str | float | None, kind: str, field: str) -> Sourced:
    """The user's number, or the device's where none is written."""
    if written is None:
        return number
    return _override(_quantity(str(written), kind, field), f"{written} ({field})")


def _quantity(text: str, kind: str, field: str) -> float:
    try:
        return quantity(text, kind)
    except BadInput as fault:
        raise fault.at(field=f"overrides.{field}") from None


def _with_peak(device: Device, written: str) -> Device:
    """One format's peak, or with no format named every peak, replaced."""
    name, equals, text = written.rpartition("=")
    value = _override(_quantity(text, "peak", "device_peak"), f"{written} (device_peak)")
    if not equals:
        matrix = dict.fromkeys(device.matrix_flop_per_s, value)
        vector = dict.fromkeys(device.vector_flop_per_s, value)
        return replace(device, matrix_flop_per_s=matrix, vector_flop_per_s=vector)
    try:
        chosen = dtype(name).name
    except BadInput as fault:
        raise fault.at(field="overrides.device_peak") from None
    # Where products in this format ran, or on the matrix unit if they ran nowhere.
    if chosen in device.vector_flop_per_s and chosen not in device.matrix_flop_per_s:
        return replace(device, vector_flop_per_s={**device.vector_flop_per_s, chosen: value})
    without = {d: s for d, s in device.vector_flop_per_s.items() if d != chosen or s.value <= value.value}
    return replace(device, vector_flop_per_s=without, matrix_flop_per_s={**device.matrix_flop_per_s, chosen: value})
