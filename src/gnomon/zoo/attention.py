"""Self-attention of a decoder's layer: projections, norms and rotation of heads, attention over the cache."""

from __future__ import annotations

from typing import Literal

from gnomon.core.op import Attention, Elementwise, Norm
from gnomon.core.workload import CACHED
from gnomon.zoo.layer import Layer


def heads_attention(layer: Layer) -> str:
    """Attention of heads with keys and values of their own or shared in groups; the name of its last node."""
    config, tokens = layer.config, layer.tokens
    query, key_value = config.heads * config.head_dim, config.kv_heads * config.head_dim
    projected = layer.add("qkv_proj", layer.linear(config.hidden, query + 2 * key_value, has_bias=config.qkv_bias))
    read: tuple[str, ...] | None = None
    if config.qk_norm is not None:
        read = (projected, *_head_norms(layer, projected, config.qk_norm))
    if config.position == "rotary":
        turned = config.head_dim if config.rotary_dim is None else config.rotary_dim
        rotary = Elementwise(
            elements=tokens * (config.heads + config.kv_heads) * turned, function="rotary", dtype=layer.act
        )
        name = layer.add("rotary", rotary, after=None if read is None else read[1:])
        read = None if read is None else (projected, name)
    layer.add(
        "attention",
        Attention(
            batch=layer.plan.batch,
            heads=config.heads,
            kv_heads=config.kv_heads,
            head_dim=config.head_dim,
            q_len=layer.queries,
            kv_len=layer.keys,
            is_causal=True,
            is_fused=layer.plan.attention == "fused",
            has_cache=layer.plan.mode in CACHED,
            window=layer.window,
            dtype=layer.act,
            kv_dtype=layer.plan.kv_dtype,
            has_sinks=config.has_sinks,
            has_softcap=config.has_score_cap,
        ),
        after=read,
    )
    return layer.add("out_proj", layer.linear(query, config.hidden, has_bias=config.out_bias))


def _head_norms(layer: Layer, projected: str, kind: Literal["rms", "layer"]) -> tuple[str, str]:
    """A norm of every head's query and one of every head's key."""
    config = layer.config

    def norm(heads: int) -> Norm:
        return Norm(
            rows=layer.tokens * heads,
            columns=config.head_dim,
            kind=kind,
            dtype=layer.act,
            has_bias=kind == "layer",
        )

    query = layer.add("query_norm", norm(config.heads), after=(projected,))
    return query, layer.add("key_norm", norm(config.kv_heads), after=(projected,))
