"""A tool's figures of a service as a prediction."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal

from gnomon.core.errors import ToolError
from gnomon.core.footprint import Footprint
from gnomon.core.prediction import Part, Prediction, Provenance
from gnomon.core.scenario import Scenario
from gnomon.core.serving_plan import ServingPlan
from gnomon.core.version import version


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Means over requests, in seconds."""

    ttft_s: float
    tpot_s: float | None  # after the first token; None: no answer has a second one
    e2e_s: float
    waiting_s: float = 0.0  # of the time to the first token, before anything is computed
    version: str  # of the tool, as it says
    assumptions: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()


def serving_plan(scenario: Scenario) -> ServingPlan:
    """The plan of a scenario of mode serve."""
    plan = scenario.plan.serving
    assert plan is not None
    return plan


def replicas_of(scenario: Scenario) -> int:
    """Replicas of the plan; where it does not say, as many as the devices allow, and one at least."""
    plan = serving_plan(scenario)
    return plan.replicas or max(1, scenario.system.count // (plan.tp * plan.pp))


def checked(tool: str, figures: Figures) -> Figures:
    """The same figures. ToolError where one cannot be."""
    told = {"time to first token": figures.ttft_s, "whole request": figures.e2e_s}
    if figures.tpot_s is not None:
        told["time per output token"] = figures.tpot_s
    for what, value in told.items():
        if not (isfinite(value) and value > 0):
            raise ToolError(f"{tool} gave {value:g} s for the {what}: something was not counted")
    if figures.e2e_s < figures.ttft_s * (1 - _SAME):
        raise ToolError(
            f"{tool} gave {figures.e2e_s:g} s for the whole request, and {figures.ttft_s:g} s for its first token"
        )
    return figures


_SAME = 1e-9


def prediction(
    scenario: Scenario,
    figures: Figures,
    *,
    engine: str,
    cites: tuple[str, ...],
    settings: tuple[str, ...] = (),
) -> Prediction:
    """The prediction of the plan's quantity. ToolError for figures that cannot be, or a quantity that the tool did not give."""
    checked(engine, figures)
    plan = serving_plan(scenario)
    value = {"ttft": figures.ttft_s, "tpot": figures.tpot_s, "e2e": figures.e2e_s}[plan.quantity]
    if value is None:
        raise ToolError(f"{engine}: no answer has a second token, so there is no time per output token")
    parts = _parts(plan.quantity, figures, value)
    memory = _memory(scenario)
    return Prediction(
        quantity=plan.quantity,
        value=value,
        unit="s",
        interval=None,
        parts=parts,
        bound=None,  # no tool says what its steps wait for
        memory=memory,
        fits=memory.total_bytes <= scenario.system.device.memory_bytes.value,
        flop=scenario.workload.table.total_flop,
        moved_bytes=scenario.workload.table.total_moved_bytes,
        assumptions=(*scenario.workload.assumptions, *_MEANS, *figures.assumptions),
        outside=(*scenario.workload.outside, *figures.outside),
        provenance=Provenance(
            engine=engine,
            version=f"{figures.version}, driven by gnomon {version()}",
            scenario=scenario.digest,
            cites=cites,
            overrides=scenario.system.device.overrides(),
            settings=settings,
        ),
    )


_MEANS = (
    "means over requests; time per output token is what a request takes after its first token over the tokens after it",
    "work and traffic are those of a decode step of one sequence; memory is the weights and what the plan leaves to the KV cache",
)


def _parts(quantity: str, figures: Figures, value: float) -> tuple[Part, ...]:
    """What a request does one after another."""
    if quantity == "tpot":
        return (Part(name="answer", value=value, kind="mixed"),)
    kinds: tuple[tuple[str, float, Literal["idle", "mixed"]], ...] = (
        ("waiting", figures.waiting_s, "idle"),
        ("prompt", figures.ttft_s - figures.waiting_s, "mixed"),
        ("answer", value - figures.ttft_s, "mixed"),
    )
    return tuple(Part(name=name, value=time_s, kind=kind) for name, time_s, kind in kinds if time_s > 0)


def _memory(scenario: Scenario) -> Footprint:
    """Of one device: its share of the weights, and the rest of what a plan lets a service take, but for a given KV cache."""
    plan, workload = serving_plan(scenario), scenario.workload
    devices = plan.tp * plan.pp
    weights = workload.weight_bytes / devices
    room = plan.gpu_memory_utilization * scenario.system.device.memory_bytes.value
    if plan.kv_blocks is None or not workload.context:
        return Footprint(weights_bytes=weights, kv_cache_bytes=max(0.0, room - weights))
    per_token = workload.kv_cache_bytes / workload.context / devices
    return Footprint(weights_bytes=weights, kv_cache_bytes=plan.kv_blocks * plan.block_tokens * per_token)
