"""The second half of a decoder's layer: an MLP, or a mixture of experts with what every token takes beside them."""

from __future__ import annotations

from gnomon.core.op import Elementwise, GroupedMatMul, Softmax
from gnomon.zoo.graph import full_linear
from gnomon.zoo.layer import Layer


def mlp(layer: Layer, source: str, inner: int, prefix: str = "") -> str:
    """Up, activation, down, of what `source` gives; the name of the last node."""
    config = layer.config
    wide = 2 * inner if config.is_gated else inner
    up = layer.linear(config.hidden, wide, has_bias=config.mlp_bias)
    layer.add(f"{prefix}gate_up_proj" if config.is_gated else f"{prefix}up_proj", up, after=(source,))
    layer.elementwise(f"{prefix}activation", config.activation, layer.tokens * inner)
    return layer.add(f"{prefix}down_proj", layer.linear(inner, config.hidden, has_bias=config.mlp_bias))


def mixture(layer: Layer, source: str) -> str:
    """Router, chosen experts' gated MLPs, weighted sum, and the MLP of all tokens; the name of the last node."""
    config, plan, tokens = layer.config, layer.plan, layer.tokens
    inner, chosen = config.intermediate, config.experts_chosen
    layer.add(
        "router",
        full_linear(tokens, config.hidden, config.experts, plan, has_bias=config.router_bias),
        after=(source,),
    )
    routed = _choice(layer)

    def product(n: int, k: int) -> GroupedMatMul:
        return GroupedMatMul(
            tokens=tokens,
            groups=config.experts,
            chosen=chosen,
            n=n,
            k=k,
            dtype=plan.dtype,
            weight_dtype=plan.weight_dtype,
            out_dtype=layer.act,
            has_bias=config.expert_bias,
        )

    layer.add("experts_gate_up", product(2 * inner, config.hidden), after=(source, routed))
    layer.elementwise("experts_activation", config.activation, tokens * chosen * inner)
    down = layer.add("experts_down", product(config.hidden, inner))
    if chosen > 1:  # with one there is nothing to sum
        total = Elementwise(elements=tokens * config.hidden, function="add", inputs=chosen, dtype=layer.act)
        down = layer.add("experts_sum", total)
    if config.shared_intermediate:
        shared = mlp(layer, source, config.shared_intermediate, "shared_")
        down = layer.elementwise("shared_add", "add", tokens * config.hidden, after=(down, shared))
    return down


def _choice(layer: Layer) -> str:
    """What turns the router's scores into weights; picking the largest is not counted."""
    config, tokens = layer.config, layer.tokens
    if config.router == "sigmoid":
        return layer.elementwise("router_sigmoid", "sigmoid", tokens * config.experts)
    columns = config.experts if config.router == "softmax" else config.experts_chosen
    return layer.add("router_softmax", Softmax(rows=tokens, columns=columns, dtype=layer.act))
