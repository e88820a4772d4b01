"""Arguments that say how a model is run, and which numbers stand in place of the device's."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any

from gnomon.api.overrides import Overrides
from gnomon.api.questions import Options
from gnomon.api.scenarios import read_beside
from gnomon.cli.arguments import Parser, whole
from gnomon.cli.arguments import wholes as whole_numbers
from gnomon.cli.flags import dest
from gnomon.core.errors import BadInput
from gnomon.core.serving_plan import POLICIES, ROUTERS
from gnomon.core.units import parse
from gnomon.core.workload import SERVE

WARMUP = (
    "like 60 or 1min: who arrives so soon after the first is left out of times, rates and goodput (default: nobody)"
)


def add_plan_options(parser: Parser) -> None:
    """How a model is run."""
    group = parser.add_argument_group("the run")
    group.add_argument(
        "--mode",
        metavar="MODE",
        help="forward, prefill, decode, forward+backward, forward+backward+optimizer, train, a whole step on any number of devices, or serve, a stream of requests; a decoder without it is asked for TTFT and TPOT",
    )
    group.add_argument(
        "--batch", metavar="N[,N...]", help="images or sequences (default 1, or what a traced graph is fixed at)"
    )
    group.add_argument("--seq", metavar="TOKENS", help="input tokens of each sequence (default 1024, BERT 512)")
    group.add_argument(
        "--context", metavar="TOKENS", help="decode: tokens in the cache, the new one included (default: --seq)"
    )
    group.add_argument("--image", metavar="PIXELS", help="side of the image (default 224, of a diffusion model 1024)")
    group.add_argument(
        "--dtype",
        metavar="FORMAT",
        help="of products: fp32, tf32, fp16, bf16, fp8, fp4, mxfp4, int8, int4 (default: the model's usual one); below 16 bits, activations and the KV cache stay at 16",
    )
    group.add_argument("--weights", metavar="FORMAT", help="storage of weights where it differs, like int4")
    group.add_argument("--kv", metavar="FORMAT", help="storage of the KV cache where it differs, like fp8")
    group.add_argument(
        "--attention",
        choices=("fused", "eager"),
        help="eager: scores travel through memory (default fused)",
    )
    group.add_argument(
        "--head",
        metavar="HEAD",
        help="none, classifier, lm, mlm, qa or pretraining (default: the model's own)",
    )
    group.add_argument("--classes", metavar="N", help="outputs of a classifier (default: 1000 for images, 2 for text)")
    group.add_argument(
        "--size",
        action="append",
        default=[],
        metavar="NAME=N",
        help="a further open size of a traced graph, like frames=300; may be given several times",
    )


def add_serving_options(parser: Parser) -> None:
    """How a service is run."""
    group = parser.add_argument_group("a service (--mode serve)")
    group.add_argument(
        "--policy", metavar="POLICY", help=f"how steps are made up: {', '.join(POLICIES)} (default {POLICIES[0]})"
    )
    group.add_argument("--replicas", metavar="N", help="copies of the model (default: as many as the devices allow)")
    group.add_argument(
        "--router",
        metavar="ROUTER",
        help=f"which replica a request goes to: {', '.join(ROUTERS)} (default round_robin)",
    )
    group.add_argument("--router-weights", metavar="N,N[,N...]", help="of each replica, of router weighted, like 3,1")
    group.add_argument(
        "--autoscale",
        metavar="NAME=N,...",
        help="replicas come and go: max, target_outstanding (requests of each) and start_s, also min, every_s and idle_s",
    )
    group.add_argument(
        "--max-waiting",
        metavar="N",
        help="requests in a replica's queue; more are turned away (default: no limit)",
    )
    group.add_argument(
        "--max-wait",
        metavar="TIME",
        help="like 30 or 500ms: a request that waited so long for its first step is turned away (default: no limit)",
    )
    group.add_argument(
        "--scheduling", metavar="ORDER", help="who waits first: fcfs (default), or priority: as the requests have it"
    )
    group.add_argument(
        "--max-num-seqs", metavar="N", help="requests in a step (default: as vLLM, or SGLang, chooses by the device)"
    )
    group.add_argument(
        "--max-num-batched-tokens",
        metavar="N",
        help="tokens in a step (default: as vLLM, or SGLang, chooses by the device)",
    )
    group.add_argument(
        "--max-model-len", metavar="N", help="tokens of a prompt and its answer (default: the positions of the model)"
    )
    group.add_argument(
        "--block-size", metavar="N", help="tokens in a block of the KV cache (default 16; of sglang and lightllm 1)"
    )
    group.add_argument(
        "--gpu-memory-utilization", metavar="SHARE", help="share of device memory that is used (default 0.9)"
    )
    group.add_argument(
        "--kv-blocks",
        metavar="N",
        help="KV blocks of a replica, of two pools of one for answers (default: as many as memory holds)",
    )
    group.add_argument("--prefix-caching", choices=tuple(_YES_NO), help="reuse the KV of common prefixes (default yes)")
    group.add_argument(
        "--chunk-tokens",
        metavar="N",
        help="tokens of one prompt in a step (default: no limit; of sglang those of all prompts, by the device)",
    )
    group.add_argument(
        "--schedule-policy", metavar="ORDER", help="of sglang, who comes in first: fcfs (default), or lpm"
    )
    group.add_argument(
        "--mixed-chunk", choices=tuple(_YES_NO), help="of sglang: answers go on in steps of prompts (default no)"
    )
    group.add_argument(
        "--kv-offloading-size-gib", metavar="GIB", help="the host's memory for KV blocks of a replica (default: none)"
    )
    group.add_argument(
        "--kv-offloading-gbit-per-s",
        metavar="RATE",
        help="of a device's link to its host (default: as its data sheet has it)",
    )
    group.add_argument(
        "--kv-remote-size-gib", metavar="GIB", help="a store over the network that all replicas share (default: none)"
    )
    group.add_argument("--kv-remote-gbit-per-s", metavar="RATE", help="of a device's link to that store")
    group.add_argument("--max-loras", metavar="N", help="different LoRA adapters in a step (default: there are none)")
    group.add_argument("--max-lora-rank", metavar="N", help="rank of every adapter (default 16)")
    group.add_argument(
        "--num-speculative-tokens", metavar="N", help="tokens drafted for each request in a step (default: none)"
    )
    group.add_argument("--draft-acceptance", metavar="SHARE", help="probability that a draft is accepted")
    group.add_argument(
        "--beside", metavar="FILE", help="a second model on the same devices: the keys of a scenario file's beside"
    )
    group.add_argument("--draft-model", metavar="MODEL", help="what drafts (default: n-grams of the text)")
    group.add_argument("--usd-per-device-hour", metavar="PRICE", help="price of a device; tells costs per token")
    group.add_argument("--warmup", metavar="TIME", help=WARMUP)
    apart = parser.add_argument_group("replicas for prompts alone (--mode serve); the others compute answers")
    apart.add_argument(
        "--prefill-replicas", metavar="N", help="how many (default: none, or with --prefill-on as many as that allows)"
    )
    apart.add_argument("--prefill-tp", metavar="N", help="devices that share every layer of theirs (default: --tp)")
    apart.add_argument("--prefill-pp", metavar="N", help="stages of their pipeline (default: --pp)")
    apart.add_argument("--prefill-on", metavar="SYSTEM", help="their system (default: what the others leave of --on)")
    apart.add_argument(
        "--prefill-max-num-batched-tokens", metavar="N", help="tokens in a step of theirs (default: as of the others)"
    )
    apart.add_argument(
        "--prefill-kv-blocks", metavar="N", help="KV blocks of a replica of theirs (default: as many as memory holds)"
    )
    apart.add_argument(
        "--prefill-usd-per-device-hour", metavar="PRICE", help="price of a device of theirs (default: as of the others)"
    )
    apart.add_argument(
        "--kv-transfer",
        metavar="HOW",
        help="KV caches are sent whole (default), or layerwise while the prompt is computed",
    )
    apart.add_argument(
        "--kv-transfer-gbit-per-s",
        metavar="RATE",
        help="of each device's link for KV caches (default: as its network has it)",
    )
    asked = parser.add_argument_group("its requests (--mode serve); a scenario file says more of them")
    asked.add_argument("--qps", metavar="RATE", help="requests per second")
    asked.add_argument(
        "--arrivals",
        metavar="PROCESS",
        help="poisson (default), constant, at-once, or recorded: the moments of the trace, brought to --qps where given",
    )
    asked.add_argument(
        "--trace",
        metavar="FILE",
        help="with --mode serve a file of requests that is read: of Azure, BurstGPT, Mooncake, ShareGPT, vLLM, Vidur, or CSV; else a "
        "timeline that is written, as by --timeline",
    )
    asked.add_argument("--requests", metavar="N", help="how many at most (default 1000, or the whole trace)")
    asked.add_argument("--duration", metavar="TIME", help="like 60 or 10min: nothing arrives after it")
    asked.add_argument("--prompt-tokens", metavar="N", help="tokens of each prompt, without a trace")
    asked.add_argument("--answer-tokens", metavar="N", help="tokens of each answer, without a trace")
    asked.add_argument("--concurrency", metavar="N", help="requests under way at once: the next comes as one ends")
    asked.add_argument("--seed", metavar="N", help="of what is drawn (default 0)")


def serving_options(found: argparse.Namespace) -> Options:
    """The options above, but for those that a step of training has too."""
    wholes = {name: whole(name, getattr(found, dest(f"--{name}"))) for name in _SERVING_WHOLE}
    return Options(
        policy=found.policy,
        replicas=wholes["replicas"],
        router=found.router,
        router_weights=None if found.router_weights is None else whole_numbers("router-weights", found.router_weights),
        autoscale=_named_numbers("--autoscale", found.autoscale),
        max_waiting=wholes["max-waiting"],
        max_wait_s=seconds("--max-wait", found.max_wait),
        scheduling=found.scheduling,
        max_num_seqs=wholes["max-num-seqs"],
        max_num_batched_tokens=wholes["max-num-batched-tokens"],
        max_model_len=wholes["max-model-len"],
        block_size=wholes["block-size"],
        gpu_memory_utilization=_share("--gpu-memory-utilization", found.gpu_memory_utilization),
        kv_blocks=wholes["kv-blocks"],
        prefix_caching=None if found.prefix_caching is None else _YES_NO[found.prefix_caching],
        chunk_tokens=wholes["chunk-tokens"],
        schedule_policy=found.schedule_policy,
        mixed_chunk=None if found.mixed_chunk is None else _YES_NO[found.mixed_chunk],
        kv_offloading_size_gib=number("--kv-offloading-size-gib", found.kv_offloading_size_gib),
        kv_offloading_gbit_per_s=number("--kv-offloading-gbit-per-s", found.kv_offloading_gbit_per_s),
        kv_remote_size_gib=number("--kv-remote-size-gib", found.kv_remote_size_gib),
        kv_remote_gbit_per_s=number("--kv-remote-gbit-per-s", found.kv_remote_gbit_per_s),
        max_loras=wholes["max-loras"],
        max_lora_rank=wholes["max-lora-rank"],
        num_speculative_tokens=wholes["num-speculative-tokens"],
        draft_acceptance=_share("--draft-acceptance", found.draft_acceptance),
        draft_model=found.draft_model,
        beside=None if found.beside is None else read_beside(found.beside),
        usd_per_device_hour=number("--usd-per-device-hour", found.usd_per_device_hour),
        warmup_s=seconds("--warmup", found.warmup),
        prefill_replicas=wholes["prefill-replicas"],
        prefill_tp=wholes["prefill-tp"],
        prefill_pp=wholes["prefill-pp"],
        prefill_on=found.prefill_on,
        prefill_max_num_batched_tokens=wholes["prefill-max-num-batched-tokens"],
        prefill_kv_blocks=wholes["prefill-kv-blocks"],
        prefill_usd_per_device_hour=number("--prefill-usd-per-device-hour", found.prefill_usd_per_device_hour),
        kv_transfer=found.kv_transfer,
        kv_transfer_gbit_per_s=number("--kv-transfer-gbit-per-s", found.kv_transfer_gbit_per_s),
        traffic=_traffic(found),
    )


def _named_numbers(flag: str, text: str | None) -> dict[str, int | float] | None:
    """Numbers with names, like max=4,start_s=30. BadInput."""
    if text is None:
        return None
    read: dict[str, int | float] = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        found = number(flag, value) if equals else None
        if not name or found is None:
            raise BadInput(f"{part!r:.40} is not NAME=N, like max=4", field=flag)
        if name in read:
            raise BadInput(f"{name!r} is given twice", field=flag)
        read[name] = int(found) if found == int(found) and "." not in value else found
    return read


def _traffic(found: argparse.Namespace) -> dict[str, Any] | None:
    """The requests as a file would say them; None where nothing is said."""
    said = {
        "qps": number("--qps", found.qps),
        "arrivals": found.arrivals,
        "trace": found.trace if found.mode == SERVE else None,
        "requests": whole("requests", found.requests),
        "duration_s": seconds("--duration", found.duration),
        "prompts": whole("prompt-tokens", found.prompt_tokens),
        "answers": whole("answer-tokens", found.answer_tokens),
        "most_open": whole("concurrency", found.concurrency),
        "seed": None if found.seed is None else _seed(found.seed),
    }
    given = {name: value for name, value in said.items() if value is not None}
    return given or None


_SERVING_WHOLE = (
    *("replicas", "max-waiting", "max-num-seqs", "max-num-batched-tokens", "max-model-len", "block-size", "kv-blocks"),
    *("chunk-tokens", "max-loras", "max-lora-rank", "num-speculative-tokens"),
    *("prefill-replicas", "prefill-tp", "prefill-pp", "prefill-max-num-batched-tokens", "prefill-kv-blocks"),
)
_WHOLE = ("global-batch", "tp", "pp", "virtual-stages", "dp", "ep", "cp", "lora-rank")
_YES_NO = {"yes": True, "no": False}


def add_training_options(parser: Parser) -> None:
    """How a step of training is spread over devices; what a service is divided by stands here too."""
    shared = parser.add_argument_group("devices that share a model (--mode train or serve)")
    shared.add_argument("--tp", metavar="N", help="tensor parallel: devices that share every layer")
    shared.add_argument("--pp", metavar="N", help="pipeline parallel: stages")
    shared.add_argument(
        "--ep",
        metavar="N",
        help="expert parallel: who shares the experts of a mixture: replicas of a training step; devices of a service, a multiple of --tp",
    )
    group = parser.add_argument_group("a step of training (--mode train)")
    group.add_argument(
        "--microbatch",
        metavar="N[,N...]",
        help="sequences or images per micro-batch of one replica; the same as --batch",
    )
    group.add_argument(
        "--global-batch",
        metavar="N",
        help="sequences per step (default: one micro-batch per stage and replica)",
    )
    group.add_argument(
        "--sp", action="store_true", default=None, help="sequence parallel: they share norms and residuals too"
    )
    group.add_argument("--virtual-stages", metavar="N", help="chunks of layers per stage, with --schedule interleaved")
    group.add_argument(
        "--stage-layers",
        metavar="N[xM][,...]",
        help="layers of each chunk in forward order, like 7,8x14,7 (default: equal)",
    )
    group.add_argument("--schedule", metavar="SCHEDULE", help="1f1b (default), gpipe, interleaved or zero-bubble")
    group.add_argument("--dp", metavar="N", help="data parallel: replicas (default: as many as the devices allow)")
    group.add_argument(
        "--zero",
        metavar="STAGE",
        help="what is sharded across replicas: 1 optimizer state, 2 also gradients, 3 also weights (FSDP)",
    )
    group.add_argument("--cp", metavar="N", help="context parallel: devices that share the tokens of each sequence")
    group.add_argument(
        "--expert-imbalance", metavar="RATIO", help="tokens of the busiest device's experts, over the mean"
    )
    group.add_argument(
        "--recompute", metavar="WHAT", help="what is recomputed in the backward pass: none (default), selective, full"
    )
    group.add_argument(
        "--overlap",
        choices=tuple(_YES_NO),
        help="overlap communication between replicas with computation (default yes)",
    )
    group.add_argument(
        "--gradients", metavar="FORMAT", help="format of the gradients, like fp32 (default: that of the activations)"
    )
    group.add_argument("--dropout", action="store_true", default=None, help="keep dropout masks for the backward pass")
    group.add_argument("--lora-rank", metavar="N", help="train LoRA adapters of this rank and freeze the rest")
    group.add_argument("--lora-base", metavar="FORMAT", help="format of the frozen weights, like int4 (QLoRA)")


def training_options(found: argparse.Namespace) -> Options:
    """The options above, without the micro-batch."""
    wholes = {name: whole(name, getattr(found, name.replace("-", "_"))) for name in _WHOLE}
    return Options(
        global_batch=wholes["global-batch"],
        tp=wholes["tp"],
        sp=found.sp,
        pp=wholes["pp"],
        virtual=wholes["virtual-stages"],
        stage_layers=found.stage_layers,
        schedule=found.schedule,
        dp=wholes["dp"],
        zero=_zero(found.zero),
        ep=wholes["ep"],
        cp=wholes["cp"],
        imbalance=number("--expert-imbalance", found.expert_imbalance),
        recompute=found.recompute,
        overlap=None if found.overlap is None else _YES_NO[found.overlap],
        gradient_dtype=found.gradients,
        dropout=found.dropout,
        lora_rank=wholes["lora-rank"],
        lora_base=found.lora_base,
    )


def _zero(text: str | None) -> int | None:
    if text is not None and text not in ("0", "1", "2", "3"):
        raise BadInput(f"--zero: {text!r:.40} is not a ZeRO stage: use 0, 1, 2 or 3")
    return None if text is None else int(text)


def _seed(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise BadInput(f"{text!r:.40} is not a whole number from 0 to 999999999", field="--seed")
    return int(text)


def number(flag: str, text: str | None) -> float | None:
    """A number without a unit. BadInput."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"{text!r:.40} is not a number", field=flag) from None


