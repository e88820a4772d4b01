"""The mapper as an engine: every layer of a network mapped once on a spatial accelerator, and what they take together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnomon.core.design import Design
from gnomon.core.device import Device
from gnomon.core.dtype import DTYPES
from gnomon.core.errors import Unsupported
from gnomon.core.mapped import Mapped, MappedLayer
from gnomon.core.op import Op
from gnomon.core.prediction import Part, Prediction, Provenance
from gnomon.core.scenario import Scenario
from gnomon.core.tell import Tell, silent
from gnomon.core.version import version
from gnomon.core.workload import Node, OpTable
from gnomon.engines.mapper.as_text import as_text
from gnomon.engines.mapper.layers import Layer, Layers, layers, products
from gnomon.engines.mapper.networks.settings import MEANINGS, Settings, parsed
from gnomon.engines.mapper.networks.totals import gap, network, value_of

if TYPE_CHECKING:  # numba, which an engine that is only listed does not wait for
    from gnomon.engines.mapper.networks.best import Asked, Best
    from gnomon.engines.mapper.networks.counting import Price

_ASSUMPTIONS = (
    "layers run one after another, and nothing stays on the chip between them: each begins and ends in the outermost memory",
    "every number takes a word of the machine, whatever its format",
    "no time to fill and drain the array, no bank conflicts, no stalls",
)
_NO_WIRES = "no energy is given for the wires, and address generation has none: the energy leaves both out"
_OUTSIDE = (
    "no measured row of a spatial accelerator stands behind this: no interval; the gap says how far the mappings may be from "
    "the best, not how far the model is from silicon"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What of a scenario is mapped, and on what."""

    design: Design
    found: Layers
    asked: tuple[Asked, ...]  # a search for each layer


class MapperEngine:
    """Answers every forward pass on one spatial accelerator."""

    name = "mapper"
    cites = (
        "Parashar et al. 2019, Timeloop: a systematic approach to DNN accelerator evaluation, ISPASS",
        "Horeni et al. 2022, Ruby: improving hardware efficiency for tensor algebra accelerators through imperfect factorization, ISPASS",
    )

    def __init__(self, chosen: Settings | None = None, folder: Path | None = None, tell: Tell = silent) -> None:
        """`folder`: of the mappings that are kept; None: the user's."""
        self._settings, self._folder, self._tell = chosen or Settings(), folder, tell
        # Of the last scenario, by its digest: it is asked for its reasons first, and then for its answer.
        self._ready: tuple[str, _Job | tuple[str, ...]] | None = None

    @property
    def settings(self) -> Mapping[str, str]:
        """What each setting means."""
        return MEANINGS

    def tuned(self, settings: Mapping[str, str], tell: Tell = silent) -> MapperEngine:
        """The engine with these settings. BadInput for one that cannot be."""
        return MapperEngine(parsed(settings), self._folder, tell)

    def missing(self, scenario: Scenario) -> tuple[str, ...]:
        """Reasons why it cannot answer."""
        job = self._job(scenario)
        return job if isinstance(job, tuple) else ()

    def predict(self, scenario: Scenario) -> Prediction:
        """The time of one pass. Raises Unsupported with the reasons of `missing`, or where no mapping of a layer is found."""
        job = self._job(scenario)
        if isinstance(job, tuple):
            raise Unsupported("; ".join(job))
        mapped = self._mapped(job)
        return _prediction(scenario, job, mapped, self._provenance(scenario))

    def _job(self, scenario: Scenario) -> _Job | tuple[str, ...]:
        if self._ready is None or self._ready[0] != scenario.digest:
            self._ready = scenario.digest, _job(scenario, self._settings.conventions)
        return self._ready[1]

    def predict_many(self, scenarios: Sequence[Scenario]) -> list[Prediction]:
        """The answers in order."""
        return [self.predict(scenario) for scenario in scenarios]

    def times_s(self, ops: OpTable, device: Device) -> NDArray[np.float64]:
        """Seconds of one copy of each operator `(ops,)`; nan of what is no product, or where its shape is not known."""
        times = np.full(len(ops), np.nan)
        if device.design is None or ops.ops is None:
            return times
        known: dict[Op, float] = {}
        for at, op in enumerate(ops.ops):
            if op.unit == "matrix":
                if op not in known:
                    known[op] = self._time_s(op, device.design)
                times[at] = known[op]
        return times

    def _time_s(self, op: Op, design: Design) -> float:
        """Seconds of an operator's products, one after another; nan where they cannot be mapped."""
        from gnomon.engines.mapper.networks.best import asked

        cycles = 0
        try:
            for problem, times in products(Node(name=op.family, op=op)):
                layer = asked(problem, design, self._settings.conventions)
                _, price = self._best(layer, f"mapping {problem.name}")
                cycles += times * price.cycles
        except Unsupported:
            return np.nan
        return cycles / design.clock_hz.value

    def _provenance(self, scenario: Scenario) -> Provenance:
        return Provenance(
            engine=self.name,
            version=version(),
            scenario=scenario.digest,
            cites=self.cites,
            settings=self._settings.told,
        )

    def _mapped(self, job: _Job) -> Mapped:
        from gnomon.engines.mapper.networks.counting import TOLD

        design, count = job.design, len(job.asked)
        each = []
        for at, (layer, one) in enumerate(zip(job.found.layers, job.asked, strict=True), start=1):
            best, price = self._best(one, f"mapping {layer.problem.name}, layer {at} of {count}")
            each.append(_layer(layer, best, price, one, self._settings.objective))
        return network(
            each,
            self._settings.objective,
            TOLD[self._settings.conventions],
            design.clock_hz.value,
            design.accelerator.units.instances,
        )

    def _best(self, layer: Asked, under_way: str) -> tuple[Best, Price]:
        """The best mapping of a layer: kept from before, or searched for and then kept."""
        from gnomon.engines.mapper.networks import kept
        from gnomon.engines.mapper.networks.best import searched

        chosen = self._settings
        folder = self._folder or kept.usual_folder(os.environ)
        before = kept.read(folder, layer, chosen) if chosen.is_kept else None
        price = None if before is None else layer.counting.price(before.nest)
        if before is not None and price is not None and (before.is_proved or before.effort >= chosen.effort):
            return before, price
        self._tell(under_way)
        best, state = searched(layer, chosen, kept.read_state(folder, layer, chosen) if before is not None else None)
        if chosen.is_kept:
            try:
                kept.write(folder, layer, chosen, best, state)
            except OSError as fault:  # the answer is the same, only slower the next time
                self._tell(f"{folder}: mappings cannot be kept: {fault.strerror}")
        price = layer.counting.price(best.nest)
        assert price is not None, "a mapping that a search found fits"
        return best, price


