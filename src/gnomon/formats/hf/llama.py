"""llama, mistral, mixtral, qwen2."""

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
    check_width,
    decoder_head,
    experts,
    refuse_slips,
    windowed_layers,
)
from gnomon.formats.strict import shaped
from gnomon.zoo.decoder_shape import Decoder


class Llama(Config):
    """llama, mistral, qwen2, mixtral."""

    vocab_size: int = Size
    hidden_size: int = Size
    intermediate_size: int = Size
    num_hidden_layers: int = Depth
    num_attention_heads: int = Size
    num_key_value_heads: int | None = Field(default=None, ge=1)
    head_dim: int | None = Field(default=None, ge=1)
    max_position_embeddings: int = Field(default=2048, ge=1)
    hidden_act: str = "silu"
    attention_bias: bool = False
    mlp_bias: bool = False
    tie_word_embeddings: bool = False
    sliding_window: int | None = Field(default=None, ge=1)
    use_sliding_window: bool | None = None
    max_window_layers: int = Field(default=28, ge=0)  # qwen2: the first so many layers see every key
    num_local_experts: int = experts("num_local_experts", "num_experts", default=8)
    num_experts_per_tok: int = Field(default=2, ge=1)

    @model_validator(mode="after")
    def _heads_divide(self) -> Llama:
        if self.head_dim is None:
            check_width(self.hidden_size, self.num_attention_heads)
        groups = self.num_key_value_heads or self.num_attention_heads
        check_heads(self.num_attention_heads, groups)
        check_choice(self.num_experts_per_tok, self.num_local_experts, "num_local_experts")
        return self


def llama(data: Any, name: str, where: str) -> Decoder:
    """The shape that a llama's, mistral's, mixtral's or qwen2's fields give."""
    refuse_slips(Llama, data, where)
    config = shaped(Llama, data, where)
    kind = data["model_type"]
    check_gate(kind, config.hidden_act, "silu", where)
    is_qwen = kind == "qwen2"
    first = config.num_hidden_layers
    if config.sliding_window and (config.use_sliding_window if is_qwen else kind in ("mistral", "mixtral")):
        first = config.max_window_layers if is_qwen else 0
    windowed = windowed_layers(config, config.num_hidden_layers, range(first, config.num_hidden_layers), where)
    if not is_qwen:  # the library's other classes pass over the types
        windowed = config.num_hidden_layers - first
    return Decoder(
        name=name,
        **decoder_head(config, where),
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads or config.num_attention_heads,
        head_dim=config.head_dim or config.hidden_size // config.num_attention_heads,
        intermediate=config.intermediate_size,
        vocab=config.vocab_size,
        positions=config.max_position_embeddings,
        qkv_bias=is_qwen or (kind == "llama" and config.attention_bias),
        out_bias=kind == "llama" and config.attention_bias,
        mlp_bias=kind == "llama" and config.mlp_bias,
        is_tied=config.tie_word_embeddings,
        window=config.sliding_window if windowed > 0 else None,
        window_layers=windowed,
        experts=config.num_local_experts if kind == "mixtral" else 0,
        experts_chosen=config.num_experts_per_tok if kind == "mixtral" else 0,
    )


FAMILIES = {
    "llama": Family(read=llama),
    "mistral": Family(read=llama, defaults={"num_key_value_heads": 8, "sliding_window": 4096}),
    "qwen2": Family(
        read=llama, defaults={"num_key_value_heads": 32, "sliding_window": 4096, "use_sliding_window": False}
    ),
    "mixtral": Family(read=llama, defaults={"num_key_value_heads": 8}),
}
