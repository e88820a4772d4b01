"""From what a user writes to scenarios: defaults filled in, overrides applied, a pass for each quantity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack, cast

from gnomon.api.autoscale import autoscale
from gnomon.api.beside import beside_options, within_beside
from gnomon.api.names import model, system, written
from gnomon.api.overrides import Overrides
from gnomon.api.traffic import traffic
from gnomon.core.autoscale import Autoscale
from gnomon.core.beside import Beside
from gnomon.core.device import Device
from gnomon.core.errors import BadInput, near_match
from gnomon.core.plan import Plan
from gnomon.core.scenario import Scenario
from gnomon.core.service import BatchOrder, RouterName, Scheduling
from gnomon.core.serving_plan import FIELDS as SERVING_FIELDS
from gnomon.core.serving_plan import QUANTITIES, KvSent, Policy, ServingPlan
from gnomon.core.system import System
from gnomon.core.traffic.played import AnyTraffic
from gnomon.core.training_plan import FIELDS as TRAINING_FIELDS
from gnomon.core.training_plan import Recompute, Schedule, TrainingPlan
from gnomon.core.workload import MODES, SERVE, Mode, Workload
from gnomon.zoo.models import Model

TRAIN = "train"  # a whole step, however many micro-batches and devices it takes
ASKED_MODES = (*MODES, TRAIN)


class Options(TypedDict, total=False):
    """How a model is run; what is left out takes its default."""

    mode: (
        str | None
    )  # None: forward, or for a decoder a prefill and a decode step; train: a whole step of training; serve: a service
    batch: int | None  # images or sequences; None: 1, or what a traced graph is fixed at
    seq: int | None  # input tokens of each sequence
    context: int | None  # decode: tokens in the cache, the new one included
    image: int | None  # side in pixels; None: the model's usual one, 224, or 1024 where it denoises
    dtype: str | None  # of arithmetic; None: the model's usual one, or the nearest that the device has
    weight_dtype: str | None
    kv_dtype: str | None
    attention: Literal["fused", "eager"]
    head: str
    classes: int | None
    sizes: Mapping[str, int] | None  # further open sizes of a traced graph
    overrides: Overrides | None
    # Of mode train; core.training_plan.TrainingPlan says what each means. There batch is the micro-batch.
    global_batch: int | None
    tp: int | None
    sp: bool | None
    pp: int | None
    virtual: int | None
    stage_layers: str | None
    schedule: Schedule | None
    dp: int | None
    zero: int | None
    ep: int | None
    cp: int | None
    imbalance: float | None
    recompute: Recompute | None
    overlap: bool | None
    gradient_dtype: str | None
    dropout: bool | None
    lora_rank: int | None
    lora_base: str | None
    # Of mode serve, beside tp, pp and ep; core.serving_plan.ServingPlan says what each means.
    policy: Policy | None
    replicas: int | None
    router: RouterName | None
    router_weights: Sequence[int] | None
    autoscale: Mapping[str, Any] | Autoscale | None  # the keys of a scenario file's `autoscale`, or an object
    max_waiting: int | None
    max_wait_s: float | None
    scheduling: Scheduling | None
    max_num_seqs: int | None
    max_num_batched_tokens: int | None
    max_model_len: int | None
    block_size: int | None
    gpu_memory_utilization: float | None
    kv_blocks: int | None
    prefix_caching: bool | None
    chunk_tokens: int | None
    schedule_policy: BatchOrder | None
    mixed_chunk: bool | None
    kv_offloading_size_gib: float | None
    kv_offloading_gbit_per_s: float | None
    kv_remote_size_gib: float | None
    kv_remote_gbit_per_s: float | None
    max_loras: int | None
    max_lora_rank: int | None
    num_speculative_tokens: int | None
    draft_acceptance: float | None
    draft_model: str | None
    usd_per_device_hour: float | None
    warmup_s: float | None
    prefill_replicas: int | None
    prefill_tp: int | None
    prefill_pp: int | None
    prefill_on: str | Path | None  # what --on names
    prefill_max_num_batched_tokens: int | None
    prefill_kv_blocks: int | None
    prefill_usd_per_device_hour: float | None
    kv_transfer: KvSent | None
    kv_transfer_gbit_per_s: float | None
    beside: Mapping[str, Any] | Beside | None  # the keys of a scenario file's `beside`, or an object
    traffic: Mapping[str, Any] | AnyTraffic | None  # the keys of a scenario file's `traffic`, or an object


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One line of what a user asks: a model on a system, and for a language model the passes that make an answer."""

    model: Model
    system: System
    passes: Mapping[str, Plan]  # quantity ("time", "ttft", "tpot") -> plan
    model_text: str | None  # how the model was named: a name or a path; None: it came as a Model
    on_text: str  # how the system was named
    options: Options  # as they were given; without those left out

    @property
    def devices(self) -> int:
        """How many it runs on, of both systems where prompts have their own."""
        serving = next(iter(self.passes.values())).serving
        apart = None if serving is None else serving.prefill_on
        return self.system.count + (0 if apart is None else apart.count)

    def scenarios(self) -> dict[str, Scenario]:
        """A scenario per quantity. BadInput where the model has no such shape."""
        return {
            quantity: Scenario(workload=build(self.model, plan), system=self.system, plan=plan)
            for quantity, plan in self.passes.items()
        }


