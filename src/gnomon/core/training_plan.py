"""How a training step is spread over devices and put together: the axes of parallelism, the schedule, what is recomputed."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Literal, get_args

from gnomon.core.dtype import dtype
from gnomon.core.errors import BadInput, near_match
from gnomon.core.in_words import counted

Axis = Literal["tp", "cp", "dp", "pp"]
# Whose devices exchange: along an axis; ep: the replicas that share out experts, edp: those that hold the same ones, data: all
# that hold the same weights, dp and cp together.
GroupAxis = Literal[Axis, "ep", "edp", "data"]
AXES: tuple[Axis, ...] = get_args(Axis)  # innermost first: neighbours on the fastest links [Megatron-LM's order]
Schedule = Literal["1f1b", "gpipe", "interleaved", "zero-bubble"]
Recompute = Literal["none", "selective", "full"]
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
RECOMPUTES: tuple[Recompute, ...] = get_args(Recompute)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """What `Plan` leaves open of a training step. Raises BadInput for a value that cannot be, whatever the model.

    The plan's `batch` is the micro-batch: the sequences or images of one forward pass of one replica of the model.
    """

    global_batch: int | None = None  # sequences of a step; None: a micro-batch for each stage of each replica
    tp: int = 1  # tensor parallel: devices that share every layer
    sp: bool = False  # sequence parallel: they share norms and residuals too [Korthikanti et al. 2022, section 4.2.2]
    pp: int = 1  # pipeline parallel: stages, each with layers of its own
    virtual: int = 1  # chunks of layers that a stage holds (interleaved) [Narayanan et al. 2021, section 2.2]
    stage_layers: str | None = (
        None  # of every chunk in the order of the forward pass, like 7,8x14,7; None: equally many
    )
    schedule: Schedule = "1f1b"
    dp: int | None = None  # data parallel: replicas; None: as many as the devices allow
    zero: int = 0  # what replicas share out: 1 optimizer state, 2 gradients too, 3 weights too (FSDP)
    ep: int = 1  # expert parallel: replicas that share the experts of a mixture; divides dp x cp
    cp: int = 1  # context parallel: devices that share the tokens of each sequence
    imbalance: float = 1.0  # tokens of the busiest device's experts over the mean
    recompute: Recompute = "none"  # activations computed again in the backward pass; selective: those of attention
    overlap: bool = True  # exchanges of gradients and weights between replicas run beside computations
    gradient_dtype: str | None = None  # in which gradients are kept and exchanged; None: the activations' format
    dropout: bool = False  # masks are kept for the backward pass
    lora_rank: int | None = None  # None: all weights are trained; else adapters of that rank beside frozen products
    lora_base: str | None = None  # storage of the frozen weights (QLoRA); None: the plan's format

    def __post_init__(self) -> None:
        for name in ("global_batch", "tp", "pp", "virtual", "dp", "ep", "cp", "lora_rank"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise BadInput(f"{value!r} is not a positive whole number", field=name)
        for name, known in (("schedule", SCHEDULES), ("recompute", RECOMPUTES)):
            value = getattr(self, name)
            if value not in known:
                raise BadInput(
                    f"unknown {value!r}{near_match(str(value), known)} (known: {', '.join(known)})", field=name
                )
        if isinstance(self.zero, bool) or not isinstance(self.zero, int) or self.zero not in (0, 1, 2, 3):
            raise BadInput(f"{self.zero!r} is not a ZeRO stage: use 0, 1, 2 or 3", field="zero")
        for name in ("sp", "overlap", "dropout"):
            if not isinstance(getattr(self, name), bool):
                raise BadInput(f"{getattr(self, name)!r} is neither true nor false", field=name)
        if not isinstance(self.imbalance, (int, float)) or not 1.0 <= self.imbalance < math.inf:
            raise BadInput(f"{self.imbalance!r} must be a number of at least 1", field="imbalance")
        if self.imbalance > 1 and self.ep == 1:
            raise BadInput(
                f"{self.imbalance:g} needs experts on different devices: ep >= 2 (ep is 1)",
                field="imbalance",
            )
        for name in ("gradient_dtype", "lora_base"):
            spelled = getattr(self, name)
            if spelled is not None:
                try:
                    object.__setattr__(self, name, dtype(spelled).name)
                except BadInput as fault:
                    raise fault.at(field=name) from None
        if self.virtual > 1 and self.schedule != "interleaved":
            raise BadInput(
                f"{self.virtual} chunks per stage need schedule interleaved, not {self.schedule}", field="virtual"
            )
        if self.schedule == "interleaved" and self.virtual == 1:
            raise BadInput("interleaved needs two or more chunks of layers per stage, not 1", field="virtual")
        if self.stage_layers is not None:
            counts = _counts(self.stage_layers)
            if len(counts) != self.pp * self.virtual:
                raise BadInput(
                    f"{self.stage_layers} lists {counted(len(counts), 'chunk')}, but {counted(self.pp, 'stage')} of "
                    f"{counted(self.virtual, 'chunk')} each need {self.pp * self.virtual}",
                    field="stage_layers",
                )
            object.__setattr__(self, "stage_layers", counts_text(counts))
        if self.schedule != "1f1b" and self.pp == 1:
            raise BadInput(f"{self.schedule} needs pp >= 2 (pp is 1)", field="schedule")
        if self.lora_base is not None and self.lora_rank is None:
            raise BadInput("only LoRA freezes weights: give its rank too", field="lora_base")
        if self.sp and self.tp == 1:
            raise BadInput("sequence parallelism needs tp >= 2 (tp is 1)", field="sp")

    @property
    def chunk_layers(self) -> tuple[int, ...] | None:
        """Layers of every chunk in the order of the forward pass; None: equally many."""
        return None if self.stage_layers is None else _counts(self.stage_layers)


_COUNT = re.compile(r"(0|[1-9][0-9]{0,5})(?:x([1-9][0-9]{0,5}))?")


def _counts(text: str) -> tuple[int, ...]:
    """Numbers of layers: "7,8x3" is 7, 8, 8, 8. BadInput."""
    if not isinstance(text, str):
        raise BadInput(
            f"{text!r:.40} is not a text like 7,8x14,7: layers, and how many chunks have as many", field="stage_layers"
        )
    found: list[int] = []
    for part in text.replace(" ", "").split(","):
        match = _COUNT.fullmatch(part)
        if match is None:
            raise BadInput(
                f"{part!r:.40} is neither the layers of one chunk, like 7, nor of several, like 8x14",
                field="stage_layers",
            )
        found += [int(match[1])] * int(match[2] or 1)
    return tuple(found)


def counts_text(counts: Sequence[int]) -> str:
    """Numbers of layers as a plan writes them: 7,8x3 for 7, 8, 8, 8."""
    runs = [(count, len(list(run))) for count, run in groupby(counts)]
    return ",".join(str(count) if times == 1 else f"{count}x{times}" for count, times in runs)


FIELDS = tuple(field.name for field in fields(TrainingPlan))
