"""gpt_oss: a window in every other layer, sinks in the softmax, biases everywhere, experts kept in four bits."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from gnomon.formats.hf.family import Family
from gnomon.formats.hf.fields import (
    MOST_LAYERS,
    Config,
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


class _GptOss(Config):
    vocab_size: int = Field(default=201088, ge=1)
    hidden_size: int = Field(default=2880, ge=1)
    intermediate_size: int = Field(default=2880, ge=1)
    num_hidden_layers: int = Field(default=36, ge=1, le=MOST_LAYERS)
    num_attention_heads: int = Field(default=64, ge=1)
    num_key_value_heads: int | None = Field(default=8, ge=1)
    head_dim: int = Field(default=64, ge=1)
    num_local_experts: int = experts("num_local_experts", "num_experts", default=128)
    num_experts_per_tok: int = Field(default=4, ge=1)
    max_position_embeddings: int = Field(default=131072, ge=1)
    hidden_act: str = "silu"
    attention_bias: bool = True
    sliding_window: int | None = Field(default=128, ge=1)
    tie_word_embeddings: bool = False

    @model_validator(mode="after")
    def _can_be(self) -> _GptOss:
        check_heads(self.num_attention_heads, self.num_key_value_heads or self.num_attention_heads)
        check_choice(self.num_experts_per_tok, self.num_local_experts, "num_local_experts")
        return self


def gpt_oss(data: Any, name: str, where: str) -> Decoder:
    """The shape that a gpt_oss's fields give."""
    refuse_slips(_GptOss, data, where)
    config = shaped(_GptOss, data, where)
    check_gate("gpt_oss", config.hidden_act, "silu", where)
    layers = config.num_hidden_layers
    windowed = windowed_layers(config, layers, range(0, layers, 2), where)
    return Decoder(
        name=name,
        **decoder_head(config, where),
        layers=layers,
        hidden=config.hidden_size,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads or config.num_attention_heads,
        head_dim=config.head_dim,
        intermediate=config.intermediate_size,
        vocab=config.vocab_size,
        positions=config.max_position_embeddings,
        activation="clamped_silu_mul",
        qkv_bias=config.attention_bias,
        out_bias=config.attention_bias,
        is_tied=config.tie_word_embeddings,
        window=config.sliding_window if windowed else None,
        window_layers=windowed,
        has_sinks=True,
        experts=config.num_local_experts,
        experts_chosen=config.num_experts_per_tok,
        expert_bias=True,
        router="softmax of chosen",
        router_bias=True,
        quantised="experts",
    )


FAMILIES = {"gpt_oss": Family(read=gpt_oss, dtype="bf16")}