def question(asked: str | Path | Model, on: str | Path, **options: Unpack[Options]) -> Question:
    """The question that names and options ask. BadInput for anything unknown."""
    chosen, machine = model(asked), system(on)
    overrides, mode = options.get("overrides"), options.get("mode")
    if overrides is not None:
        if not isinstance(overrides, Overrides):
            raise BadInput(f"{overrides!r:.60} is not a gnomon.Overrides(...)", field="overrides")
        machine = replace(machine, device=overrides.apply(machine.device))
    dtype = _given(options.get("dtype"), usual_dtype(chosen, machine.device))
    plan = _plan(chosen, _with_beside(options, machine.device), dtype)
    return Question(
        model=chosen,
        system=machine,
        passes=_passes(chosen, plan, is_mode_given=mode is not None),
        model_text=None if isinstance(asked, Model) else written(asked, "model", "a model"),
        on_text=written(on, "on", "a system"),
        options=options,
    )


def workload(asked: str | Path | Model, **options: Unpack[Options]) -> Workload:
    """The graph of a model, for programs that look into it; one forward pass where no mode is given."""
    chosen = model(asked)
    options = cast(Options, {name: value for name, value in options.items() if name != "beside"})  # of another model
    return build(chosen, _plan(chosen, options, _given(options.get("dtype"), chosen.dtype)))


def _given(text: str | None, usual: str) -> str:
    """What the user wrote, even if it is empty; the usual where nothing was written."""
    return usual if text is None else text


def _plan(chosen: Model, options: Options, dtype: str) -> Plan:
    """The options as a plan. BadInput for an unknown one, with the near match."""
    sizes = options.get("sizes") or {}
    if not isinstance(sizes, Mapping) or not all(isinstance(name, str) for name in sizes):
        raise BadInput(
            f"{sizes!r:.60} is not a mapping of names to whole numbers, like {{'frames': 300}}", field="sizes"
        )
    if sizes and chosen.kind != "graph":
        raise BadInput(f"{chosen.name} is no traced graph and has no further open sizes", field="sizes")
    for name in options:
        if name not in Options.__annotations__:
            raise BadInput(f"unknown option {name!r}{near_match(name, Options.__annotations__)}")
    batch, mode = options.get("batch"), _given(options.get("mode"), "forward")
    if mode not in ASKED_MODES:
        known = ", ".join(ASKED_MODES)
        raise BadInput(f"unknown {mode!r}{near_match(str(mode), ASKED_MODES)} (known: {known})", field="mode")
    return Plan(
        mode=cast(Mode, "forward+backward+optimizer" if mode == TRAIN else mode),  # checked by Plan itself
        batch=chosen.batch if batch is None else batch,
        seq=options.get("seq"),
        context=options.get("context"),
        image=options.get("image"),
        dtype=dtype,
        weight_dtype=options.get("weight_dtype") or chosen.weight_dtype,
        kv_dtype=options.get("kv_dtype"),
        attention=options.get("attention", "fused"),
        head=options.get("head", "default"),
        classes=options.get("classes"),
        sizes=tuple(sorted(sizes.items())),
        training=_training(options, mode),
        serving=_serving(options, mode),
    )


def _training(options: Options, mode: str) -> TrainingPlan | None:
    """How the step is spread over devices, of mode train. BadInput for such an option of another mode."""
    given = _these(options, TRAINING_FIELDS)
    if mode == TRAIN:
        return TrainingPlan(**given)
    for name in given:
        if mode != SERVE or name not in SERVING_FIELDS:
            raise BadInput(f"only a whole training step has it: use mode {TRAIN}", field=name)
    return None


