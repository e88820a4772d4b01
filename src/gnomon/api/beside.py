"""What a user says of a second model on the same devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnomon.core.errors import BadInput
from gnomon.formats.scenario_file import BesideShape
from gnomon.formats.strict import shaped


def beside_options(said: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a scenario file's `beside`, those that are said. BadInput."""
    if not isinstance(said, Mapping):
        raise BadInput(f"{said!r:.60} is no mapping, like {{'model': 'gpt2', 'traffic': ...}}", field="beside")
    written = shaped(BesideShape, dict(said), "", within=("beside",))
    found = written.model_dump(exclude_unset=True)
    return {name: value for name, value in found.items() if value is not None}


def within_beside(fault: BadInput) -> BadInput:
    """A fault of the second model as one of the whole question."""
    if fault.where or fault.field.split(".")[0] == "beside":
        return fault
    remedies = [(f"beside.{field}", values) for field, values in fault.remedies]
    field = f"beside.{fault.field}" if fault.field else "beside"
    return BadInput(fault.what, field=field, further=fault.further, remedies=remedies)
