"""From what a user writes to scenarios: names and files to models and systems, defaults filled in, overrides applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from gnomon.api import plugins
from gnomon.core.device import Device, Sourced
from gnomon.core.dtype import dtype
from gnomon.core.errors import BadInput, near_match
from gnomon.core.plan import Plan
from gnomon.core.scenario import Scenario
from gnomon.core.system import System
from gnomon.core.units import show
from gnomon.core.workload import Workload
from gnomon.formats.aliases import canonical_model
from gnomon.formats.device_file import is_path
from gnomon.formats.quantity import quantity
from gnomon.formats.system_file import system as system_of
from gnomon.zoo.models import Model
from gnomon.zoo.models import model as model_of


def model(text: str) -> Model:
    """A model by name, by another known spelling, or from a file that an installed format reads."""
    if not is_path(text):
        return model_of(canonical_model(text) or text)
    path = Path(text)
    if not path.exists():
        raise BadInput(f"{path}: no such file")
    formats = plugins.working("formats")
    for part in formats.values():
        if part.recognises(path):
            found: Model = part.read(path)
            return found
    raise BadInput(f"{path}: no installed format reads this file (formats: {', '.join(formats)})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Numbers that the user puts in place of the device's. Text with units; None leaves the device's own."""

    device_peak: tuple[str, ...] = ()  # "300 TFLOP/s" for every format, or "bf16=300 TFLOP/s" for one
    memory_bandwidth: str | None = None
    memory_capacity: str | None = None
    launch_overhead: str | None = None
    efficiency: str | None = None  # share of every peak and of the bandwidth that is reached, above 0 and at most 1

    def apply(self, device: Device) -> Device:
        """`device` with these numbers, each marked as an override. BadInput names the option."""
        for written in self.device_peak:
            device = _with_peak(device, written)
        device = replace(
            device,
            memory_bytes_per_s=_replaced(
                device.memory_bytes_per_s, self.memory_bandwidth, "bandwidth", "memory_bandwidth"
            ),
            memory_bytes=_replaced(device.memory_bytes, self.memory_capacity, "capacity", "memory_capacity"),
            launch_s=_replaced(device.launch_s, self.launch_overhead, "latency", "launch_overhead"),
        )
        return _with_efficiency(device, self.efficiency) if self.efficiency is not None else device


def _override(value: float, source: str) -> Sourced:
    return Sourced(value=value, source=source, kind="override")


def _replaced(number: Sourced, written: str | None, kind: str, option: str) -> Sourced:
    """The user's number, or the device's where none is written."""
    if written is None:
        return number
    return _override(_quantity(written, kind, option), f"--{option.replace('_', '-')} {written}")


def _quantity(text: str, kind: str, option: str) -> float:
    try:
        return quantity(text, kind)
    except BadInput as fault:
        raise BadInput(f"--{option.replace('_', '-')}: {fault}") from None


def _with_peak(device: Device, written: str) -> Device:
    """One format's peak, or with no format named every peak, replaced."""
    name, equals, text = written.rpartition("=")
    value = _override(_quantity(text, "peak", "device_peak"), f"--device-peak {written}")
    if not equals:
        matrix = dict.fromkeys(device.matrix_flop_per_s, value)
        vector = dict.fromkeys(device.vector_flop_per_s, value)
        return replace(device, matrix_flop_per_s=matrix, vector_flop_per_s=vector)
    try:
        chosen = dtype(name).name
    except BadInput as fault:
        raise BadInput(f"--device-peak: {fault}") from None
    # Where products in this format ran, or on the matrix unit if they ran nowhere.
    if chosen in device.vector_flop_per_s and chosen not in device.matrix_flop_per_s:
        return replace(device, vector_flop_per_s={**device.vector_flop_per_s, chosen: value})
    without = {d: s for d, s in device.vector_flop_per_s.items() if d != chosen or s.value <= value.value}
    return replace(device, vector_flop_per_s=without, matrix_flop_per_s={**device.matrix_flop_per_s, chosen: value})


def _with_efficiency(device: Device, text: str) -> Device:
    share = _quantity(text, "ratio", "efficiency")

    def scaled(number: Sourced, unit: str) -> Sourced:
        given = f" ({number.source})" if number.kind == "override" else ""
        return _override(number.value * share, f"{show(number.value, unit)}{given} x {share:g} (--efficiency)")

    return replace(
        device,
        matrix_flop_per_s={d: scaled(n, "flop/s") for d, n in device.matrix_flop_per_s.items()},
        vector_flop_per_s={d: scaled(n, "flop/s") for d, n in device.vector_flop_per_s.items()},
        memory_bytes_per_s=scaled(device.memory_bytes_per_s, "B/s"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One line of what a user asks: a model on a system, and for a language model the passes that make an answer."""

    model: Model
    system: System
    passes: Mapping[str, Plan] = field(default_factory=dict)  # quantity ("time", "ttft", "tpot") -> plan

    def scenarios(self) -> dict[str, Scenario]:
        """A scenario per quantity. BadInput where the model has no such shape."""
        return {
            quantity_: Scenario(workload=build(self.model, plan), system=self.system, plan=plan)
            for quantity_, plan in self.passes.items()
        }


@lru_cache(maxsize=4096)
def build(chosen: Model, plan: Plan) -> Workload:
    """The graph of a model under a plan; equal plans share one."""
    return chosen.build(plan)


# Formats to fall back on where a device lacks the one that a model is usually run in, the nearest first.
_FALLBACK = {"bf16": ("bf16", "fp16", "fp32"), "fp16": ("fp16", "bf16", "fp32"), "fp32": ("fp32",)}


def usual_dtype(chosen: Model, device: Device) -> str:
    """The format that a model is run in where none is asked for: its usual one, or the nearest that the device has."""
    has = device.product_dtypes
    return next((d for d in _FALLBACK.get(chosen.dtype, (chosen.dtype,)) if d in has), "fp32")


def passes(chosen: Model, plan: Plan, mode: str | None) -> dict[str, Plan]:
    """The passes that answer for a model: one by its mode, or prefill and decode for a decoder without one."""
    if mode is not None:
        kept = replace(plan, mode=mode)  # type: ignore[arg-type]
        if mode == "decode" and plan.context is None and plan.seq is not None:
            kept = replace(kept, context=plan.seq, seq=None)
        return {_QUANTITY.get(mode, "time"): kept}
    if chosen.kind != "decoder":
        return {"time": replace(plan, mode="forward")}
    return {
        "ttft": replace(plan, mode="prefill", context=None),
        "tpot": replace(plan, mode="decode", seq=None, context=plan.context or plan.seq),
    }


_QUANTITY = {"prefill": "ttft", "decode": "tpot"}


def question(
    model_text: str,
    on: str,
    *,
    mode: str | None = None,
    dtype_text: str | None = None,
    overrides: Overrides | None = None,
    **shape: object,
) -> Question:
    """The question that names and options ask. `shape` holds the other fields of a Plan."""
    chosen, machine = model(model_text), system_of(on)
    if overrides is not None:
        machine = replace(machine, device=overrides.apply(machine.device))
    unknown = [name for name in shape if name not in Plan.__dataclass_fields__]
    if unknown:
        raise BadInput(f"unknown option {unknown[0]!r}{near_match(unknown[0], Plan.__dataclass_fields__)}")
    plan = Plan(dtype=dtype_text or usual_dtype(chosen, machine.device), **shape)  # type: ignore[arg-type]
    return Question(model=chosen, system=machine, passes=passes(chosen, plan, mode))
