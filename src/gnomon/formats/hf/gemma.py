"""gemma, gemma2, gemma3 and gemma3_text: wide heads, a scaled embedding that is also the head, windows from the second on."""

from __future__ import annotations

from typing import Any

from pydantic import AliasChoices, Field, model_validator

from gnomon.core.errors import BadInput
from gnomon.formats.hf.family import Family
from gnomon.formats.hf.fields import (
    Config,
    Depth,
    Size,
    check_gate,
    check_heads,
    decoder_head,
    refuse_slips,
    windowed_layers,
)
from gnomon.formats.strict import shaped
from gnomon.zoo.decoder_shape import Decoder


class _Gemma(Config):
    vocab_size: int = Field(default=256000, ge=1)
    hidden_size: int = Size
    intermediate_size: int = Size
    num_hidden_layers: int = Depth
    num_attention_heads: int = Field(default=8, ge=1)
    num_key_value_heads: int = Field(default=4, ge=1)
    head_dim: int = Field(default=256, ge=1)
    max_position_embeddings: int = Field(default=8192, ge=1)
    hidden_act: str = "gelu_pytorch_tanh"
    hidden_activation: str | None = None
    attention_bias: bool = False
    tie_word_embeddings: bool = True
    use_bidirectional_attention: bool | None = None

    @model_validator(mode="after")
    def _heads_divide(self) -> _Gemma:
        check_heads(self.num_attention_heads, self.num_key_value_heads)
        return self


class _Gemma2(_Gemma):
    sliding_window: int | None = Field(default=4096, ge=1)
    attn_logit_softcapping: float | None = 50.0
    final_logit_softcapping: float | None = 30.0


class _Gemma3(_Gemma2):
    vocab_size: int = Field(default=262208, ge=1)
    max_position_embeddings: int = Field(default=131072, ge=1)
    attn_logit_softcapping: float | None = None
    final_logit_softcapping: float | None = None
    sliding_window_pattern: int = Field(
        default=6, ge=1, validation_alias=AliasChoices("_sliding_window_pattern", "sliding_window_pattern")
    )  # the last of every so many layers sees every key


def gemma(data: Any, name: str, where: str) -> Decoder:
    """The shape that a gemma's fields give."""
    refuse_slips(_Gemma, data, where)
    config = shaped(_Gemma, data, where)
    windowed_layers(config, config.num_hidden_layers, (), where)
    return Decoder(**_common(config, name, where))


def gemma2(data: Any, name: str, where: str) -> Decoder:
    """The shape that a gemma2's fields give: layers with and without a window take turns."""
    refuse_slips(_Gemma2, data, where)
    config = shaped(_Gemma2, data, where)
    return Decoder(**_common(config, name, where), **_windowed(config, range(0, config.num_hidden_layers, 2), where))


def gemma3(data: Any, name: str, where: str) -> Decoder:
    """The shape that a gemma3_text's fields give, or the text half of a gemma3."""
    notes: tuple[str, ...] = ()
    if data["model_type"] == "gemma3":
        inner = data.get("text_config")
        if not isinstance(inner, dict):
            raise BadInput(f"{where}: text_config: missing; a gemma3 describes its decoder there")
        data, where = inner | {"model_type": "gemma3_text"}, f"{where}: text_config"
        notes = ("text only: the tower that reads images is left out, with its weights",)
    refuse_slips(_Gemma3, data, where)
    config = shaped(_Gemma3, data, where)
    local = [index for index in range(config.num_hidden_layers) if (index + 1) % config.sliding_window_pattern]
    return Decoder(**_common(config, name, where), **_windowed(config, local, where), qk_norm="rms", notes=notes)


def _common(config: _Gemma, name: str, where: str) -> dict[str, Any]:
    check_gate("gemma", config.hidden_activation or config.hidden_act, "gelu", where, "hidden_activation")
    if config.use_bidirectional_attention:
        raise BadInput(f"{where}: use_bidirectional_attention: no rule for a gemma that sees later tokens")
    return {
        "name": name,
        **decoder_head(config, where),
        "layers": config.num_hidden_layers,
        "hidden": config.hidden_size,
        "heads": config.num_attention_heads,
        "kv_heads": config.num_key_value_heads,
        "head_dim": config.head_dim,
        "intermediate": config.intermediate_size,
        "vocab": config.vocab_size,
        "positions": config.max_position_embeddings,
        "activation": "gelu_mul",
        "qkv_bias": config.attention_bias,
        "out_bias": config.attention_bias,
        "is_tied": config.tie_word_embeddings,
        "has_embed_scale": True,
    }


def _windowed(config: _Gemma2, usual: range | list[int], where: str) -> dict[str, Any]:
    """What the second and third generation share: windows, norms after blocks, caps."""
    windowed = windowed_layers(config, config.num_hidden_layers, usual, where)
    return {
        "window": config.sliding_window if windowed else None,
        "window_layers": windowed,
        "has_post_norms": True,
        "has_score_cap": config.attn_logit_softcapping is not None,
        "has_logit_cap": config.final_logit_softcapping is not None,
    }


FAMILIES = {
    "gemma": Family(read=gemma, defaults={"num_attention_heads": 16, "num_key_value_heads": 16}, dtype="bf16"),
    "gemma2": Family(read=gemma2, dtype="bf16"),
    "gemma3": Family(read=gemma3, dtype="bf16"),
    "gemma3_text": Family(read=gemma3, dtype="bf16"),
}
