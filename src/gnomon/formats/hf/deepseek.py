"""deepseek_v2 and deepseek_v3: latent attention, experts beside an MLP of all tokens, dense layers first."""

from __future__ import annotations

from typing import Any

from pydantic import AliasChoices, Field, model_validator

from gnomon.formats.hf.family import Family
from gnomon.formats.hf.fields import Config, Depth, Size, check_choice, check_gate, decoder_head, experts, refuse_slips
from gnomon.formats.strict import shaped
from gnomon.zoo.decoder_shape import NO_FURTHER_TOKENS, Decoder, Latent


class _DeepSeek(Config):
    vocab_size: int = Size
    hidden_size: int = Size
    intermediate_size: int = Size
    moe_intermediate_size: int = Size
    num_hidden_layers: int = Depth
    num_attention_heads: int = Size
    n_routed_experts: int = experts("num_local_experts", "num_experts", "n_routed_experts")
    n_shared_experts: int | None = Field(ge=0)
    num_experts_per_tok: int = Size
    first_k_dense_replace: int = Field(ge=0)
    moe_layer_freq: int = Field(default=1, ge=1)  # after the dense ones, layers whose index it divides have experts
    q_lora_rank: int | None = Field(ge=1)
    kv_lora_rank: int = Size
    qk_nope_head_dim: int = Size
    qk_rope_head_dim: int = Size
    v_head_dim: int = Size
    max_position_embeddings: int = Field(default=2048, ge=1)
    hidden_act: str = "silu"
    attention_bias: bool = False
    mlp_bias: bool = False
    tie_word_embeddings: bool = False
    num_nextn_predict_layers: int = Field(
        default=0, ge=0, validation_alias=AliasChoices("num_mtp_layers", "num_nextn_predict_layers")
    )

    @model_validator(mode="after")
    def _can_choose(self) -> _DeepSeek:
        check_choice(self.num_experts_per_tok, self.n_routed_experts, "n_routed_experts")
        return self


def deepseek(data: Any, name: str, where: str) -> Decoder:
    """The shape that a deepseek_v2's or deepseek_v3's fields give."""
    refuse_slips(_DeepSeek, data, where)
    config, kind = shaped(_DeepSeek, data, where), data["model_type"]
    check_gate(kind, config.hidden_act, "silu", where)
    is_second = kind == "deepseek_v2"
    first, frequency = config.first_k_dense_replace, config.moe_layer_freq
    dense = sum(index < first or index % frequency > 0 for index in range(config.num_hidden_layers))
    further = config.num_nextn_predict_layers
    return Decoder(
        name=name,
        **decoder_head(config, where),
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        heads=config.num_attention_heads,
        kv_heads=config.num_attention_heads,
        head_dim=config.qk_nope_head_dim + config.qk_rope_head_dim,
        intermediate=config.moe_intermediate_size,
        vocab=config.vocab_size,
        positions=config.max_position_embeddings,
        qkv_bias=config.attention_bias,
        out_bias=config.attention_bias,
        mlp_bias=is_second and config.mlp_bias,
        is_tied=config.tie_word_embeddings,
        latent=Latent(
            query_rank=config.q_lora_rank,
            rank=config.kv_lora_rank,
            nope_dim=config.qk_nope_head_dim,
            rope_dim=config.qk_rope_head_dim,
            value_dim=config.v_head_dim,
        ),
        experts=config.n_routed_experts,
        experts_chosen=config.num_experts_per_tok,
        router="softmax" if is_second else "sigmoid",
        shared_intermediate=config.moe_intermediate_size * (config.n_shared_experts or 0),
        dense_layers=dense,
        dense_intermediate=config.intermediate_size,
        notes=(NO_FURTHER_TOKENS,) if further else (),
    )


_LATENT = {"q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128}

FAMILIES = {
    "deepseek_v2": Family(
        read=deepseek,
        defaults=_LATENT
        | {
            "vocab_size": 102400,
            "n_routed_experts": 64,
            "n_shared_experts": 2,
            "first_k_dense_replace": 0,
            "moe_intermediate_size": 1407,
        },
        dtype="bf16",
    ),
    "deepseek_v3": Family(
        read=deepseek,
        defaults=_LATENT
        | {
            "vocab_size": 129280,
            "n_routed_experts": 256,
            "n_shared_experts": 1,
            "first_k_dense_replace": 3,
            "moe_intermediate_size": 2048,
            "num_experts_per_tok": 8,
            "max_position_embeddings": 4096,
            "num_nextn_predict_layers": 1,
        },
        dtype="bf16",
    ),
}
