"""Attention of a step: of sequences that get one token, and of a chunk of a prompt."""

from __future__ import annotations

from dataclasses import replace

from gnomon.core.errors import Unsupported
from gnomon.core.op import Elementwise, MatMul, Op
from gnomon.engines.serving.step_times.device_share import Layers


def decode_ops(layers: Layers, decodes: int, kv_len: int, each: int = 1) -> tuple[Op, ...]:
    """What a layer runs for `decodes` sequences of one new token each, or `each`; their mean length is `kv_len`."""
    ops: list[Op] = [replace(op, m=op.m * decodes * each) for op in layers.absorbed]
    return (*ops, replace(layers.attention, batch=decodes, q_len=each, kv_len=max(each, kv_len)))


def prefill_ops(layers: Layers, before: int, chunk: int) -> tuple[Op, ...]:
    """What a layer runs for `chunk` new tokens of a prompt behind `before` cached ones. Unsupported.

    Latent attention expands keys and values of all of them from the latent, as vLLM does. [DeepSeek-AI 2024, DeepSeek-V2,
    section 2.1]
    """
    one, keys = layers.attention, before + chunk
    if not one.is_value_in_key:
        return (replace(one, batch=1, q_len=chunk, kv_len=keys),)
    if len(layers.absorbed) != 2:
        raise Unsupported("latent attention without its two products of every head")
    to_latent, from_latent = layers.absorbed
    rank, rope = from_latent.k, one.head_dim - from_latent.k
    key, value, heads = to_latent.k + rope, from_latent.n, one.heads
    expand = MatMul(
        m=keys,
        n=heads * (to_latent.k + value),
        k=rank,
        dtype=to_latent.dtype,
        weight_dtype=to_latent.weight_dtype,
        out_dtype=to_latent.out_dtype,
    )
    join = Elementwise(elements=keys * heads * key, function="copy", dtype=one.dtype)
    expanded = replace(
        one,
        batch=1,
        q_len=chunk,
        kv_len=keys,
        kv_heads=heads,
        head_dim=key,
        value_dim=value,
        is_value_in_key=False,
        kv_dtype=None,
    )
    return expand, join, expanded
