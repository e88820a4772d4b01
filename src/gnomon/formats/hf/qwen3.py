"""qwen3 and qwen3_moe: norms of each head's query and key, heads of a width of their own."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from gnomon.formats.hf.family import Family
from gnomon.formats.hf.fields import (
    Config,
    Depth,
    Size,
    check_choice,
    check_gate,
    check_heads,
    decoder_head,
    experts,
    refuse_slips,
    windowed_layers,
)
from gnomon.formats.strict import shaped
from gnomon.zoo.decoder_shape import Decoder


class _Qwen3(Config):
    vocab_size: int = Field(default=151936, ge=1)
    hidden_size: int = Size
    intermediate_size: int = Size
    num_hidden_layers: int = Depth
    num_attention_heads: int = Size
    num_key_value_heads: int | None = Field(default=None, ge=1)
    head_dim: int | None = Field(default=None, ge=1)
    max_position_embeddings: int = Field(default=32768, ge=1)
    hidden_act: str = "silu"
    attention_bias: bool = False
    tie_word_embeddings: bool = False
    sliding_window: int | None = Field(default=4096, ge=1)
    use_sliding_window: bool = False
    max_window_layers: int = Field(default=28, ge=0)  # the first so many layers see every key

    @model_validator(mode="after")
    def _heads_divide(self) -> _Qwen3:
        check_heads(self.num_attention_heads, self.num_key_value_heads or self.num_attention_heads)
        return self


class _Qwen3Moe(_Qwen3):
    moe_intermediate_size: int = Size
    num_experts: int = experts("num_local_experts", "num_experts")
    num_experts_per_tok: int = Size
    decoder_sparse_step: int = Field(default=1, ge=1)  # every so many layers have experts, the others a dense MLP
    mlp_only_layers: list[int] | None = None  # layers that have a dense MLP in any case

    @model_validator(mode="after")
    def _can_choose(self) -> _Qwen3Moe:
        check_choice(self.num_experts_per_tok, self.num_experts, "num_experts")
        return self


def qwen3(data: Any, name: str, where: str) -> Decoder:
    """The shape that a qwen3's fields give."""
    refuse_slips(_Qwen3, data, where)
    config = shaped(_Qwen3, data, where)
    has_window = config.use_sliding_window and config.sliding_window is not None
    first = config.max_window_layers if has_window else config.num_hidden_layers
    windowed = windowed_layers(config, config.num_hidden_layers, range(first, config.num_hidden_layers), where)
    windowed = windowed if has_window else 0
    return Decoder(
        **_common(config, name, where),
        head_dim=config.head_dim or 128,  # the library's default
        intermediate=config.intermediate_size,
        window=config.sliding_window if windowed else None,
        window_layers=windowed,
    )


def qwen3_moe(data: Any, name: str, where: str) -> Decoder:
    """The shape that a qwen3_moe's fields give; its window, where it has one, is every layer's."""
    refuse_slips(_Qwen3Moe, data, where)
    config = shaped(_Qwen3Moe, data, where)
    windowed_layers(config, config.num_hidden_layers, (), where)
    only_dense = set(config.mlp_only_layers or ())
    dense = sum(
        index in only_dense or (index + 1) % config.decoder_sparse_step > 0 for index in range(config.num_hidden_layers)
    )
    return Decoder(
        **_common(config, name, where),
        head_dim=config.head_dim or config.hidden_size // config.num_attention_heads,
        intermediate=config.moe_intermediate_size,
        window=config.sliding_window if config.use_sliding_window else None,
        experts=config.num_experts,
        experts_chosen=config.num_experts_per_tok,
        dense_layers=dense,
        dense_intermediate=config.intermediate_size,
    )


def _common(config: _Qwen3, name: str, where: str) -> dict[str, Any]:
    check_gate("qwen3", config.hidden_act, "silu", where)
    return {
        "name": name,
        **decoder_head(config, where),
        "layers": config.num_hidden_layers,
        "hidden": config.hidden_size,
        "heads": config.num_attention_heads,
        "kv_heads": config.num_key_value_heads or config.num_attention_heads,
        "vocab": config.vocab_size,
        "positions": config.max_position_embeddings,
        "qk_norm": "rms",
        "qkv_bias": config.attention_bias,
        "out_bias": config.attention_bias,
        "is_tied": config.tie_word_embeddings,
    }


FAMILIES = {
    "qwen3": Family(read=qwen3, defaults={"num_key_value_heads": 32}, dtype="bf16"),
    "qwen3_moe": Family(
        read=qwen3_moe,
        defaults={
            "num_key_value_heads": 4,
            "moe_intermediate_size": 768,
            "num_experts": 128,
            "num_experts_per_tok": 8,
        },
        dtype="bf16",
    ),
}
