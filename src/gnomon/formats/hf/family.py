"""What a file of this folder says of a model_type: how it is read, what it leaves out, what is built of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gnomon.core.plan import Plan
from gnomon.core.workload import Workload
from gnomon.zoo.decoder import decoder
from gnomon.zoo.models import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """How the configurations of one model_type become a model."""

    read: Callable[[Any, str, str], Any]  # (fields, model's name, file) -> the shape that `build` takes
    build: Callable[[Any, Plan], Workload] = decoder
    kind: Kind = "decoder"
    defaults: Mapping[str, Any] = field(default_factory=dict)  # of the library's class, where `read` has none or others
    dtype: str = (
        "fp16"  # that published models were trained in, where a file does not say what its weights are stored in
    )
