"""Hyper-parameters of a decoder-only transformer: what one family has and another has not is a field here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Latent:
    """Widths of multi-head latent attention. [DeepSeek-AI 2024, DeepSeek-V2, section 2.1 and its table of dimensions]"""

    query_rank: int | None  # width of the compressed query; None: queries are not compressed
    rank: int  # width of the latent from which keys and values are expanded
    nope_dim: int  # of a head's query and key: the part without position
    rope_dim: int  # of a head's query, and of the one key of all heads: the part that is rotated by the position
    value_dim: int

    @property
    def key_dim(self) -> int:
        """Width of a head's query and key."""
        return self.nope_dim + self.rope_dim

    @property
    def kept_dim(self) -> int:
        """Numbers that the cache keeps of a token: the latent and the rotated key, whatever the number of heads."""
        return self.rank + self.rope_dim


# A note of DeepSeek-V3: multi-token prediction is trained beside the model and may guess ahead when serving; a plain pass
# does without. [DeepSeek-AI 2024, DeepSeek-V3, section 2.2]
NO_FURTHER_TOKENS = "without the modules that predict further tokens (MTP): neither their time nor their weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """Hyper-parameters of a decoder-only transformer."""

    name: str
    layers: int
    hidden: int  # width of the residual stream
    heads: int
    kv_heads: int  # equal to heads without grouping
    head_dim: int
    intermediate: int  # inner width of the MLP, of one expert in a mixture
    vocab: int
    positions: int  # longest sequence the model was made for
    position: Literal["rotary", "learned"] = "rotary"
    position_rows: int = 0  # rows of a learned position table
    rotary_dim: int | None = None  # numbers of a head that are rotated; None: all
    norm: Literal["rms", "layer"] = "rms"
    norm_has_parameters: bool = True
    is_pre_norm: bool = True  # norm before each block; False: after each residual sum
    has_post_norms: bool = False  # beside the norm before, one after each block, before its residual sum
    has_final_norm: bool = True
    is_parallel: bool = False  # attention and MLP read the same norm, and both are added to the stream
    qk_norm: Literal["rms", "layer"] | None = None  # of each head's query and key, before the rotation
    activation: Literal["silu_mul", "gelu_mul", "clamped_silu_mul", "gelu", "relu"] = "silu_mul"  # _mul: with a gate
    qkv_bias: bool = False
    out_bias: bool = False
    mlp_bias: bool = False
    head_bias: bool = False
    is_tied: bool = False  # the LM head is the embedding table
    has_embed_scale: bool = False  # what the embedding gives is multiplied by a constant
    embed_dim: int | None = None  # width of the embedding table where it is not hidden: projected in and out
    window: int | None = None  # keys that a query of a windowed layer sees at most
    window_layers: int | None = (
        None  # how many layers are windowed, wherever they stand; None: all, if there is a window
    )
    has_sinks: bool = False  # a trained logit of each head joins the softmax of its scores
    has_score_cap: bool = False  # attention scores are capped by a tanh
    has_logit_cap: bool = False  # so are the logits
    latent: Latent | None = None  # latent attention; kv_heads and head_dim then say nothing
    experts: int = 0  # of each layer's mixture; 0: a dense MLP
    experts_chosen: int = 0
    expert_bias: bool = False
    router: Literal["softmax", "sigmoid", "softmax of chosen"] = "softmax"
    router_bias: bool = False
    shared_intermediate: int = 0  # inner width of the MLP that every token takes beside its experts; 0: none
    dense_layers: int = 0  # how many layers of a mixture have a dense MLP instead
    dense_intermediate: int = 0  # its inner width
    quantised: Literal["all", "experts"] = "all"  # which weights a quantised checkpoint keeps in the short format
    usual_head: Literal["lm", "classifier", "none"] = "lm"  # where the plan asks for the default
    usual_classes: int = 2
    notes: tuple[str, ...] = ()  # what the graph leaves out of the model, said with every answer

    def __post_init__(self) -> None:
        some_windowed = self.window is not None and self.window_layers not in (None, 0, self.layers)
        if self.dense_layers and some_windowed:
            raise AssertionError(f"{self.name}: dense layers in a mixture of which only some layers have a window")

    @property
    def is_gated(self) -> bool:
        """Whether the MLP has a gate beside its up projection."""
        return self.activation.endswith("_mul")
