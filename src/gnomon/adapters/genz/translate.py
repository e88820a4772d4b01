"""A service -> what GenZ is asked. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import prod

from gnomon.core.errors import Unsupported
from gnomon.core.scenario import Scenario
from gnomon.core.service import Arrivals
from gnomon.core.step_limits import step_limits
from gnomon.core.system import Dimension, System
from gnomon.core.tool import Files
from gnomon.tools.serving.answer import replicas_of, serving_plan
from gnomon.tools.serving.shape import shape_of
from gnomon.tools.serving.steady_state import batches
from gnomon.tools.serving.stream import of_the_door, reasons_against, reasons_against_plan, steady

OPTIONS = "options.json"
_GIB = 2**30  # what it calls a GB, of memory and of bandwidths
_BITS = {"fp16": "bf16", "bf16": "bf16", "fp32": "f32", "fp8": "fp8", "int8": "int8", "fp4": "fp4", "int4": "int4"}
# What it multiplies a product's time with, by format: the peak that it is given is that of 16 bits. [GenZ/system.py]
_COMPUTE = {"bf16": 1.0, "f32": 2.0, "fp8": 0.5, "int8": 0.5, "fp4": 0.25, "int4": 0.25}


def missing(scenario: Scenario, arrivals: Arrivals) -> Iterator[str]:
    """Reasons why it cannot be asked."""
    plan, workload, system = serving_plan(scenario), scenario.workload, scenario.system
    try:
        shape = shape_of(workload)
    except Unsupported as reason:
        yield f"genz cannot be told of {workload.name}: {reason}"
        return
    if workload.dtype not in _BITS:
        yield f"genz knows no {workload.dtype} (it knows {', '.join(_BITS)})"
    elif system.device.peak(workload.dtype, is_matrix=True) is None:
        yield f"{system.device.name} has no unit for {workload.dtype}"
    for what, stored in (("weights are", scenario.plan.weight_dtype), ("KV cache is", scenario.plan.kv_dtype)):
        if stored not in (None, workload.dtype):
            yield f"genz keeps weights, KV cache and activations in one format, and here the {what} in {stored}"
    if plan.tp * plan.pp > 1 and not system.dimensions:
        yield f"{system.name} does not describe what joins {plan.tp * plan.pp} devices"
    elif plan.tp * plan.pp > system.count:
        yield f"a replica takes {plan.tp * plan.pp} devices, and {system.name} has {system.count}"
    if shape.heads % plan.tp:
        yield f"{shape.heads} heads cannot be divided by {plan.tp}"
    if plan.ep not in (1, plan.tp):
        yield f"genz shares experts among the devices of one replica: ep 1 or {plan.tp}, not {plan.ep}"
    elif shape.experts % plan.ep:
        yield f"{shape.experts} experts cannot be divided by {plan.ep}"
    yield from reasons_against_plan(plan)
    yield from reasons_against(arrivals)
    yield from of_the_door(plan, "genz")


def translate(scenario: Scenario, arrivals: Arrivals) -> Files:
    """Model, device and sizes as numbers."""
    plan, device = serving_plan(scenario), scenario.system.device
    shape, stream, replicas = shape_of(scenario.workload), steady(arrivals, plan), replicas_of(scenario)
    bits = _BITS[scenario.workload.dtype]
    peak = device.peak(scenario.workload.dtype, is_matrix=True)
    assert peak is not None
    link = slowest_link(scenario.system, plan.tp * plan.pp)
    most = min(step_limits(plan, scenario.system.device)[0], stream.most_of(replicas))
    options = {
        "model": {
            "vocab_size": shape.vocab,
            "max_model_len": shape.positions,
            "hidden_size": shape.hidden,
            "intermediate_size": shape.intermediate,
            "num_ffi": 2 if shape.is_gated else 1,
            "num_decoder_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.kv_heads,
            "head_dim": shape.head_dim,
            "num_experts": shape.experts,
            "expert_top_k": shape.experts_chosen,
        },
        "system": {
            "Flops": peak.value * _COMPUTE[bits] / 1e12,
            "Memory_size": device.memory_bytes.value * plan.gpu_memory_utilization / _GIB,
            "Memory_BW": device.memory_bytes_per_s.value / _GIB,
            "ICN": link.bandwidth_bytes_per_s.value / _GIB if link else 0.0,
            "ICN_LL": link.latency_s.value * 1e6 if link else 0.0,
        },
        "bits": bits,
        "tp": plan.tp // plan.ep,  # it divides attention by the product of the two
        "ep": plan.ep,
        "pp": plan.pp,
        "prompt": stream.prompt_tokens,
        "answer": stream.answer_tokens,
        "batches": list(batches(most)),
        "rate_per_s": stream.rate_of(replicas),
    }
    return {OPTIONS: json.dumps(options, indent=1)}


def slowest_link(system: System, devices: int) -> Dimension | None:
    """The slowest level of the network among so many neighbours: it knows one kind of link. None for one device."""
    if devices == 1:
        return None
    sizes = [one.size for one in system.dimensions]
    crossed = next((at + 1 for at in range(len(sizes)) if prod(sizes[: at + 1]) >= devices), len(sizes))
    return min(system.dimensions[:crossed], key=lambda one: one.bandwidth_bytes_per_s.value)
