"""Numbers of device and system files: a text with its unit, a source, and a range that the world allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from gnomon.core.device import Sourced
from gnomon.core.errors import BadInput
from gnomon.core.units import DECIMAL, parse, show
from gnomon.formats.strict import Strict

# What a number of this kind can be on any machine of the past and next decades: catches 3350 for 3.35e12.
RANGES: dict[str, tuple[str, float, float]] = {
    "peak": ("flop/s", 1e8, 1e18),
    "bandwidth": ("B/s", 1e8, 1e15),
    "capacity": ("B", 1e3, 1e15),
    "frequency": ("Hz", 1e6, 1e11),
    "power": ("W", 0.1, 1e6),
    "latency": ("s", 0.0, 1.0),
    "count": ("", 1.0, 1e7),
    "size in words": ("", 1.0, 1e13),
    "width in bits": ("", 1.0, 1e4),
    "rate in words per cycle": ("", 1e-6, 1e6),
    "number of pJ": ("", 0.0, 1e9),
    "technology in nm": ("", 1.0, 1e4),
    "ratio": ("", 1e-6, 1.0),
}
_EXAMPLE = {"flop/s": "TFLOP/s", "B/s": "TB/s", "B": "GB", "Hz": "MHz", "W": "W", "s": "us", "": ""}


def quantity(text: str | float, kind: str) -> float:
    """The number in `text` in SI, checked against the range of its kind.

    A bare number is taken as SI when it lies in that range; otherwise the unit it looks like is named. BadInput.
    """
    unit, low, high = RANGES[kind]
    bare = _bare(text)
    if bare is None:
        value = parse(text, unit)
        if not low <= value <= high:
            raise BadInput(f"{text!r} is outside {_range(kind)}{_meant(value, unit, low, high)}")
        return value
    if low <= bare <= high:
        return bare
    if not unit:
        raise BadInput(f"{_written(text)} is outside {_range(kind)}")
    raise BadInput(f"{_written(text)} has no unit{_meant(bare, unit, low, high)}")


def _bare(text: str | float) -> float | None:
    if isinstance(text, bool):
        raise BadInput(f"{text!r} is not a number")
    try:
        return float(text)
    except ValueError:
        return None


def _written(text: str | float) -> str:
    """The number as the user wrote it."""
    return repr(text) if isinstance(text, str) else f"{text:g}"


def _range(kind: str) -> str:
    unit, low, high = RANGES[kind]
    shown = [show(limit, unit) if unit else f"{limit:g}" for limit in (low, high)]
    return f"what a {kind} can be ({shown[0]} to {shown[1]})"


def _meant(value: float, unit: str, low: float, high: float) -> str:
    """The unit that a number out of range seems to be in; empty for a plain ratio or count."""
    if not unit:
        return ""
    for prefix in ("G", "T", "M", "k") if unit in ("B/s", "B") else ("T", "G", "M", "k", "u", "n", "m"):
        if value > 0 and low <= value * DECIMAL[prefix] <= high:
            spelled = f"{prefix}{'FLOP/s' if unit == 'flop/s' else unit}"
            return f"; {value:g} looks like {spelled}: write {f'{value:g} {spelled}'!r}"
    return f"; write it with a unit, like '5 {_EXAMPLE[unit]}'"


class Source(Strict):
    """A document that numbers come from."""

    title: str
    kind: Literal["datasheet", "measured", "paper", "assumed"]


class Number(Strict):
    """A number as written: text alone, or text with a source and a note."""

    value: str | float
    source: str | None = None
    note: str = ""

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            return data
        if isinstance(data, bool) or not isinstance(data, (str, int, float)):
            raise ValueError(f"expected a number with its unit, not {data!r}")
        return {"value": data}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema with the bare form beside the mapping."""
        whole = handler.resolve_ref_schema(handler(core))
        return {"anyOf": [{"type": "string"}, {"type": "number"}, whole]}


def sourced(number: Number, kind: str, field: str, where: str, sources: Mapping[str, Source], default: str) -> Sourced:
    """`number` in SI with its source; BadInput naming file and field."""
    name = number.source or default
    if name not in sources:
        raise BadInput(f"{where}: {field}: source {name!r} is not among the file's sources ({', '.join(sources)})")
    try:
        value = quantity(number.value, kind)
    except BadInput as fault:
        raise BadInput(f"{where}: {field}: {fault}") from None
    return Sourced(value=value, source=sources[name].title, kind=sources[name].kind, note=number.note)
