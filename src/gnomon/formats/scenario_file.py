"""Scenario files: a question written down - a model, a system, a plan, numbers of the user's own - in YAML."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictInt, WithJsonSchema, create_model, field_validator

from gnomon.core.dtype import DTYPES, SPELLED
from gnomon.core.service import BatchOrder, RouterName, Scheduling
from gnomon.core.serving_plan import KvSent, Policy
from gnomon.formats.autoscale_shape import AutoscaleShape
from gnomon.formats.file_version import check_version
from gnomon.formats.strict import Strict, load_yaml, shaped
from gnomon.formats.traffic_shape import TrafficShape
from gnomon.formats.yaml_text import yaml_text

SCHEMA = "gnomon/scenario/1"


_FORMATS = (*DTYPES, *SPELLED)
_IN_ANY_CASE = "|".join("".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in name) for name in _FORMATS)
# Editors complete the spellings and mark others; that they are known is checked where they are used.
NumberFormat = Annotated[
    str, WithJsonSchema({"anyOf": [{"enum": list(_FORMATS)}, {"type": "string", "pattern": f"^({_IN_ANY_CASE})$"}]})
]


class OverridesShape(Strict):
    """Numbers in place of the device's: text with a unit, or a bare number in SI."""

    device_peak: tuple[str, ...] = Field(
        default=(),
        json_schema_extra=lambda schema: schema.update(
            {"anyOf": [{"type": "string"}, {"type": schema.pop("type"), "items": schema.pop("items")}]}
        ),
        description='"300 TFLOP/s" for every format, or a list like ["bf16=300 TFLOP/s"]',
    )
    memory_bandwidth: str | float | None = Field(default=None, description="like 2.8 TB/s")
    memory_capacity: str | float | None = Field(default=None, description="like 80 GB")
    launch_overhead: str | float | None = Field(default=None, description="of one kernel, like 4 us")
    efficiency: str | float | None = Field(
        default=None, description="share of every peak and of the bandwidth that is reached, like 0.7 or 70 %"
    )

    @field_validator("device_peak", mode="before")
    @classmethod
    def _one_is_a_list(cls, written: Any) -> Any:
        return (written,) if isinstance(written, str) else written


