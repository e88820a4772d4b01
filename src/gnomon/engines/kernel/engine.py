"""The kernel engine: joins times of kernels to operator tables and scenarios."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gnomon.core.device import Device
from gnomon.core.dtype import DTYPES
from gnomon.core.errors import BadInput, Unsupported, near_match
from gnomon.core.op import FAMILIES
from gnomon.core.prediction import Bound, Part, Prediction, Provenance
from gnomon.core.scenario import Scenario
from gnomon.core.tell import Tell, silent
from gnomon.core.version import version
from gnomon.core.workload import OpTable
from gnomon.engines.kernel.calibration import calibration
from gnomon.engines.kernel.fitted import AttentionFit, Fitted, ProductFit, shipped
from gnomon.engines.kernel.kernels import (
    CLASSES,
    FEWEST_QUERIES,
    PASS_OF_FAMILY,
    Attentions,
    Passes,
    Products,
    attention_name,
    kernels_of,
)
from gnomon.engines.kernel.times import (
    BACKWARD_SLOWER,
    Gpu,
    attention_features,
    gpu,
    lacking,
    pass_features,
    physical_attention_s,
    physical_pass_s,
    physical_product_s,
    product_features,
    unshaped_s,
)
from gnomon.stats.strata import MODEL_STRATUM, kernel_strata

Array = NDArray[np.float64]
Columns = TypeVar("Columns", Products, Attentions, Passes)

_DTYPE_NAMES = tuple(DTYPES)
_BOUNDS: tuple[Bound, ...] = ("compute", "memory", "overhead")
_ASSUMPTIONS = (
    "operators run one after another; each kernel's library chooses its tiles well",
    "coefficients are fitted to measured kernels of inference libraries; kernels of a backward pass take the forward's",
    "memory is that of the model: the runtime's context, buffers and fragmentation come on top",
)


class KernelEngine:
    """Answers every workload on one GPU in formats that measured kernels stand behind."""

    name = "kernel"
    cites = (
        "Lee, Phanishayee & Mahajan 2025, Forecasting GPU Performance for Deep Learning Training and Inference, ASPLOS",
        "Dao 2023, FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning",
    )

    def __init__(self, fitted: Fitted | None = None, library: str = "") -> None:
        """`fitted`: other coefficients than those that come with the code, as where a device is left out.

        `library`: whose kernels run; empty: nobody says, and the mean of those measured is taken.
        """
        self._fitted = fitted
        self.library = library

    @property
    def settings(self) -> Mapping[str, str]:
        """What each setting means, by its name."""
        return {
            "library": f"whose kernels run: {', '.join(self.fitted.libraries)}; not said: the mean of those measured"
        }

    def tuned(self, settings: Mapping[str, str], tell: Tell = silent) -> KernelEngine:
        """The engine with these settings, the others at their defaults. BadInput for one that cannot be."""
        for name in settings:
            if name != "library":
                raise BadInput(f"kernel: unknown setting {name!r}{near_match(name, self.settings)} (known: library)")
        library = settings.get("library", "")
        if library and library not in self.fitted.libraries:
            known = ", ".join(self.fitted.libraries)
            raise BadInput(f"library: unknown {library!r}{near_match(library, self.fitted.libraries)} (known: {known})")
        return KernelEngine(self._fitted, library)

    @property
    def fitted(self) -> Fitted:
        """The coefficients in use."""
        return shipped() if self._fitted is None else self._fitted

    def times_s(self, ops: OpTable, device: Device) -> Array:
        """Seconds of one copy of each operator `(ops,)`; nan where the device or the coefficients have nothing for it."""
        if device.kind != "gpu" or lacking(device):
            return np.full(len(ops), np.nan)
        on = gpu(device)
        times = np.zeros(len(ops))
        started = np.zeros(len(ops))
        for owner, seconds in self._kernel_times(ops, device, on):
            np.add.at(times, owner, seconds)
            np.add.at(started, owner, 1.0)
        return times + np.maximum(0.0, ops.launches - np.maximum(started, 1.0)) * device.launch_s.value

    def _kernel_times(self, ops: OpTable, device: Device, on: Gpu) -> Iterator[tuple[NDArray[np.int64], Array]]:
        """Rows of operators, and seconds of one kernel of each; a row may come several times."""
        if ops.ops is None:
            yield from self._unshaped(ops, device, on)
            return
        kernels = kernels_of(ops)
        yield kernels.products.owner, self._product_s(kernels.products, ops, device, on)
        yield kernels.attentions.owner, self._attention_s(kernels.attentions, ops, device, on)
        yield kernels.passes.owner, self._pass_s(kernels.passes, ops, device, on)

    def _product_s(self, one: Products, ops: OpTable, device: Device, on: Gpu) -> Array:
        times = np.full(len(one.m), np.nan)
        for name, rows in _by_class(ops, one.owner):
            fit = self.fitted.products.get(name)
            if fit is None:
                continue
            some = _rows(one, rows)
            size, peak = _size_and_peak(ops, some.owner, device)
            ratio = fit.correction.ratio(product_features(some), device.silicon, self.library)
            times[rows] = physical_product_s(some, size, peak, on, fit) * ratio
        return times

    def _attention_s(self, one: Attentions, ops: OpTable, device: Device, on: Gpu) -> Array:
        times = np.full(len(one.heads), np.nan)
        for name, of_class in _by_class(ops, one.owner):
            for is_decode in (False, True):
                rows = of_class[(one.q_len[of_class] < FEWEST_QUERIES) == is_decode]
                fit = self.fitted.attentions.get(attention_name(name, is_decode))
                if fit is None:
                    continue
                some = _rows(one, rows)
                size, peak = _size_and_peak(ops, some.owner, device)
                ratio = fit.correction.ratio(attention_features(some), device.silicon, self.library)
                slower = np.where(some.is_backward, BACKWARD_SLOWER, 1.0)
                times[rows] = physical_attention_s(some, size, peak, on, fit) * ratio * slower
        return times

    def _pass_s(self, one: Passes, ops: OpTable, device: Device, on: Gpu) -> Array:
        times = np.full(len(one.flop), np.nan)
        is_single = (ops.dtype[one.owner] == DTYPES["fp32"].index) & (
            ops.family[one.owner] != FAMILIES.index("optimizer")
        )
        vector = device.peaks_flop_per_s[0].take(ops.dtype[one.owner])
        for kind in np.unique(one.kind):
            rows = np.flatnonzero(one.kind == kind)
            some, fit = _rows(one, rows), self.fitted.passes[str(kind)]
            ratio = fit.correction.ratio(pass_features(some), device.silicon, self.library)
            physical = physical_pass_s(some.flop, some.moved_bytes, vector[rows], on, fit, is_single[rows])
            times[rows] = physical * ratio
        return times

    def _unshaped(self, ops: OpTable, device: Device, on: Gpu) -> Iterator[tuple[NDArray[np.int64], Array]]:
        names = np.array(FAMILIES)[ops.family]
        kinds = np.array([PASS_OF_FAMILY.get(name, "") for name in FAMILIES])[ops.family]
        passes = np.flatnonzero(kinds != "")
        one = Passes(owner=passes, kind=kinds[passes], flop=ops.flop[passes], moved_bytes=ops.moved_bytes[passes])
        yield passes, self._pass_s(one, ops, device, on)
        products = np.flatnonzero(kinds == "")
        times = np.full(len(products), np.nan)
        for name, rows in _by_class(ops, products):
            for is_attention in (False, True):
                chosen = rows[(names[products[rows]] == "attention") == is_attention]
                fit = self._unshaped_fit(name, is_attention)
                if fit is None or not len(chosen):
                    continue
                owner = products[chosen]
                size, peak = _size_and_peak(ops, owner, device)
                times[chosen] = unshaped_s(ops.flop[owner], ops.moved_bytes[owner], size, peak, on, fit)
        yield products, times

    def _unshaped_fit(self, format_class: str, is_attention: bool) -> ProductFit | AttentionFit | None:
        if is_attention:
            return self.fitted.attentions.get(attention_name(format_class, is_decode=False))
        return self.fitted.products.get(format_class)

    def bounds(self, ops: OpTable, device: Device) -> list[Bound]:
        """The longest of arithmetic at the peak, traffic at the bandwidth and launches of each operator `(ops,)`."""
        compute = ops.flop / device.peaks_flop_per_s.take(ops.peak_index)
        memory = ops.moved_bytes / device.memory_bytes_per_s.value
        launch = ops.launches * device.launch_s.value
        return [_BOUNDS[index] for index in np.vstack([compute, memory, launch]).argmax(axis=0)]

    @property
    def calibrated_on(self) -> str:
        """SHA-256 of the table of operators behind `intervals_s`."""
        found = calibration("kernels")
        return found.sha256 if found else ""

    def intervals_s(self, ops: OpTable, device: Device, times_s: Array) -> tuple[Array, Array] | None:
        """Low and high ends of the intervals around those times, two arrays `(ops,)`; None for overridden numbers."""
        found = calibration("kernels")
        if found is None or device.overrides() or self._fitted is not None:
            return None
        return found.ends_s(times_s, kernel_strata(ops.family, times_s))

    def missing(self, scenario: Scenario) -> tuple[str, ...]:
        """Reasons why it cannot answer."""
        if declined := scenario.declined_by_a_pass(self.name):
            return declined
        system, device = scenario.system, scenario.system.device
        if device.design is not None:
            return (f"kernel answers for GPUs, and {device.name} is a spatial accelerator: engine mapper maps it",)
        if device.kind != "gpu":
            return (f"kernel answers for GPUs, and {device.name} is none: engine roofline answers for it",)
        reasons = []
        if system.count != 1:
            reasons.append(f"kernel answers for one device, not for the {system.count} of {system.name}")
        reasons += [f"the file of {device.name} does not say {path}, which kernel needs" for path in lacking(device)]
        table = scenario.workload.table
        lacks = np.isnan(device.peaks_flop_per_s.take(table.peak_index))
        names = {_DTYPE_NAMES[i] for i in table.dtype[lacks]}
        has = ", ".join(device.product_dtypes)
        reasons += [f"{device.name} has no unit for products in {name} (it has: {has})" for name in sorted(names)]
        if not reasons:
            times = self.times_s(table, device)
            names = {_DTYPE_NAMES[i] for i in table.dtype[np.isnan(times)]}
            reasons += [
                f"kernel has no measured products in {name} (it has: {self._known()})" for name in sorted(names)
            ]
        return tuple(reasons)

    def _known(self) -> str:
        return ", ".join(name for name, kind in CLASSES.items() if kind in self.fitted.products)

    def predict(self, scenario: Scenario) -> Prediction:
        """The time of one pass. Raises Unsupported with the reasons of `missing`."""
        if reasons := self.missing(scenario):
            raise Unsupported("; ".join(reasons))
        workload, device = scenario.workload, scenario.system.device
        table = workload.table
        times = self.times_s(table, device) * table.repeat
        value = float(times.sum())
        bounds = np.array(self.bounds(table, device))
        by_bound: dict[Bound, float] = {bound: float(times[bounds == bound].sum()) for bound in _BOUNDS}
        most: Bound = max(_BOUNDS, key=lambda bound: by_bound[bound])
        need = workload.footprint
        overrides = device.overrides()
        residuals = None if overrides or self._fitted is not None else calibration("models")
        void = "numbers of the device were overridden, and the residuals behind the interval belong to data sheets: no interval"
        return Prediction(
            quantity="time",
            value=value,
            unit="s",
            interval=None if residuals is None else residuals.interval(value, MODEL_STRATUM),
            parts=_parts(table, times, bounds),
            bound=most,
            memory=need,
            fits=need.total_bytes <= device.memory_bytes.value,
            flop=table.total_flop,
            moved_bytes=table.total_moved_bytes,
            assumptions=(*workload.assumptions, *_ASSUMPTIONS),
            outside=(*workload.outside, *((void,) if overrides else ())),
            provenance=Provenance(
                engine=self.name,
                version=version(),
                scenario=scenario.digest,
                cites=self.cites,
                calibration="" if residuals is None else residuals.data,
                calibration_sha256="" if residuals is None else residuals.sha256,
                overrides=overrides,
            ),
        )

    def predict_many(self, scenarios: Sequence[Scenario]) -> list[Prediction]:
        """The answers in order."""
        return [self.predict(scenario) for scenario in scenarios]


def _by_class(ops: OpTable, owner: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Each class of formats with the places in `owner` whose operators are of it."""
    classes = np.array([CLASSES.get(name, "") for name in _DTYPE_NAMES])[ops.dtype[owner]]
    for name in np.unique(classes):
        yield str(name), np.flatnonzero(classes == name)


