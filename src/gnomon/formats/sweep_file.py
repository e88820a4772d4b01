"""Sweep files: a scenario of which some fields take many values, all of them or those that a search picks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from math import prod
from typing import Any, Literal

from pydantic import BaseModel, Field, JsonValue, create_model, model_validator
from pydantic.fields import FieldInfo

from gnomon.core import serving_plan
from gnomon.core.dtype import dtype
from gnomon.core.errors import BadInput, near_match
from gnomon.core.plan import LARGEST
from gnomon.formats.aliases import canonical_device, canonical_model
from gnomon.formats.autoscale_shape import AutoscaleShape
from gnomon.formats.file_version import check_version
from gnomon.formats.named import is_path, split_count
from gnomon.formats.quantity import quantity
from gnomon.formats.scenario_file import BESIDE_KEYS, OverridesShape, ScenarioFile
from gnomon.formats.scenario_file import SCHEMA as SCENARIO
from gnomon.formats.strict import FieldPath, Strict, load_yaml, place_of, shaped

SCHEMA = "gnomon/sweep/1"
MOST_VALUES = 100_000  # of one field: more is a slip of the pen
MOST_POINTS = 10_000_000  # of a grid: hours of the quickest engine

_KEYS = {name: info for name, info in ScenarioFile.model_fields.items() if name not in ("schema_", "title")}
_PARTS = ("overrides", "sizes", "traffic", "autoscale", "beside")  # keys that hold further keys
_EXAMPLES = {
    "overrides": "efficiency",
    "sizes": "frames",
    "traffic": "qps",
    "autoscale": "max",
    "beside": "gpu_memory_utilization",
}
# Of traffic the numbers that plans are weighed by; the rest of it stands in the base.
_TRAFFIC = ("qps", "requests", "duration_s", "most_open", "seed")
FIELDS = (
    "engine",
    *(name for name in _KEYS if name not in _PARTS),
    *(f"overrides.{name}" for name in OverridesShape.model_fields),
    *(f"traffic.{name}" for name in _TRAFFIC),
    *(f"autoscale.{name}" for name in AutoscaleShape.model_fields),
    *(f"beside.{name}" for name in BESIDE_KEYS if name not in ("model", "tp", "pp", "replicas", "traffic")),
)
WHOLE = (
    *("batch", "seq", "context", "image", "classes"),
    *("global_batch", "tp", "pp", "virtual", "dp", "ep", "cp", "lora_rank"),
    *(name for name in serving_plan.WHOLE if name not in ("tp", "pp", "ep")),
    *("traffic.requests", "traffic.most_open", "autoscale.min", "autoscale.max"),
    *(f"beside.{name}" for name in serving_plan.WHOLE if name in BESIDE_KEYS),
)
# Numbers with a unit -> the kind of number.
_QUANTITIES = {
    "overrides.memory_bandwidth": "bandwidth",
    "overrides.memory_capacity": "capacity",
    "overrides.launch_overhead": "latency",
    "overrides.efficiency": "ratio",
}


def _optional(info: FieldInfo) -> tuple[Any, Any]:
    """A key of a scenario as one of the base: none is required."""
    return (info.annotation | None, None) if info.is_required() else (info.annotation, info)  # type: ignore[operator]


SweepBase: type[BaseModel] = create_model(
    "SweepBase",
    __base__=Strict,
    __doc__="The scenario that is varied: its keys without schema and title; model and on may come from vary.",
    **{name: _optional(info) for name, info in _KEYS.items()},  # type: ignore[call-overload]  # fields by name
)


class RangeShape(Strict):
    """Numbers from one to another, both included."""

    from_: int | float | str = Field(alias="from", description="the first; of a device's numbers with a unit")
    to: int | float | str = Field(description="the last, or what none goes beyond")
    step: int | float | str | None = Field(default=None, description="added to each to give the next")
    times: float | None = Field(default=None, gt=1, description="each is multiplied by it to give the next")
    log: bool = Field(default=False, description="search, without step and times: drawn evenly by order of magnitude")

    @model_validator(mode="after")
    def _one_rule(self) -> RangeShape:
        if sum((self.step is not None, self.times is not None, self.log)) > 1:
            raise ValueError("step, times and log exclude each other: give one")
        return self


class SearchShape(Strict):
    """Which points are tried where all are too many."""

    sampler: Literal["tpe", "nsga2", "random"] = Field(
        default="tpe", description="how Optuna picks: tree-structured Parzen estimator, NSGA-II, at random"
    )
    trials: int = Field(ge=1, le=100_000, description="points that are tried")
    seed: int = Field(default=0, ge=0, lt=2**32, description="of the sampler")
    together: int = Field(
        default=16, ge=1, le=10_000, description="points picked at once, before the answer to any of them is known"
    )


class SweepFile(Strict):
    """A scenario, the values of some of its fields, and what is wanted of the answers."""

    schema_: Literal["gnomon/sweep/1"] = Field(alias="schema")
    title: str = Field(default="", description="a sentence for people")
    engine: str = Field(default="roofline", description="a name of `gnomon list engines`; may be varied too")
    base: SweepBase = Field(description="the scenario: the keys of a scenario file")
    vary: dict[str, JsonValue] = Field(
        min_length=1,
        description="field -> a list of values, or a range; a field within another by its path: overrides.efficiency",
        json_schema_extra={
            "propertyNames": {"pattern": f"^({'|'.join(name.replace('.', '[.]') for name in FIELDS)}|sizes[.].+)$"},
            "additionalProperties": {"anyOf": [{"type": "array", "minItems": 1}, RangeShape.model_json_schema()]},
        },
    )
    search: SearchShape | None = Field(default=None, description="try some of the points; without it all are")
    objectives: dict[str, Literal["min", "max"]] = Field(
        default={}, description="column of the rows -> min or max; the Pareto set is of these"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A field and the values that it takes."""

    field: str  # as in FIELDS, or sizes.NAME
    values: tuple[JsonValue, ...] = ()  # in order; empty: every number of the span
    span: tuple[float, float] | None = None  # lowest and highest of a search's open range
    is_log: bool = False  # the span is drawn by order of magnitude

    @property
    def is_whole(self) -> bool:
        """Whether the numbers of the span are whole."""
        return _is_whole(self.field)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A sweep file as read."""

    written: SweepFile
    axes: tuple[Axis, ...]  # in the file's order: the last varies fastest
    where: str  # the file
    lines: Mapping[FieldPath, int]  # of each field path

    @property
    def base(self) -> dict[str, Any]:
        """The keys that the base gives."""
        given: dict[str, Any] = self.written.base.model_dump(mode="json", exclude_unset=True)
        return given

    def fault(self, text: str, *path: str | int) -> BadInput:
        """What is wrong, of the field at a path."""
        return BadInput(text, field=".".join(map(str, path)), where=place_of(self.where, self.lines, path))


def parse_sweep(text: str, where: str) -> Sweep:
    """The sweep in YAML text; `where` names it in errors. BadInput with file, line, field and near match."""
    data, lines = load_yaml(text, where)
    check_version(data, "sweep", where, lines)
    written = shaped(SweepFile, data, where, lines)
    bare = Sweep(written=written, axes=(), where=where, lines=lines)
    _check_base(bare)
    axes = tuple(_axis(bare, field, values) for field, values in written.vary.items())
    found = Sweep(written=written, axes=axes, where=where, lines=lines)
    _check_extent(found)
    return found


def scenario_data(base: Mapping[str, Any], point: Mapping[str, JsonValue]) -> dict[str, Any]:
    """The keys of the scenario file that a point stands for; its engine is no part of it."""
    data: dict[str, Any] = {"schema": SCENARIO, **base}
    for field, value in point.items():
        part, dot, name = field.partition(".")
        if dot:
            data[part] = {**(data.get(part) or {}), name: value}
        elif field != "engine":
            data[field] = value
    return data


def _is_whole(field: str) -> bool:
    return field in WHOLE or field.startswith("sizes.")


def _axis(sweep: Sweep, field: str, values: JsonValue) -> Axis:
    part, _, name = field.partition(".")
    if field not in FIELDS and not (part == "sizes" and name):
        if field in _PARTS:
            example = f"{field}.{_EXAMPLES[field]}"
            raise sweep.fault(f"name the one that varies, like {example}", "vary", field)
        known = ", ".join(FIELDS)
        raise sweep.fault(
            f"no such field of a scenario{near_match(field, FIELDS)} (known: {known}, sizes.NAME)", "vary", field
        )
    if field in sweep.base or name in (sweep.base.get(part) or {}):
        raise sweep.fault("base has a value for it too; give it in one place", "vary", field)
    if isinstance(values, dict):
        return _range(sweep, field, values)
    if not isinstance(values, list) or not values:
        raise sweep.fault("give a list of values, or a range like {from: 1, to: 64, times: 2}", "vary", field)
    if len(values) > MOST_VALUES:
        raise sweep.fault(f"{len(values):,} values are more than {MOST_VALUES:,}", "vary", field)
    taken: dict[str, JsonValue] = {}
    for index, written in enumerate(values):
        value = _value(sweep, field, written, index)
        key = json.dumps(_meant(field, value))
        if key in taken:
            again = (
                "listed twice"
                if taken[key] == value
                else f"another spelling of {taken[key]!r}, which is listed already"
            )
            raise sweep.fault(f"{written!r} is {again}", "vary", field, index)
        taken[key] = value
    return Axis(field=field, values=tuple(taken.values()))


def _value(sweep: Sweep, field: str, written: JsonValue, index: int) -> JsonValue:
    """The value as a scenario file would hold it; BadInput where none can."""
    if field == "engine":
        if not isinstance(written, str):
            raise sweep.fault(f"give the name of an engine, not {written!r}", "vary", field, index)
        return written
    data = scenario_data({"model": "any", "on": "any", **sweep.base}, {field: written})
    try:
        found = shaped(ScenarioFile, data, "")
    except BadInput as fault:
        raise sweep.fault(fault.text, "vary", field, index) from None
    part, _, name = field.partition(".")
    kept: JsonValue = found.model_dump(mode="json")[part]
    return kept[name] if name and isinstance(kept, dict) else kept


def _meant(field: str, value: JsonValue) -> JsonValue:
    """What a value is in its one spelling; itself where it has none, or is not known here."""
    if not isinstance(value, str):
        return value
    try:
        if field in ("dtype", "weight_dtype", "kv_dtype", "gradient_dtype", "lora_base"):
            return dtype(value).name
        if field in _QUANTITIES:
            return quantity(value, _QUANTITIES[field])
    except BadInput:  # told where names and numbers are looked up
        return value
    if field == "model" and not is_path(value):
        return canonical_model(value) or value
    if field in ("on", "prefill_on") and not is_path(value):
        name, count = split_count(value)
        return (canonical_device(name) or name) + ("" if count == ":1" else count)
    return value


def _range(sweep: Sweep, field: str, values: dict[str, JsonValue]) -> Axis:
    """The axis of a range; BadInput where it is none, or holds no number."""
    written = shaped(RangeShape, values, sweep.where, sweep.lines, within=("vary", field))
    try:
        return _axis_of_range(field, written, is_searched=sweep.written.search is not None)
    except BadInput as fault:
        raise sweep.fault(fault.text, "vary", field) from None


def _axis_of_range(field: str, written: RangeShape, *, is_searched: bool) -> Axis:
    """The numbers of a range, or of a search its span. BadInput without a place."""
    if not _is_whole(field) and field not in _QUANTITIES:
        raise BadInput("a range is of numbers; list the values of this field")
    low, high = _number(field, written.from_), _number(field, written.to)
    step = None if written.step is None else _number(field, written.step)
    if low > high:
        raise BadInput(f"from {written.from_} to {written.to}: the first is above the last")
    if step is None and written.times is None:
        if not is_searched:
            raise BadInput("step or times is missing: without a search every value is tried")
        if written.log and low <= 0:
            raise BadInput("log needs a range above 0")
        return Axis(field=field, span=(low, high), is_log=written.log)
    if step is not None and step <= 0:
        raise BadInput(f"step: {written.step} is not above 0")
    if written.times is not None and low <= 0:
        raise BadInput("times needs a range above 0")
    if step is not None and (high - low) / step >= MOST_VALUES:
        raise BadInput(f"more than {MOST_VALUES:,} values; give a larger step")
    taken: list[JsonValue] = []
    for value in _values(low, high, step, written.times):
        if _is_whole(field) and value != int(value):
            raise BadInput(f"{value!r} is not a whole number; list the values instead")
        taken.append(int(value) if _is_whole(field) else value)
        if len(taken) > MOST_VALUES:
            raise BadInput(f"more than {MOST_VALUES:,} values")
    return Axis(field=field, values=tuple(taken))


def _number(field: str, written: int | float | str) -> float:
    """The number in SI. BadInput."""
    if not _is_whole(field):
        return quantity(written, _QUANTITIES[field])
    if not isinstance(written, int) or isinstance(written, bool) or not 1 <= written <= LARGEST:
        raise BadInput(f"{written!r} is not a whole number from 1 to {LARGEST:.0e}")
    return written


def _values(low: float, high: float, step: float | None, times: float | None) -> Iterator[float]:
    """Numbers by the rule, up to `high`; what falls short of it by rounding alone is taken."""
    for index in count():
        value = low + index * step if step is not None else low * (times or 1.0) ** index
        if value > high * (1 + 1e-12):
            return
        yield min(float(f"{value:.12g}"), high)


def _check_base(sweep: Sweep) -> None:
    """BadInput where nobody says which model or which machine."""
    for field in ("model", "on"):
        if sweep.base.get(field) is None and field not in sweep.written.vary:
            raise sweep.fault("missing: give it here or in vary", "base", field)


def _check_extent(sweep: Sweep) -> None:
    """BadInput for more points than can be, and for a search that looks for nothing."""
    points = prod(len(axis.values) for axis in sweep.axes)
    if sweep.written.search is None and points > MOST_POINTS:
        raise sweep.fault(f"{points:,} points are more than {MOST_POINTS:,}: fewer values, or a search", "vary")
    if sweep.written.search is not None and not sweep.written.objectives:
        raise sweep.fault("a search needs objectives: {tpot_s: min} or the like", "search")
