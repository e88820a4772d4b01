"""The roofline engine: joins the equations to scenarios and operator tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gnomon.core.device import Device
from gnomon.core.dtype import DTYPES
from gnomon.core.errors import Unsupported
from gnomon.core.op import FAMILIES
from gnomon.core.prediction import Bound, Part, Prediction, Provenance
from gnomon.core.scenario import Scenario
from gnomon.core.training_plan import TrainingPlan
from gnomon.core.version import version
from gnomon.core.workload import OpTable
from gnomon.engines.roofline.calibration import calibration
from gnomon.engines.roofline.equations import compute_s, launched_s, memory_s, roofline_s
from gnomon.stats.strata import MODEL_STRATUM, kernel_strata

Numbers = NDArray[np.float64]

_BLOCK = 16_384  # rows computed at once: their columns stay in a core's cache (128 KiB each)

_BOUNDS: tuple[Bound, ...] = ("compute", "memory", "overhead")

_ASSUMPTIONS = (
    "every operator reaches the data sheet's peak or the memory's full bandwidth, whichever binds",
    "every operator reads its inputs from memory and writes its outputs there once; caches keep nothing between operators",
    "memory is that of the model: the runtime's context, buffers and fragmentation come on top",
)


def operator_limits_s(ops: OpTable, device: Device, rows: slice = slice(None)) -> tuple[Numbers, Numbers]:
    """Seconds of arithmetic and of traffic of one copy of each operator in `rows`, two arrays `(ops,)`.

    nan arithmetic where the device has no unit for the operator's format.
    """
    compute = compute_s(ops.flop[rows], device.peaks_flop_per_s.take(ops.peak_index[rows]))
    memory = memory_s(ops.moved_bytes[rows], device.memory_bytes_per_s.value)
    return np.asarray(compute), np.asarray(memory)


def _bound(compute: float, memory: float, launch: float) -> Bound:
    """What takes most of the time."""
    return max(zip((compute, memory, launch), _BOUNDS, strict=True), key=lambda pair: pair[0])[1]


def _parts(table: OpTable, times: Numbers, launch: Numbers, is_compute: NDArray[np.bool_]) -> tuple[Part, ...]:
    """Time by family of operators, and within it by what binds them; both levels add up."""
    size = len(FAMILIES)
    bound_compute = np.bincount(table.family[is_compute], times[is_compute], size)
    bound_memory = np.bincount(table.family[~is_compute], times[~is_compute], size)
    launched = np.bincount(table.family, launch, size)
    parts = []
    for index in np.unique(table.family):
        inner: tuple[Part, ...] = (
            Part(name="compute-bound operators", value=float(bound_compute[index]), kind="compute"),
            Part(name="memory-bound operators", value=float(bound_memory[index]), kind="memory"),
            Part(name="launches", value=float(launched[index]), kind="overhead"),
        )
        inner = tuple(part for part in inner if part.value > 0)
        parts.append(Part(name=FAMILIES[index], value=sum(p.value for p in inner), kind="mixed", parts=inner))
    return tuple(sorted(parts, key=lambda part: -part.value))


def _outside(device: Device, is_overridden: bool) -> tuple[str, ...]:
    """Why the answer is extrapolation; whether the model fits is a field of its own."""
    reasons = []
    if device.kind == "cpu":
        reasons.append("no measured row of a CPU stands behind the interval")
    if is_overridden:
        reasons.append(
            "numbers of the device were overridden, and the residuals behind the interval belong to data sheets: no interval"
        )
    return tuple(reasons)


class RooflineEngine:
    """Answers every workload on one device that has the formats it needs."""

    name = "roofline"
    cites = ("Williams, Waterman & Patterson 2009, Roofline: an insightful visual performance model, CACM 52(4)",)

    def times_s(self, ops: OpTable, device: Device) -> Numbers:
        """Seconds of one copy of each operator `(ops,)`; nan where the device cannot run it."""
        times = np.empty(len(ops))
        for start in range(0, len(ops), _BLOCK):
            rows = slice(start, start + _BLOCK)
            roofline = roofline_s(*operator_limits_s(ops, device, rows))
            times[rows] = launched_s(roofline, ops.launches[rows], device.launch_s.value)
        return times

    def bounds(self, ops: OpTable, device: Device) -> list[Bound]:
        """The longest of arithmetic at the peak, traffic at the bandwidth and launches of each operator `(ops,)`."""
        compute, memory = operator_limits_s(ops, device)
        launch = launched_s(0.0, ops.launches, device.launch_s.value)
        return [_BOUNDS[index] for index in np.vstack([compute, memory, launch]).argmax(axis=0)]

    @property
    def calibrated_on(self) -> str:
        """SHA-256 of the table of operators behind `intervals_s`."""
        return calibration("kernels").sha256

    def intervals_s(self, ops: OpTable, device: Device, times_s: Numbers) -> tuple[Numbers, Numbers] | None:
        """Low and high ends of the intervals around those times, two arrays `(ops,)`; None for overridden numbers."""
        if device.overrides():
            return None
        return calibration("kernels").ends_s(times_s, kernel_strata(ops.family, times_s))

    def missing(self, scenario: Scenario) -> tuple[str, ...]:
        """Reasons why it cannot answer."""
        if declined := scenario.declined_by_a_pass(self.name):
            return declined
        reasons = []
        system = scenario.system
        if system.count != 1:
            reasons.append(f"roofline answers for one device, not for the {system.count} of {system.name}")
        if scenario.plan.training not in (None, TrainingPlan()):
            reasons.append("roofline answers for one pass through the whole model; engine training puts steps together")
        device = system.device
        if device.design is not None:
            return (
                f"roofline answers for data sheets, and {device.name} is a spatial accelerator: engine mapper maps it",
            )
        table = scenario.workload.table
        peaks = device.peaks_flop_per_s.take(table.peak_index)
        names = list(DTYPES)
        for dtype in sorted({names[i] for i in table.dtype[np.isnan(peaks)]}):
            has = ", ".join(device.product_dtypes)
            reasons.append(f"{device.name} has no unit for products in {dtype} (it has: {has})")
        return tuple(reasons)

    def predict(self, scenario: Scenario) -> Prediction:
        """The time of one pass. Raises Unsupported with the reasons of `missing`."""
        if reasons := self.missing(scenario):
            raise Unsupported("; ".join(reasons))
        workload, device = scenario.workload, scenario.system.device
        table = workload.table
        compute, memory = operator_limits_s(table, device)
        times = roofline_s(compute, memory) * table.repeat
        launch = launched_s(0.0, table.launches, device.launch_s.value) * table.repeat
        value = float(times.sum() + launch.sum())
        is_compute = compute >= memory
        need = workload.footprint
        residuals, overrides = calibration("models"), device.overrides()
        return Prediction(
            quantity="time",
            value=value,
            unit="s",
            interval=None if overrides else residuals.interval(value, MODEL_STRATUM),
            parts=_parts(table, times, launch, is_compute),
            bound=_bound(float(times[is_compute].sum()), float(times[~is_compute].sum()), float(launch.sum())),
            memory=need,
            fits=need.total_bytes <= device.memory_bytes.value,
            flop=table.total_flop,
            moved_bytes=table.total_moved_bytes,
            assumptions=(*workload.assumptions, *_ASSUMPTIONS),
            outside=(*workload.outside, *_outside(device, bool(overrides))),
            provenance=Provenance(
                engine=self.name,
                version=version(),
                scenario=scenario.digest,
                cites=self.cites,
                calibration="" if overrides else residuals.data,
                calibration_sha256="" if overrides else residuals.sha256,
                overrides=overrides,
            ),
        )

    def predict_many(self, scenarios: Sequence[Scenario]) -> list[Prediction]:
        """The answers in order."""
        return [self.predict(scenario) for scenario in scenarios]
