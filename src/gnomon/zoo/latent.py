"""Multi-head latent attention (MLA): the cache keeps one latent row a token, from which all heads' keys and values follow.

[DeepSeek-AI 2024, DeepSeek-V2, section 2.1] There are two ways to compute the same thing, and serving stacks take the one
that suits the pass (vLLM, `model_executor/layers/attention/mla_attention.py`: the compute-friendly and the
data-movement-friendly approach; SGLang does the same):

- new tokens of a prompt, and training: keys and values of every head are expanded from the latent, 192 and 128 numbers wide
  in DeepSeek-V3, and attention runs as if there were no latent;
- decoding: the expansion of keys is moved to the query and that of values behind attention ("absorbed"), so that every
  head meets the cached latent itself, 576 numbers wide of which the first 512 are the value. That is 3.4 times the
  arithmetic for each pair of a query and a key, and no expansion of the whole cache at every step.
"""

from __future__ import annotations

from gnomon.core.op import Attention, Elementwise, MatMul, Norm
from gnomon.core.workload import CACHED, SERVE
from gnomon.zoo.decoder_shape import Latent
from gnomon.zoo.layer import Layer


def latent_attention(layer: Layer, widths: Latent) -> str:
    """Latent attention of a layer; the name of its last node."""
    config, tokens = layer.config, layer.tokens
    query, latent = _projections(layer, widths)
    turned = Elementwise(elements=tokens * (config.heads + 1) * widths.rope_dim, function="rotary", dtype=layer.act)
    rotary = layer.add("rotary", turned, after=(query, latent))
    if layer.plan.mode in ("decode", SERVE):
        _absorbed(layer, widths, query, latent, rotary)
    else:
        _expanded(layer, widths, query, latent, rotary)
    return layer.add("out_proj", layer.linear(config.heads * widths.value_dim, config.hidden, has_bias=config.out_bias))


def assumptions(mode: str) -> tuple[str, ...]:
    """How latent attention is computed in a mode."""
    if mode == "decode":
        return ("latent attention absorbed: queries meet the cached latent itself, as vLLM and SGLang decode",)
    return ("latent attention expanded: every head has its own keys and values, as vLLM and SGLang prefill",)


def _projections(layer: Layer, widths: Latent) -> tuple[str, str]:
    """Names of the queries of all heads and of the normed latent; the first products of both are one, as vLLM fuses them."""
    config = layer.config
    source, queries = layer.graph.last, config.heads * widths.key_dim
    if widths.query_rank is None:
        query = layer.add("q_proj", layer.linear(config.hidden, queries), after=(source,))
        down = layer.linear(config.hidden, widths.kept_dim, has_bias=config.qkv_bias)
        both = layer.add("kv_a_proj", down, after=(source,))
    else:
        down = layer.linear(config.hidden, widths.query_rank + widths.kept_dim, has_bias=config.qkv_bias)
        both = layer.add("qkv_a_proj", down, after=(source,))
        layer.add("query_norm", _norm(layer, widths.query_rank))
        query = layer.add("q_b_proj", layer.linear(widths.query_rank, queries))
    return query, layer.add("latent_norm", _norm(layer, widths.rank), after=(both,))


def _norm(layer: Layer, columns: int) -> Norm:
    return Norm(rows=layer.tokens, columns=columns, kind="rms", dtype=layer.act, has_bias=False)


def _expanded(layer: Layer, widths: Latent, query: str, latent: str, rotary: str) -> None:
    """Attention over keys and values of every head, expanded from the latent."""
    heads, tokens = layer.config.heads, layer.tokens
    up = layer.linear(widths.rank, heads * (widths.nope_dim + widths.value_dim))
    values = layer.add("kv_b_proj", up, after=(latent,))
    # The rotated part of the key, the same for all heads, is copied beside each head's own part.
    join = Elementwise(elements=tokens * heads * widths.key_dim, function="copy", dtype=layer.act)
    keys = layer.add("keys_joined", join, after=(values, rotary))
    attention = Attention(
        batch=layer.plan.batch,
        heads=heads,
        kv_heads=heads,
        head_dim=widths.key_dim,
        value_dim=widths.value_dim,
        kept_dim=widths.kept_dim,
        q_len=layer.queries,
        kv_len=layer.keys,
        is_causal=True,
        is_fused=layer.plan.attention == "fused",
        has_cache=layer.plan.mode in CACHED,
        dtype=layer.act,
        kv_dtype=layer.plan.kv_dtype,
    )
    layer.add("attention", attention, after=(query, keys, values))


def _absorbed(layer: Layer, widths: Latent, query: str, latent: str, rotary: str) -> None:
    """Attention over the latent: each head's query is taken there first, each head's result back afterwards."""
    heads = layer.config.heads

    def product(k: int, n: int) -> MatMul:
        return MatMul(
            batch=heads,
            m=layer.tokens,
            n=n,
            k=k,
            dtype=layer.plan.dtype,
            weight_dtype=layer.plan.weight_dtype,
            out_dtype=layer.act,
        )

    taken = layer.add("query_absorb", product(widths.nope_dim, widths.rank), after=(query,))
    attention = Attention(
        batch=layer.plan.batch,
        heads=heads,
        kv_heads=1,
        head_dim=widths.kept_dim,
        value_dim=widths.rank,
        is_value_in_key=True,
        q_len=layer.queries,
        kv_len=layer.keys,
        is_causal=True,
        is_fused=layer.plan.attention == "fused",
        has_cache=True,
        dtype=layer.act,
        kv_dtype=layer.plan.kv_dtype,
    )
    layer.add("attention", attention, after=(taken, latent, rotary))
    layer.add("value_absorb", product(widths.rank, widths.value_dim))
