"""What each field of a question is called on the command line: the one table of it."""

from __future__ import annotations

from gnomon.api import plugins
from gnomon.core.errors import BadInput

# Field, as Python and files spell it -> flag. docs/how-to/write-a-scenario.md shows the same.
FLAGS = {
    "mode": "--mode",
    "batch": "--batch",
    "seq": "--seq",
    "context": "--context",
    "image": "--image",
    "dtype": "--dtype",
    "weight_dtype": "--weights",
    "kv_dtype": "--kv",
    "attention": "--attention",
    "head": "--head",
    "classes": "--classes",
    "sizes": "--size",
    "global_batch": "--global-batch",
    "tp": "--tp",
    "sp": "--sp",
    "pp": "--pp",
    "virtual": "--virtual-stages",
    "stage_layers": "--stage-layers",
    "schedule": "--schedule",
    "dp": "--dp",
    "zero": "--zero",
    "ep": "--ep",
    "cp": "--cp",
    "imbalance": "--expert-imbalance",
    "recompute": "--recompute",
    "overlap": "--overlap",
    "gradient_dtype": "--gradients",
    "dropout": "--dropout",
    "lora_rank": "--lora-rank",
    "lora_base": "--lora-base",
    "policy": "--policy",
    "replicas": "--replicas",
    "router": "--router",
    "router_weights": "--router-weights",
    "autoscale": "--autoscale",
    "max_waiting": "--max-waiting",
    "max_wait_s": "--max-wait",
    "scheduling": "--scheduling",
    "max_num_seqs": "--max-num-seqs",
    "max_num_batched_tokens": "--max-num-batched-tokens",
    "max_model_len": "--max-model-len",
    "block_size": "--block-size",
    "gpu_memory_utilization": "--gpu-memory-utilization",
    "kv_blocks": "--kv-blocks",
    "prefix_caching": "--prefix-caching",
    "chunk_tokens": "--chunk-tokens",
    "schedule_policy": "--schedule-policy",
    "mixed_chunk": "--mixed-chunk",
    "kv_offloading_size_gib": "--kv-offloading-size-gib",
    "kv_offloading_gbit_per_s": "--kv-offloading-gbit-per-s",
    "kv_remote_size_gib": "--kv-remote-size-gib",
    "kv_remote_gbit_per_s": "--kv-remote-gbit-per-s",
    "max_loras": "--max-loras",
    "max_lora_rank": "--max-lora-rank",
    "num_speculative_tokens": "--num-speculative-tokens",
    "draft_acceptance": "--draft-acceptance",
    "draft_model": "--draft-model",
    "usd_per_device_hour": "--usd-per-device-hour",
    "warmup_s": "--warmup",
    "beside": "--beside",
    "prefill_replicas": "--prefill-replicas",
    "prefill_tp": "--prefill-tp",
    "prefill_pp": "--prefill-pp",
    "prefill_on": "--prefill-on",
    "prefill_max_num_batched_tokens": "--prefill-max-num-batched-tokens",
    "prefill_kv_blocks": "--prefill-kv-blocks",
    "prefill_usd_per_device_hour": "--prefill-usd-per-device-hour",
    "kv_transfer": "--kv-transfer",
    "kv_transfer_gbit_per_s": "--kv-transfer-gbit-per-s",
    "traffic": "--qps",
    "traffic.qps": "--qps",
    "traffic.trace": "--trace",
    "traffic.arrivals": "--arrivals",
    "traffic.arrivals.process": "--arrivals",
    "traffic.prompts": "--prompt-tokens",
    "traffic.answers": "--answer-tokens",
    "traffic.requests": "--requests",
    "traffic.duration_s": "--duration",
    "traffic.most_open": "--concurrency",
    "traffic.seed": "--seed",
    "overrides.device_peak": "--device-peak",
    "overrides.memory_bandwidth": "--memory-bandwidth",
    "overrides.memory_capacity": "--memory-capacity",
    "overrides.launch_overhead": "--launch-overhead",
    "overrides.efficiency": "--efficiency",
}
OVERRIDES = tuple(flag for field, flag in FLAGS.items() if field.startswith("overrides."))


def dest(flag: str) -> str:
    """Where argparse keeps what was given to a flag."""
    return flag.lstrip("-").replace("-", "_")


def in_flags(fault: BadInput) -> BadInput:
    """The fault with its fields named by their flags; one found in a file keeps the file's words."""
    if fault.where:
        return fault
    part, _, name = fault.field.partition(".")
    flag = f"{FLAGS[part]} {name}" if part == "sizes" and name else FLAGS.get(fault.field)
    if part in plugins.names("engines") and name:  # a setting of an engine's own
        flag = f"--set {fault.field}"
    remedies = [(FLAGS.get(field, field), values) for field, values in fault.remedies]
    return BadInput(fault.what, field=flag or fault.field, further=fault.further, remedies=remedies)