def _size_and_peak(ops: OpTable, owner: NDArray[np.int64], device: Device) -> tuple[Array, Array]:
    """Bytes of an element and the peak of the operators at `owner`, two arrays."""
    sizes = np.array([dtype.bytes for dtype in DTYPES.values()])
    # TF32 lies in memory as FP32 and multiplies at the width of a 16-bit class: its bytes are those of memory.
    return sizes[ops.dtype[owner]], device.peaks_flop_per_s.take(ops.peak_index[owner])


def _rows(one: Columns, rows: NDArray[np.intp]) -> Columns:
    """The kernels at those places."""
    return replace(one, **{name: getattr(one, name)[rows] for name in one.__dataclass_fields__})


def _parts(table: OpTable, times: Array, bounds: NDArray[np.str_]) -> tuple[Part, ...]:
    """Time by family of operators, and within it by what binds them; both levels add up."""
    kinds = {
        "compute": "compute-bound operators",
        "memory": "memory-bound operators",
        "overhead": "launch-bound operators",
    }
    parts = []
    for index in np.unique(table.family):
        is_family = table.family == index
        inner = tuple(
            Part(name=kinds[bound], value=value, kind=bound)
            for bound in _BOUNDS
            if (value := float(times[is_family & (bounds == bound)].sum())) > 0
        )
        parts.append(Part(name=FAMILIES[index], value=sum(p.value for p in inner), kind="mixed", parts=inner))
    return tuple(sorted(parts, key=lambda part: -part.value))
