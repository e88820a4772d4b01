"""What a user says of the requests of a service, as traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from gnomon.core.digest import plain, used
from gnomon.core.errors import BadInput
from gnomon.core.serving_plan import ServingPlan
from gnomon.core.traffic.played import AnyTraffic, PlayedTrace
from gnomon.core.traffic.replay import Replay
from gnomon.core.traffic.traffic import Traffic
from gnomon.formats.strict import shaped
from gnomon.formats.traffic_shape import TrafficShape, process_of, traffic_of

# Keys that a trace answers itself.
_OF_THE_TRACE = ("prompts", "answers", "system_prompts", "conversations", "repetition", "priorities", "adapters")


def traffic(said: Mapping[str, Any] | AnyTraffic | None) -> AnyTraffic:
    """The traffic that was said: the keys of a scenario file's `traffic`, or an object. BadInput."""
    if said is None:
        raise BadInput("a service needs requests: say qps with prompts and answers, or a trace", field="traffic")
    if isinstance(said, (Traffic, PlayedTrace)):
        return said
    if not isinstance(said, Mapping):
        raise BadInput(f"{said!r:.60} is neither a mapping nor a Traffic", field="traffic")
    written = shaped(TrafficShape, dict(said), "", within=("traffic",))
    return traffic_of(written) if written.trace is None else _played(written, Path(written.trace))


def serving_fields(plan: ServingPlan) -> dict[str, Any]:
    """What of a service is not at its default, and its traffic, as plain values; a trace by its file."""
    own = ("quantity", "traffic", "prefill_on", "beside")
    found = {name: plain(value) for name, value in used(plan).items() if name not in own}
    if plan.prefill_on is not None:
        found["prefill_on"] = plan.prefill_on.name
    if (other := plan.beside) is not None:
        given = {name: value for name in ("dtype", "weight_dtype", "kv_dtype") if (value := getattr(other.plan, name))}
        found["beside"] = {"model": other.name, **given, **serving_fields(other.serving)}
    said = plan.traffic
    if isinstance(said, PlayedTrace):
        sent = {name: plain(value) for name, value in used(said.replay).items()}
        return found | {"traffic": {"trace": said.name, "sha256": said.sha256, **sent, "most_open": said.most_open}}
    return found | {"traffic": _said(said)}


def _said(value: Any) -> Any:
    """A part of traffic under the name of its kind, what is at its default left out."""
    if not is_dataclass(value):
        return plain(value)
    return {"kind": type(value).__name__} | {name: _said(item) for name, item in used(value).items()}


def _played(written: TrafficShape, path: Path) -> PlayedTrace:
    for name in _OF_THE_TRACE:
        if getattr(written, name):
            raise BadInput("the trace says it: leave it out", field=f"traffic.{name}")
    from gnomon.formats.traces.read import (
        read_trace_file,  # with polars, which a question without a trace does not need
    )

    found = read_trace_file(path)
    try:
        return PlayedTrace(
            name=path.name,
            sha256=sha256(path.read_bytes()).hexdigest(),
            recorded=found.arrivals,
            replay=_replay(written),
            most_open=written.most_open,
            notes=found.notes,
        )
    except BadInput as fault:
        field = {"rate_per_s": "qps", "speed": "arrivals.speed"}.get(fault.field, fault.field)
        raise fault.at(field=field if field.startswith("traffic.") else f"traffic.{field}") from None


def _replay(written: TrafficShape) -> Replay:
    """How a trace is sent again: as recorded, at a rate, or at moments drawn anew."""
    shape = written.arrivals
    size = Replay(requests=written.requests, duration_s=written.duration_s, seed=written.seed)
    if shape is None and written.qps is None:
        return size
    if shape is not None and shape.process == "recorded":
        for name, value in shape.model_dump(exclude={"process", "speed"}).items():
            if value is not None:
                raise BadInput("recorded takes speed", field=f"arrivals.{name}")
        return replace(size, speed=1.0 if shape.speed is None else shape.speed, rate_per_s=written.qps)
    return replace(size, arrivals=process_of(written))
