"""What a user says of replicas that come and go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnomon.core.autoscale import Autoscale
from gnomon.core.errors import BadInput
from gnomon.formats.autoscale_shape import AutoscaleShape
from gnomon.formats.strict import shaped


def autoscale(said: Mapping[str, Any] | Autoscale | None) -> Autoscale | None:
    """The keys of a scenario file's `autoscale`, or an object. BadInput."""
    if said is None or isinstance(said, Autoscale):
        return said
    if not isinstance(said, Mapping):
        raise BadInput(f"{said!r:.60} is neither a mapping nor an Autoscale", field="autoscale")
    written = shaped(AutoscaleShape, dict(said), "", within=("autoscale",))
    return Autoscale(**{name: value for name, value in written.model_dump().items() if value is not None})