def _serving(options: Options, mode: str) -> ServingPlan | None:
    """How a service is run, of mode serve. BadInput for such an option of another mode."""
    given = _these(options, SERVING_FIELDS)
    if mode == SERVE:
        if (machine := given.get("prefill_on")) is not None:
            given["prefill_on"] = _of_prompts(machine, options)
        read = {"traffic": traffic(given.get("traffic")), "autoscale": autoscale(given.get("autoscale"))}
        return ServingPlan(**{**given, **read})
    for name in given:
        if mode != TRAIN or name not in TRAINING_FIELDS:
            raise BadInput(f"only a service has it: use mode {SERVE}", field=name)
    return None


def _with_beside(options: Options, device: Device) -> Options:
    """The options with the second model that they name, if they do; it lies on the devices as the first. BadInput."""
    said = options.get("beside")
    if said is None or isinstance(said, Beside) or options.get("mode") != SERVE:
        return options
    try:
        its = beside_options(said)
        chosen = _model_beside(its.pop("model"))
        shared = _these(options, ("tp", "pp", "replicas"))
        own = cast(Options, {**shared, **its, "mode": SERVE})
        plan = _plan(chosen, own, _given(own.get("dtype"), usual_dtype(chosen, device)))
        return cast(Options, {**options, "beside": Beside(workload=build(chosen, plan), plan=plan)})
    except BadInput as fault:
        raise within_beside(fault) from None


def _model_beside(asked: str) -> Model:
    try:
        return model(asked)
    except BadInput as fault:
        raise fault.at(field="model") from None


def _of_prompts(asked: str | Path, options: Options) -> System:
    """The system of replicas for prompts alone. BadInput."""
    if options.get("overrides") not in (None, Overrides()):
        raise BadInput(
            "with overrides it is not clear whose numbers they are: write them in files of both devices",
            field="prefill_on",
        )
    try:
        return system(asked)
    except BadInput as fault:
        raise fault.at(field="prefill_on") from None


def _these(options: Options, names: Iterable[str]) -> dict[str, Any]:
    """Those options that are given."""
    return {name: options[name] for name in names if options.get(name) is not None}  # type: ignore[literal-required]


@lru_cache(maxsize=4096)
def build(chosen: Model, plan: Plan) -> Workload:
    """The graph of a model under a plan; equal plans share one."""
    return chosen.build(plan)


# Formats to fall back on where a device lacks the one that a model is usually run in, the nearest first.
_FALLBACK = {
    "fp8": ("fp8", "bf16", "fp16", "fp32"),
    "bf16": ("bf16", "fp16", "fp32"),
    "fp16": ("fp16", "bf16", "fp32"),
    "fp32": ("fp32",),
}


def usual_dtype(chosen: Model, device: Device) -> str:
    """The format that a model is run in where none is asked for: its usual one, or the nearest that the device has.

    An accelerator has no other than those that fill its words, and of these integers rather.
    """
    has = device.product_dtypes
    own = has[-1] if has and device.design is not None else "fp32"
    return next((d for d in _FALLBACK.get(chosen.dtype, (chosen.dtype,)) if d in has), own)


_QUANTITY = {"prefill": "ttft", "decode": "tpot"}


def quantities(chosen: Model, mode: str | None) -> tuple[str, ...]:
    """What is answered of a model in a mode: time, ttft (a prefill), tpot (a decode step); a decoder without one: both.

    Of a service ttft, tpot and e2e, each the mean over requests.
    """
    if mode == SERVE:
        return QUANTITIES
    if mode is not None:
        return (_QUANTITY.get(mode, "time"),)
    return tuple(_QUANTITY.values()) if chosen.kind == "decoder" else ("time",)


def _passes(chosen: Model, plan: Plan, *, is_mode_given: bool) -> dict[str, Plan]:
    """The passes that answer for a model: one by its mode, or prefill and decode for a decoder without one."""
    if plan.serving is not None:
        return {name: replace(plan, serving=replace(plan.serving, quantity=name)) for name in QUANTITIES}
    if is_mode_given:
        if plan.mode == "decode" and plan.context is None and plan.seq is not None:
            plan = replace(plan, context=plan.seq, seq=None)
        return dict.fromkeys(quantities(chosen, plan.mode), plan)
    if chosen.kind != "decoder":
        return dict.fromkeys(quantities(chosen, None), plan)
    if plan.context is not None and plan.seq is not None and plan.context < plan.seq:
        raise BadInput(f"{plan.context} tokens are fewer than the {plan.seq} of the prompt before it", field="context")
    return {
        "ttft": replace(plan, mode="prefill", context=None),
        "tpot": replace(plan, mode="decode", seq=None, context=plan.context or plan.seq),
    }