def _job(scenario: Scenario, conventions: str) -> _Job | tuple[str, ...]:
    """What is to be mapped, or the reasons why it cannot be."""
    system, workload = scenario.system, scenario.workload
    design = system.device.design
    if design is None:
        return (
            f"mapper answers for spatial accelerators, and {system.device.name} is none (see `gnomon list accelerators`)",
        )
    if declined := scenario.declined_by_a_pass("mapper"):
        return declined
    if system.count != 1:
        return (f"mapper answers for one accelerator, not for {system.count} of {design.name}",)
    if overrides := system.device.overrides():
        return (
            f"mapper takes the numbers of {design.name} from its file: {', '.join(overrides)} changes none of them",
        )
    if DTYPES[scenario.plan.dtype].storage_bits > design.accelerator.units.word_bits:
        return (_too_wide(scenario.plan.dtype, system.device, design),)
    try:
        found = layers(workload)
    except Unsupported as fault:
        return (str(fault),)
    if not found.layers:
        return (f"{workload.name} has no product that could be mapped",)
    from gnomon.engines.mapper.networks.best import asked

    faults, each = [], []
    for layer in found.layers:
        try:
            each.append(asked(layer.problem, design, conventions))
        except Unsupported as fault:
            faults.append(str(fault))
    return tuple(faults) or _Job(design=design, found=found, asked=tuple(each))


def _too_wide(dtype: str, device: Device, design: Design) -> str:
    bits, has = design.accelerator.units.word_bits, ", ".join(device.product_dtypes) or "no known format"
    return f"{design.name} has words of {bits} bits, too few for products in {dtype} (it has: {has})"


def _layer(layer: Layer, best: Best, price: Price, one: Asked, objective: str) -> MappedLayer:
    value = value_of(objective, price.cycles, sum(price.energy_pj.values()))
    return MappedLayer(
        name=layer.problem.name,
        nodes=layer.nodes,
        count=layer.count,
        macs=layer.problem.macs,
        cycles=price.cycles,
        energy_pj=price.energy_pj,
        outside_words=price.outside_words,
        utilization=price.utilization,
        bound="compute" if price.slowest is None else "memory",
        bound_by=price.slowest or one.design.accelerator.units.name,
        least=min(best.least, value),
        gap=gap(best.least, value),
        effort=best.effort,
        mapping=as_text(layer.problem, one.design.accelerator, best.nest),
    )


def _prediction(scenario: Scenario, job: _Job, mapped: Mapped, origin: Provenance) -> Prediction:
    workload, device, design = scenario.workload, scenario.system.device, job.design
    parts = tuple(
        Part(name=layer.name, value=layer.count * layer.cycles / mapped.clock_hz, kind=layer.bound)
        for layer in mapped.layers
    )
    computing_s = sum(part.value for part in parts if part.kind == "compute")
    value = sum(part.value for part in parts)
    word_bytes = design.accelerator.memories[-1].word_bits / 8
    need = workload.footprint
    return Prediction(
        quantity="time",
        value=value,
        unit="s",
        interval=None,
        parts=tuple(sorted(parts, key=lambda part: -part.value)),
        bound="compute" if 2 * computing_s >= value else "memory",
        memory=need,
        fits=need.total_bytes <= device.memory_bytes.value,
        flop=workload.table.total_flop,
        moved_bytes=sum(layer.count * layer.outside_words for layer in mapped.layers) * word_bytes,
        assumptions=(*workload.assumptions, *job.found.assumptions, *_ASSUMPTIONS, *_about(design, mapped)),
        outside=(*workload.outside, _OUTSIDE),
        provenance=origin,
        mapped=mapped,
    )


def _about(design: Design, mapped: Mapped) -> Iterator[str]:
    """What is taken for granted of this machine and these mappings."""
    yield f"counts and cycles by the conventions of {mapped.conventions}"
    yield f"each layer has the mapping with the least {mapped.objective} that a search found; its gap is told"
    if not any(memory.network.has_energy for memory in design.accelerator.memories):
        yield _NO_WIRES
