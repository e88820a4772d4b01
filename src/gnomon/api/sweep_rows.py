"""A point of a sweep as a row: what the workers of `gnomon sweep` do, so nothing is imported here that they do not need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from gnomon.api import names, plugins
from gnomon.api.answers import Answer, answer
from gnomon.api.scenarios import asked_by, beside
from gnomon.core.errors import GnomonError
from gnomon.core.prediction import Prediction
from gnomon.core.service_facts import ServiceFacts
from gnomon.formats.scenario_file import ScenarioFile
from gnomon.formats.sweep_file import scenario_data

if TYPE_CHECKING:
    from gnomon.zoo.models import Model

_OF_A_PASS: dict[str, type] = {
    "s": float,  # seconds
    "low_s": float,  # the 90 % interval
    "high_s": float,
    "items_per_s": float,  # images or tokens
    "device_items_per_s": float,  # the same of each device
    "mfu": float,
    "hfu": float,  # of a training step, with what is computed again
    "bubble": float,  # share of it that a device is idle, averaged over the stages
    "bound": str,
    "flop": float,
    "moved_bytes": float,
    "digest": str,  # of the scenario
}
PASSES = ("time", "ttft", "tpot", "e2e")
OF_A_SERVICE: dict[str, type] = {
    "ttft_p99_s": float,
    "tpot_p99_s": float,
    "e2e_p99_s": float,
    "requests_per_s": float,
    "usd_per_million_answer_tokens": float,
    "usd_per_hour": float,
    "preemptions": int,
    "turned_away": int,
    "left_out": int,
    "warnings": str,
}
# What is answered to a point; a pass that no row has is left out of the table. docs/how-to/sweep.md says what each means.
COLUMNS: dict[str, type] = {
    **{f"{quantity}_{name}": kind for quantity in PASSES for name, kind in _OF_A_PASS.items()},
    **OF_A_SERVICE,
    "devices": int,
    "parameters": int,
    "total_bytes": float,
    "capacity_bytes": float,
    "fits": bool,
    "outside": str,
    "reason": str,
}
OBJECTIVES = tuple(name for name, kind in COLUMNS.items() if kind in (int, float))


def evaluator(setup: Mapping[str, Any]) -> Callable[[Sequence[Mapping[str, JsonValue]]], list[dict[str, Any]]]:
    """What answers points of a sweep, in a process of its own; setup: base, engine and folder of the file."""
    base, folder = setup["base"], Path(setup["folder"])

    @cache
    def model(text: str) -> Model:
        return names.model(beside(text, folder))

    def row(point: Mapping[str, JsonValue]) -> dict[str, Any]:
        written = ScenarioFile.model_validate(scenario_data(base, point))
        name = str(point.get("engine", setup["engine"]))
        try:
            return _row(answer(asked_by(written, folder, model(written.model)), name, plugins.engine(name)))
        except GnomonError as fault:
            return {"reason": str(fault)}
        except Exception as bug:  # of an engine, perhaps a plug-in's: one point's failure is that point's row
            return {"reason": f"{name} failed: {type(bug).__name__}: {bug}".splitlines()[0]}

    return lambda points: [row(point) for point in points]


def _service(service: ServiceFacts) -> dict[str, Any]:
    """What a service has beside the means of its quantities."""
    paid = service if service.beside is None else service.beside.devices  # of two models what both cost
    slowest = {f"{one.quantity}_p99_s": one["p99"] for one in service.spreads if one.quantity in PASSES}
    return slowest | {
        "requests_per_s": service.completed_per_s,
        "usd_per_million_answer_tokens": paid.usd_per_million_answer_tokens,
        "usd_per_hour": None if paid.usd_per_s is None else paid.usd_per_s * 3600,
        "preemptions": service.restarts,
        "turned_away": service.found_full + service.waited_too_long,
        "left_out": None if service.after_warmup is None else service.after_warmup.left_out,
        "warnings": "; ".join(service.warnings) or None,
    }


def _row(found: Answer) -> dict[str, Any]:
    """An answer under `COLUMNS`, without what is missing."""
    row: dict[str, Any] = {"devices": found.question.devices, "reason": "; ".join(found.reasons) or None}
    predictions: list[Prediction] = []
    for outcome in found.outcomes:
        prediction, workload = outcome.prediction, outcome.scenario.workload
        row |= {"parameters": workload.parameters, "capacity_bytes": outcome.scenario.system.device.capacity_bytes}
        if prediction is None:
            continue
        predictions.append(prediction)
        interval = prediction.interval
        values = (
            prediction.value,
            interval.low if interval else None,
            interval.high if interval else None,
            outcome.items_per_s,
            None if outcome.items_per_s is None else outcome.items_per_s / found.question.devices,
            outcome.mfu,
            outcome.hfu,
            prediction.step.bubble if prediction.step else None,
            prediction.bound,
            prediction.flop,
            prediction.moved_bytes,
            outcome.scenario.digest,
        )
        row |= {f"{outcome.quantity}_{name}": value for name, value in zip(_OF_A_PASS, values, strict=True)}
    service = next((one.service for one in predictions if one.service is not None), None)
    if service is not None:
        row |= _service(service)
    if predictions:
        outside = dict.fromkeys(reason for prediction in predictions for reason in prediction.outside)
        row |= {
            "total_bytes": max(prediction.memory.total_bytes for prediction in predictions),
            "fits": all(prediction.fits for prediction in predictions),
            "outside": "; ".join(outside) or None,
        }
    return row
