"""phi, with attention and MLP side by side, and phi3, a llama with a fused projection; both rotate part of a head."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from gnomon.formats.hf.family import Family
from gnomon.formats.hf.fields import (
    Config,
    Depth,
    Size,
    activation,
    check_gate,
    check_heads,
    check_width,
    decoder_head,
    refuse_slips,
    windowed_layers,
)
from gnomon.formats.strict import shaped
from gnomon.zoo.decoder_shape import Decoder


class _Phi(Config):
    vocab_size: int = Size
    hidden_size: int = Size
    intermediate_size: int = Size
    num_hidden_layers: int = Depth
    num_attention_heads: int = Size
    num_key_value_heads: int | None = Field(default=None, ge=1)
    head_dim: int | None = Field(default=None, ge=1)
    max_position_embeddings: int = Field(default=2048, ge=1)
    hidden_act: str = "gelu_new"
    tie_word_embeddings: bool = False
    partial_rotary_factor: float | None = Field(default=None, gt=0, le=1)
    rope_parameters: dict[str, Any] | None = None  # newer files give the part that is rotated in here
    qk_layernorm: bool = False

    @model_validator(mode="after")
    def _heads_divide(self) -> _Phi:
        if self.head_dim is None:
            check_width(self.hidden_size, self.num_attention_heads)
        check_heads(self.num_attention_heads, self.num_key_value_heads or self.num_attention_heads)
        return self

    def rotary_dim(self, usual: float) -> int:
        """Numbers of a head that are rotated; `usual` is the library's part of a head."""
        part = self.partial_rotary_factor or (self.rope_parameters or {}).get("partial_rotary_factor", usual)
        return int(self.width * part)

    @property
    def width(self) -> int:
        """Numbers of a head."""
        return self.head_dim or self.hidden_size // self.num_attention_heads


class _Phi3(_Phi):
    hidden_act: str = "silu"
    max_position_embeddings: int = Field(default=4096, ge=1)
    sliding_window: int | None = Field(default=None, ge=1)


def phi(data: Any, name: str, where: str) -> Decoder:
    """The shape that a phi's fields give."""
    refuse_slips(_Phi, data, where)
    config = shaped(_Phi, data, where)
    return Decoder(
        **_common(config, name, where),
        rotary_dim=config.rotary_dim(0.5),
        norm="layer",
        is_parallel=True,
        qk_norm="layer" if config.qk_layernorm else None,
        activation=activation(config.hidden_act, where, "hidden_act"),  # type: ignore[arg-type]
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        head_bias=True,
    )


def phi3(data: Any, name: str, where: str) -> Decoder:
    """The shape that a phi3's fields give; its window, where it has one, is every layer's."""
    refuse_slips(_Phi3, data, where)
    config = shaped(_Phi3, data, where)
    check_gate("phi3", config.hidden_act, "silu", where)
    return Decoder(**_common(config, name, where), rotary_dim=config.rotary_dim(1.0), window=config.sliding_window)


def _common(config: _Phi, name: str, where: str) -> dict[str, Any]:
    windowed_layers(config, config.num_hidden_layers, (), where)
    return {
        "name": name,
        **decoder_head(config, where),
        "layers": config.num_hidden_layers,
        "hidden": config.hidden_size,
        "heads": config.num_attention_heads,
        "kv_heads": config.num_key_value_heads or config.num_attention_heads,
        "head_dim": config.width,
        "intermediate": config.intermediate_size,
        "vocab": config.vocab_size,
        "positions": config.max_position_embeddings,
        "is_tied": config.tie_word_embeddings,
    }


FAMILIES = {
    "phi": Family(read=phi, defaults={"vocab_size": 51200}),
    "phi3": Family(read=phi3, defaults={"vocab_size": 32064}, dtype="bf16"),
}
