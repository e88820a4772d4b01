"""gpt2 and opt: learned positions, layer norms, biases."""

from __future__ import annotations

from typing import Any

from pydantic import AliasChoices, Field, model_validator

from gnomon.formats.hf.family import Family
from gnomon.formats.hf.fields import (
    MOST_LAYERS,
    Config,
    Depth,
    Size,
    activation,
    check_width,
    decoder_head,
    refuse_slips,
)
from gnomon.formats.strict import shaped
from gnomon.zoo.decoder_shape import Decoder


class _Gpt2(Config):
    vocab_size: int = Field(default=50257, ge=1)
    n_embd: int = Field(ge=1, validation_alias=AliasChoices("n_embd", "hidden_size"))
    n_layer: int = Field(ge=1, le=MOST_LAYERS, validation_alias=AliasChoices("n_layer", "num_hidden_layers"))
    n_head: int = Field(ge=1, validation_alias=AliasChoices("n_head", "num_attention_heads"))
    n_positions: int = Field(
        default=1024, ge=1, validation_alias=AliasChoices("n_positions", "max_position_embeddings")
    )
    n_inner: int | None = Field(default=None, ge=1)
    activation_function: str = "gelu_new"
    tie_word_embeddings: bool = True

    @model_validator(mode="after")
    def _heads_divide(self) -> _Gpt2:
        check_width(self.n_embd, self.n_head, ("n_embd", "n_head"))
        return self


class _Opt(Config):
    vocab_size: int = Field(default=50272, ge=1)
    hidden_size: int = Size
    num_hidden_layers: int = Depth
    ffn_dim: int = Size
    num_attention_heads: int = Size
    max_position_embeddings: int = Field(default=2048, ge=1)
    word_embed_proj_dim: int | None = Field(default=None, ge=1)
    do_layer_norm_before: bool = True
    remove_final_layer_norm: bool = Field(default=False, alias="_remove_final_layer_norm")
    activation_function: str = "relu"
    enable_bias: bool = True
    layer_norm_elementwise_affine: bool = True
    tie_word_embeddings: bool = True

    @model_validator(mode="after")
    def _heads_divide(self) -> _Opt:
        check_width(self.hidden_size, self.num_attention_heads)
        return self


def gpt2(data: Any, name: str, where: str) -> Decoder:
    """The shape that a gpt2's fields give."""
    refuse_slips(_Gpt2, data, where)
    config = shaped(_Gpt2, data, where)
    return Decoder(
        name=name,
        **decoder_head(config, where),
        layers=config.n_layer,
        hidden=config.n_embd,
        heads=config.n_head,
        kv_heads=config.n_head,
        head_dim=config.n_embd // config.n_head,
        intermediate=config.n_inner or 4 * config.n_embd,
        vocab=config.vocab_size,
        positions=config.n_positions,
        position="learned",
        position_rows=config.n_positions,
        norm="layer",
        activation=activation(config.activation_function, where, "activation_function"),  # type: ignore[arg-type]
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        is_tied=config.tie_word_embeddings,
    )


# OPT keeps two rows of its position table for padding (transformers, OPTLearnedPositionalEmbedding).
_OPT_POSITION_OFFSET = 2


def opt(data: Any, name: str, where: str) -> Decoder:
    """The shape that an opt's fields give."""
    refuse_slips(_Opt, data, where)
    config = shaped(_Opt, data, where)
    embed = config.word_embed_proj_dim
    return Decoder(
        name=name,
        **decoder_head(config, where),
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        heads=config.num_attention_heads,
        kv_heads=config.num_attention_heads,
        head_dim=config.hidden_size // config.num_attention_heads,
        intermediate=config.ffn_dim,
        vocab=config.vocab_size,
        positions=config.max_position_embeddings,
        position="learned",
        position_rows=config.max_position_embeddings + _OPT_POSITION_OFFSET,
        norm="layer",
        norm_has_parameters=config.layer_norm_elementwise_affine,
        is_pre_norm=config.do_layer_norm_before,
        has_final_norm=config.do_layer_norm_before and not config.remove_final_layer_norm,
        activation=activation(config.activation_function, where, "activation_function"),  # type: ignore[arg-type]
        qkv_bias=config.enable_bias,
        out_bias=config.enable_bias,
        mlp_bias=config.enable_bias,
        is_tied=config.tie_word_embeddings,
        embed_dim=embed if embed and embed != config.hidden_size else None,
    )


FAMILIES = {"gpt2": Family(read=gpt2), "opt": Family(read=opt)}
