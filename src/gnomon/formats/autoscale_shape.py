"""Replicas that come and go, as files write them: the key `autoscale` of a scenario."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictInt

from gnomon.formats.strict import Strict

_Number = Annotated[float, Field(allow_inf_nan=False)]


class AutoscaleShape(Strict):
    """When replicas start and go."""

    min: StrictInt | None = Field(default=None, ge=1, description="replicas; 1")
    max: StrictInt = Field(ge=1, description="replicas")
    target_outstanding: _Number = Field(gt=0, description="requests of a replica that were sent and are not through")
    every_s: _Number | None = Field(default=None, gt=0, description="how often it is asked how many are wanted; 2")
    start_s: _Number = Field(ge=0, description="until requests are sent to a replica that starts")
    idle_s: _Number | None = Field(
        default=None, ge=0, description="fewer are kept when for so long no more were wanted; 300"
    )