class _Alone(Strict):
    """A question without what is beside it."""

    schema_: Literal["gnomon/scenario/1"] = Field(alias="schema")
    title: str = Field(default="", description="a sentence for people")
    model: str = Field(
        description="a name of `gnomon list models`, or the path of a config.json or an ONNX file, from the file's folder"
    )
    on: str = Field(
        description="a device, DEVICE:COUNT, a system or SYSTEM:PER_NODExNODES, or the path of a device or system file, from the file's folder"
    )
    mode: (
        Literal["forward", "prefill", "decode", "forward+backward", "forward+backward+optimizer", "train", "serve"]
        | None
    ) = Field(
        default=None,
        description="forward, and for a decoder a prefill and a decode step, where it is left out; train: a whole step; serve: a service",
    )
    batch: int | None = Field(
        default=None,
        ge=1,
        strict=True,
        description="images or sequences; 1, or what a traced graph is fixed at; of mode train, the micro-batch",
    )
    seq: int | None = Field(
        default=None, ge=1, strict=True, description="input tokens of each sequence; 1024, BERT 512"
    )
    context: int | None = Field(
        default=None, ge=1, strict=True, description="decode: tokens in the KV cache, the new one included; as seq"
    )
    image: int | None = Field(
        default=None, ge=1, strict=True, description="side of the image in pixels; 224, of a diffusion model 1024"
    )
    dtype: NumberFormat | None = Field(
        default=None, description="format of products; the model's usual one, or the nearest that the device has"
    )
    weight_dtype: NumberFormat | None = Field(default=None, description="storage of the weights where it differs")
    kv_dtype: NumberFormat | None = Field(default=None, description="storage of the KV cache where it differs")
    attention: Literal["fused", "eager"] = Field(default="fused", description="eager: the scores travel through memory")
    head: str = Field(default="default", description="none, classifier, lm, mlm, qa or pretraining; the model's own")
    classes: int | None = Field(
        default=None, ge=1, strict=True, description="outputs of a classifier; 1000 for images, 2 for text"
    )
    sizes: dict[str, StrictInt] | None = Field(
        default=None, description="further open sizes of a traced graph, by name"
    )
    overrides: OverridesShape | None = Field(default=None, description="numbers in place of the device's")
    global_batch: int | None = Field(
        default=None,
        ge=1,
        strict=True,
        description="train: sequences per step; one micro-batch per stage and replica",
    )
    tp: int | None = Field(
        default=None, ge=1, strict=True, description="train, serve: devices that share every layer; 1"
    )
    sp: bool | None = Field(
        default=None, strict=True, description="train: they share norms and residuals by tokens too; false"
    )
    pp: int | None = Field(default=None, ge=1, strict=True, description="train, serve: stages of the pipeline; 1")
    virtual: int | None = Field(
        default=None, ge=1, strict=True, description="train: chunks of layers per stage, of schedule interleaved; 1"
    )
    stage_layers: str | None = Field(
        default=None,
        strict=True,
        description="train: layers of each chunk in forward order, like 7,8x14,7; equal",
    )
    schedule: Literal["1f1b", "gpipe", "interleaved", "zero-bubble"] | None = Field(
        default=None, description="train: in which order a stage runs its passes; 1f1b"
    )
    dp: int | None = Field(default=None, ge=1, strict=True, description="train: replicas; as many as the devices allow")
    zero: int | None = Field(
        default=None,
        ge=0,
        le=3,
        strict=True,
        description="train: what is sharded across replicas: 1 optimizer state, 2 also gradients, 3 also weights (FSDP); 0",
    )
    ep: int | None = Field(
        default=None,
        ge=1,
        strict=True,
        description="train: replicas that share the experts of a mixture; serve: devices that do, a multiple of tp; 1",
    )
    cp: int | None = Field(
        default=None, ge=1, strict=True, description="train: devices that share the tokens of each sequence; 1"
    )
    imbalance: float | None = Field(
        default=None, ge=1, description="train: tokens of the busiest device's experts over the mean; 1"
    )
    recompute: Literal["none", "selective", "full"] | None = Field(
        default=None, description="train: what is recomputed in the backward pass; none"
    )
    overlap: bool | None = Field(
        default=None, strict=True, description="train: communication between replicas overlaps with computation; true"
    )
    gradient_dtype: NumberFormat | None = Field(
        default=None, description="train: format in which gradients are kept and communicated; as activations"
    )
    dropout: bool | None = Field(
        default=None, strict=True, description="train: dropout masks are kept for the backward pass; false"
    )
    lora_rank: int | None = Field(
        default=None,
        ge=1,
        strict=True,
        description="train: rank of LoRA adapters, the rest frozen; all weights are trained",
    )
    lora_base: NumberFormat | None = Field(
        default=None, description="train: format of the frozen weights (QLoRA); as dtype"
    )
    policy: Policy | None = Field(default=None, description="serve: how steps are made up; vllm-v1")
    replicas: int | None = Field(
        default=None, ge=1, strict=True, description="serve: copies of the model; as many as the devices allow"
    )
    router: RouterName | None = Field(default=None, description="serve: which replica a request goes to; round_robin")
    scheduling: Scheduling | None = Field(
        default=None, description="serve: who waits first: as they came, or by the priorities of the traffic; fcfs"
    )
    router_weights: tuple[Annotated[StrictInt, Field(ge=1)], ...] | None = Field(
        default=None, min_length=1, description="serve: of each replica, of router weighted: [3, 1]"
    )
    autoscale: AutoscaleShape | None = Field(
        default=None, description="serve: replicas come and go; `replicas` are those at the start, min where not said"
    )
    max_waiting: int | None = Field(
        default=None,
        ge=1,
        strict=True,
        description="serve: requests in a replica's queue, beyond which they are turned away; no bound",
    )
    max_wait_s: float | None = Field(
        default=None,
        gt=0,
        strict=True,
        allow_inf_nan=False,
        description="serve: seconds without a first step, after which a request is turned away; no bound",
    )
    max_num_seqs: int | None = Field(
        default=None, ge=1, strict=True, description="serve: requests in a step; as vLLM chooses by the device"
    )
    max_num_batched_tokens: int | None = Field(
        default=None, ge=1, strict=True, description="serve: tokens in a step; as vLLM chooses by the device"
    )
    max_model_len: int | None = Field(
        default=None, ge=1, strict=True, description="serve: tokens of a prompt and its answer; the model's positions"
    )
    block_size: int | None = Field(
        default=None,
        ge=1,
        strict=True,
        description="serve: tokens in a block of the KV cache; 16, of sglang and lightllm 1",
    )
    gpu_memory_utilization: float | None = Field(
        default=None, gt=0, le=1, description="serve: share of device memory that is used; 0.9"
    )
    kv_blocks: int | None = Field(
        default=None,
        ge=1,
        strict=True,
        description="serve: KV blocks of a replica, of two pools of one for answers; as many as memory holds",
    )
    prefix_caching: bool | None = Field(
        default=None, strict=True, description="serve: KV of common prefixes is used again; true"
    )
    chunk_tokens: int | None = Field(
        default=None, ge=1, strict=True, description="serve: tokens of one prompt in a step; no bound"
    )
    schedule_policy: BatchOrder | None = Field(
        default=None, description="serve: of sglang, who comes in first: fcfs, or lpm (longest prefix match); fcfs"
    )
    mixed_chunk: bool | None = Field(
        default=None, strict=True, description="serve: of sglang, answers go on in steps of prompts; false"
    )
    kv_offloading_size_gib: float | None = Field(
        default=None, gt=0, description="serve: GiB of the host's memory for KV blocks of a replica; none"
    )
    kv_offloading_gbit_per_s: float | None = Field(
        default=None, gt=0, description="serve: Gbit/s of a device's link to its host; as its data sheet has it"
    )
    kv_remote_size_gib: float | None = Field(
        default=None, gt=0, description="serve: GiB of a store over the network for KV blocks of all replicas; none"
    )
    kv_remote_gbit_per_s: float | None = Field(
        default=None, gt=0, description="serve: Gbit/s of a device's link to that store"
    )
    max_loras: int | None = Field(
        default=None, ge=1, strict=True, description="serve: different LoRA adapters in a step; none"
    )
    max_lora_rank: int | None = Field(
        default=None, ge=1, strict=True, description="serve: rank of every adapter; 16, where there are any"
    )
    num_speculative_tokens: int | None = Field(
        default=None, ge=1, strict=True, description="serve: tokens drafted for each request in a step; none"
    )
    draft_acceptance: float | None = Field(
        default=None, ge=0, le=1, description="serve: probability that a draft is accepted, those before it being so"
    )
    draft_model: str | None = Field(
        default=None, description="serve: the model that drafts, of `gnomon list models`; n-grams of the text"
    )
    usd_per_device_hour: float | None = Field(
        default=None, ge=0, description="serve: price of a device, from which costs of tokens follow"
    )
    warmup_s: float | None = Field(
        default=None,
        gt=0,
        strict=True,
        allow_inf_nan=False,
        description="serve: seconds from the first arrival whose requests are left out of times, rates and goodput; none are",
    )
    prefill_replicas: int | None = Field(
        default=None,
        ge=1,
        strict=True,
        description="serve: replicas that compute prompts alone, the others answers; as many as prefill_on allows, none without it",
    )
    prefill_tp: int | None = Field(default=None, ge=1, strict=True, description="serve: their tp; that of the others")
    prefill_pp: int | None = Field(default=None, ge=1, strict=True, description="serve: their pp; that of the others")
    prefill_on: str | None = Field(
        default=None, description="serve: their system, as of on; what the others leave of the system"
    )
    prefill_max_num_batched_tokens: int | None = Field(
        default=None, ge=1, strict=True, description="serve: tokens in a step of theirs; as of the others"
    )
    prefill_kv_blocks: int | None = Field(
        default=None, ge=1, strict=True, description="serve: KV blocks of a replica of theirs; as many as memory holds"
    )
    prefill_usd_per_device_hour: float | None = Field(
        default=None, ge=0, description="serve: price of a device of theirs; as of the others"
    )
    kv_transfer: KvSent | None = Field(
        default=None,
        description="serve: KV caches are sent from them whole, or layerwise while the prompt is computed; whole",
    )
    kv_transfer_gbit_per_s: float | None = Field(
        default=None, gt=0, description="serve: Gbit/s of the link of each device for KV caches; as its network has it"
    )
    traffic: TrafficShape | None = Field(default=None, description="serve: the requests")


