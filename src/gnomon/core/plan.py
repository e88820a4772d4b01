"""A plan: how a model is run - what is computed, at which sizes, in which number formats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gnomon.core.dtype import dtype
from gnomon.core.errors import BadInput, near_match
from gnomon.core.serving_plan import ServingPlan
from gnomon.core.training_plan import TrainingPlan
from gnomon.core.workload import MODES, SERVE, Mode

LARGEST = 10**9  # of a batch, a length, a side: beyond it numbers lose their meaning before they lose their digits
HEADS = ("default", "none", "classifier", "lm", "mlm", "qa", "pretraining")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a model function needs to build a graph. Raises BadInput for a size or name that cannot be."""

    mode: Mode = "forward"
    batch: int = 1  # images or sequences
    seq: int | None = None  # tokens of each input sequence; None: the model's usual length
    context: int | None = None  # decode: tokens of each sequence in the cache, the new one included
    image: int | None = None  # side of a square image, pixels; None: the model's usual one
    dtype: str = "fp16"  # of activations and arithmetic
    weight_dtype: str | None = None  # storage of matrix weights where it differs (weight-only quantisation)
    kv_dtype: str | None = None  # storage of the KV cache where it differs
    attention: Literal["fused", "eager"] = "fused"  # eager: scores travel through memory
    head: str = "default"  # default: the model's usual head
    classes: int | None = None  # outputs of a classifier; None: 1000 for images, 2 for text
    sizes: tuple[tuple[str, int], ...] = ()  # further open sizes of a traced graph, by name
    training: TrainingPlan | None = None  # how a step of training is spread over devices; None: it is not said
    serving: ServingPlan | None = None  # how a service is run, of mode serve alone

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise BadInput(
                f"unknown {self.mode!r}{near_match(str(self.mode), MODES)} (known: {', '.join(MODES)})", field="mode"
            )
        if (self.mode == SERVE) != (self.serving is not None):
            raise BadInput("a service needs mode serve, and mode serve a service", field="mode")
        if self.head not in HEADS:
            raise BadInput(
                f"unknown {self.head!r}{near_match(str(self.head), HEADS)} (known: {', '.join(HEADS)})", field="head"
            )
        if self.attention not in ("fused", "eager"):
            raise BadInput(f"unknown {self.attention!r} (known: fused, eager)", field="attention")
        if self.serving is not None and self.batch != 1:
            raise BadInput("a service makes batches by its policy: leave it out", field="batch")
        for name, value in (
            ("batch", self.batch),
            ("seq", self.seq),
            ("context", self.context),
            ("image", self.image),
            ("classes", self.classes),
            *((f"sizes.{name}", value) for name, value in self.sizes),
        ):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise BadInput(f"{value!r} is not a positive whole number", field=name)
            if value is not None and value > LARGEST:
                raise BadInput(f"{value:.3g} is more than any run has ({LARGEST:.0e} at most)", field=name)
        for field in ("dtype", "weight_dtype", "kv_dtype"):
            spelled = getattr(self, field)
            if spelled is not None:
                object.__setattr__(self, field, _format(field, spelled))


def _format(field: str, spelled: str) -> str:
    try:
        return dtype(spelled).name
    except BadInput as fault:
        raise fault.at(field=field) from None