def _share(flag: str, text: str | None) -> float | None:
    """A number, or one in percent. BadInput."""
    is_percent = text is not None and text.endswith("%")
    found = number(flag, text[:-1] if text is not None and is_percent else text)
    return found / 100 if found is not None and is_percent else found


def seconds(flag: str, text: str | None) -> float | None:
    """A time as a number of seconds, or with its unit. BadInput."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return parse(text, "s")
    except BadInput as fault:
        raise fault.at(field=flag) from None


def plan_options(found: argparse.Namespace) -> Options:
    """The options of the run, without batch."""
    return Options(
        mode=found.mode,
        seq=whole("seq", found.seq),
        context=whole("context", found.context),
        image=whole("image", found.image),
        dtype=found.dtype,
        weight_dtype=found.weights,
        kv_dtype=found.kv,
        attention=found.attention or "fused",
        head="default" if found.head is None else found.head,
        classes=whole("classes", found.classes),
        sizes=sizes(found.size),
    )


def sizes(given: Sequence[str]) -> dict[str, int] | None:
    """Open sizes by name; None where none is given."""
    read: dict[str, int] = {}
    for text in given:
        name, equals, number = text.partition("=")
        value = whole(f"size {name}", number) if equals else None
        if not name or value is None:
            raise BadInput(f"--size: {text!r:.60} is not NAME=N, like frames=300")
        if name in read:
            raise BadInput(f"--size: {name!r} is given twice")
        read[name] = value
    return read or None


def add_override_options(parser: Parser, note: str) -> None:
    """Numbers put in place of the device's; `note`: what becomes of them."""
    group = parser.add_argument_group(f"numbers in place of the device's ({note})")
    group.add_argument(
        "--device-peak",
        action="append",
        default=[],
        metavar="[FORMAT=]RATE",
        help='like "300 TFLOP/s" or "bf16=300 TFLOP/s"; may be given several times',
    )
    group.add_argument("--memory-bandwidth", metavar="RATE", help='like "2.8 TB/s"')
    group.add_argument("--memory-capacity", metavar="SIZE", help='like "80 GB"')
    group.add_argument("--launch-overhead", metavar="TIME", help='like "4 us"')
    group.add_argument(
        "--efficiency", metavar="SHARE", help="share of peaks and bandwidth that is reached, like 0.7 or 70%%"
    )


def overrides(found: argparse.Namespace) -> Overrides:
    """The numbers that the user set."""
    return Overrides(
        device_peak=tuple(found.device_peak),
        memory_bandwidth=found.memory_bandwidth,
        memory_capacity=found.memory_capacity,
        launch_overhead=found.launch_overhead,
        efficiency=found.efficiency,
    )