# Keys of a second model; the other keys of a service are of the devices, which both share.
BESIDE_KEYS = (
    *("model", "dtype", "weight_dtype", "kv_dtype", "attention", "tp", "pp", "replicas", "policy", "router"),
    *("router_weights", "scheduling", "max_waiting", "max_wait_s", "max_num_seqs", "max_num_batched_tokens"),
    *("max_model_len", "block_size", "gpu_memory_utilization", "kv_blocks", "prefix_caching", "chunk_tokens"),
    *("schedule_policy", "mixed_chunk", "max_loras", "max_lora_rank", "num_speculative_tokens", "draft_acceptance"),
    *("draft_model", "traffic"),
)
BesideShape: type[BaseModel] = create_model(  # type: ignore[call-overload]  # fields by name
    "BesideShape",
    __base__=Strict,
    __doc__="A second model on the same devices: its own requests, policy and share of memory.",
    **{name: (_Alone.model_fields[name].annotation, _Alone.model_fields[name]) for name in BESIDE_KEYS},
)


class ScenarioFile(_Alone):
    """One question. Every key but schema, model and on may be left out."""

    beside: BesideShape | None = Field(
        default=None,
        description="serve: a second model on the same devices, whose steps take turns with those of the first",
    )


def parse_scenario(text: str, where: str) -> ScenarioFile:
    """The scenario in YAML text; `where` names it in errors. BadInput with file, line, field and near match."""
    data, lines = load_yaml(text, where)
    check_version(data, "scenario", where, lines)
    return shaped(ScenarioFile, data, where, lines)


def scenario_text(scenario: ScenarioFile) -> str:
    """The file's text: `parse_scenario` of it is `scenario`. Keys at their defaults are left out."""
    kept = scenario.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return yaml_text(kept, "scenario")
