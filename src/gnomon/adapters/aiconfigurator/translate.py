"""A service -> what AIConfigurator is asked. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gnomon.adapters.aiconfigurator.names import BACKENDS, GEMM, KV_CACHE, SYSTEMS, WEIGHTS
from gnomon.core.errors import Unsupported
from gnomon.core.scenario import Scenario
from gnomon.core.service import Arrivals
from gnomon.core.step_limits import step_limits
from gnomon.core.tool import Files
from gnomon.tools.serving.answer import replicas_of, serving_plan
from gnomon.tools.serving.shape import Shape, shape_of
from gnomon.tools.serving.steady_state import batches
from gnomon.tools.serving.stream import of_the_door, reasons_against, reasons_against_plan, steady

OPTIONS, CONFIG = "options.json", "config.json"


def missing(scenario: Scenario, arrivals: Arrivals) -> Iterator[str]:
    """Reasons why it cannot be asked."""
    plan, device = serving_plan(scenario), scenario.system.device
    if device.name not in SYSTEMS:
        yield f"aiconfigurator has no measurements of {device.name} (it has those of {', '.join(SYSTEMS)})"
    if device.overrides():
        yield "aiconfigurator has its own measurements of the device, not the numbers that were put in place of the catalogue's"
    if plan.policy not in BACKENDS:
        yield f"aiconfigurator knows no policy {plan.policy} (it has measurements of {' and '.join(BACKENDS)})"
    try:
        shape = shape_of(scenario.workload)
    except Unsupported as reason:
        yield f"aiconfigurator is asked by a model's numbers, and {scenario.workload.name} is not told by them: {reason}"
        return
    if not shape.is_gated:
        yield f"aiconfigurator knows no MLP without a gate, as that of {shape.name}"
    yield from _formats(scenario, shape)
    if plan.ep not in (1, plan.tp):
        yield f"it is asked for experts that are shared among the devices of one replica: ep 1 or {plan.tp}, not {plan.ep}"
    if shape.heads % plan.tp:
        yield f"{shape.heads} heads cannot be divided by {plan.tp}"
    if plan.tp * plan.pp > scenario.system.count:
        yield f"a replica takes {plan.tp * plan.pp} devices, and {scenario.system.name} has {scenario.system.count}"
    yield from reasons_against_plan(plan)
    yield from reasons_against(arrivals)
    yield from of_the_door(plan, "aiconfigurator")


def _formats(scenario: Scenario, shape: Shape) -> Iterator[str]:
    dtype, weights, cache = scenario.workload.dtype, scenario.plan.weight_dtype, scenario.plan.kv_dtype
    if dtype not in GEMM:
        yield f"aiconfigurator knows no products in {dtype} (it knows {', '.join(GEMM)})"
    if weights not in (None, dtype, *WEIGHTS):
        yield f"aiconfigurator knows no weights in {weights} (it knows {', '.join(WEIGHTS)})"
    elif weights not in (None, dtype) and shape.experts > 1:
        yield f"it is not asked for experts in {weights}"
    if cache is not None and cache not in KV_CACHE:
        yield f"aiconfigurator knows no KV cache in {cache} (it knows {', '.join(KV_CACHE)})"


def translate(scenario: Scenario, arrivals: Arrivals) -> Files:
    """The model's shape as Hugging Face writes it, and the sizes."""
    plan, shape = serving_plan(scenario), shape_of(scenario.workload)
    stream, replicas = steady(arrivals, plan), replicas_of(scenario)
    dtype, weights = scenario.workload.dtype, scenario.plan.weight_dtype
    gemm = GEMM[dtype] if weights in (None, dtype) else WEIGHTS[weights or dtype]
    _, budget = step_limits(plan, scenario.system.device)
    estimate: dict[str, Any] = {
        "system_name": SYSTEMS[scenario.system.device.name],
        "backend_name": BACKENDS[plan.policy],
        "database_mode": "SILICON",
        "isl": stream.prompt_tokens,
        "osl": stream.answer_tokens,
        "ctx_tokens": min(stream.prompt_tokens, budget),
        "tp_size": plan.tp,
        "pp_size": plan.pp,
        "gemm_quant_mode": gemm,
        "kvcache_quant_mode": KV_CACHE[scenario.plan.kv_dtype or ("bf16" if dtype == "fp8" else dtype)],
        "free_gpu_memory_fraction": plan.gpu_memory_utilization,
    }
    if shape.experts > 1:
        estimate |= {
            "moe_tp_size": plan.tp // plan.ep,
            "moe_ep_size": plan.ep,
            "moe_quant_mode": gemm,
        }
    most = min(step_limits(plan, scenario.system.device)[0], stream.most_of(replicas))
    options = {"estimate": estimate, "batches": list(batches(most)), "rate_per_s": stream.rate_of(replicas)}
    return {OPTIONS: json.dumps(options, indent=1), CONFIG: json.dumps(config(shape), indent=1)}


def config(shape: Shape) -> dict[str, Any]:
    """A shape as config.json, of the architecture that it is closest to."""
    told: dict[str, Any] = {
        "architectures": [_architecture(shape)],
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "intermediate_size": shape.intermediate,
        "vocab_size": shape.vocab,
        "max_position_embeddings": shape.positions,
        "hidden_act": "silu",
        "tie_word_embeddings": shape.is_tied,
        "torch_dtype": "bfloat16",
    }
    if shape.experts > 1:
        told |= {"num_local_experts": shape.experts, "num_experts_per_tok": shape.experts_chosen}
    return told


def _architecture(shape: Shape) -> str:
    if shape.experts > 1:
        return "MixtralForCausalLM"
    if shape.has_qk_norm:
        return "Qwen3ForCausalLM"
    return "Qwen2ForCausalLM" if shape.has_qkv_bias else "LlamaForCausalLM"
