"""Hugging Face `config.json` -> a model of the zoo's graphs.

Field names and defaults are those of the transformers library's configuration classes (LlamaConfig and the others).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

from gnomon.core.errors import BadInput, near_match
from gnomon.formats.strict import read_json, shaped
from gnomon.zoo.decoder import decoder
from gnomon.zoo.decoder_shape import Decoder
from gnomon.zoo.encoder import Encoder, encoder
from gnomon.zoo.models import Model


class _Config(BaseModel):
    """Fields of a configuration that shape the graph; the others of the file do not, and are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)  # strict: true is no 1, "32" no 32

    architectures: list[str] | None = None  # the library's class, which names the head
    id2label: dict[str, Any] | None = None  # the classes of a classifier
    num_labels: int | None = Field(default=None, ge=1)  # their number, where older files give that instead

    @property
    def classes(self) -> int:
        """Outputs of a classifier; the library's default is two."""
        return self.num_labels or len(self.id2label or ()) or 2


_Size = Field(ge=1)


class _Llama(_Config):
    """llama, mistral, qwen2, mixtral."""

    vocab_size: int = _Size
    hidden_size: int = _Size
    intermediate_size: int = _Size
    num_hidden_layers: int = _Size
    num_attention_heads: int = _Size
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
    num_local_experts: int = Field(default=8, ge=1)
    num_experts_per_tok: int = Field(default=2, ge=1)

    @model_validator(mode="after")
    def _heads_divide(self) -> _Llama:
        if self.head_dim is None and self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {self.num_attention_heads}"
            )
        groups = self.num_key_value_heads or self.num_attention_heads
        if self.num_attention_heads % groups:
            raise ValueError(
                f"num_attention_heads {self.num_attention_heads} is not a multiple of num_key_value_heads {groups}"
            )
        if self.num_experts_per_tok > self.num_local_experts:
            raise ValueError(
                f"num_experts_per_tok {self.num_experts_per_tok} is more than num_local_experts {self.num_local_experts}"
            )
        return self


class _Gpt2(_Config):
    vocab_size: int = Field(default=50257, ge=1)
    n_embd: int = Field(ge=1, validation_alias=AliasChoices("n_embd", "hidden_size"))
    n_layer: int = Field(ge=1, validation_alias=AliasChoices("n_layer", "num_hidden_layers"))
    n_head: int = Field(ge=1, validation_alias=AliasChoices("n_head", "num_attention_heads"))
    n_positions: int = Field(
        default=1024, ge=1, validation_alias=AliasChoices("n_positions", "max_position_embeddings")
    )
    n_inner: int | None = Field(default=None, ge=1)
    activation_function: str = "gelu_new"
    tie_word_embeddings: bool = True

    @model_validator(mode="after")
    def _heads_divide(self) -> _Gpt2:
        if self.n_embd % self.n_head:
            raise ValueError(f"n_embd {self.n_embd} is not a multiple of n_head {self.n_head}")
        return self


class _Opt(_Config):
    vocab_size: int = Field(default=50272, ge=1)
    hidden_size: int = _Size
    num_hidden_layers: int = _Size
    ffn_dim: int = _Size
    num_attention_heads: int = _Size
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
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {self.num_attention_heads}"
            )
        return self


class _Bert(_Config):
    vocab_size: int = Field(default=30522, ge=1)
    hidden_size: int = _Size
    num_hidden_layers: int = _Size
    num_attention_heads: int = _Size
    intermediate_size: int = _Size
    hidden_act: str = "gelu"
    max_position_embeddings: int = Field(default=512, ge=1)
    type_vocab_size: int = Field(default=2, ge=1)
    is_decoder: bool = False
    add_cross_attention: bool = False

    @model_validator(mode="after")
    def _heads_divide(self) -> _Bert:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {self.num_attention_heads}"
            )
        return self


_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu",
    "gelu_fast": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "relu": "relu",
    "tanh": "tanh",
    "silu": "silu",
    "swish": "silu",
}


_ALIKE = 0.93  # of two keys, of which one is a slip of the pen: num_local_expert, but not use_sliding_window


def _spellings(name: str, field: FieldInfo) -> tuple[str, ...]:
    """The keys under which a file may give a field."""
    choices = field.validation_alias.choices if isinstance(field.validation_alias, AliasChoices) else ()
    return (name, *((field.alias,) if field.alias else ()), *(str(choice) for choice in choices))


def _refuse_slips(shape: type[_Config], data: Mapping[str, Any], where: str) -> None:
    """BadInput for an unknown key that is nearly one that shapes the graph and is not given: its default would be used."""
    fields = [_spellings(name, field) for name, field in shape.model_fields.items()]
    known = {key for keys in fields for key in keys}
    missing = [keys[-1] for keys in fields if not any(key in data for key in keys)]
    for key in data.keys() - known:
        for name in missing:
            if difflib.SequenceMatcher(None, key, name).ratio() >= _ALIKE:
                raise BadInput(f"{where}: {key}: unknown key; did you mean {name!r}?")


def _activation(spelled: str, where: str, field: str) -> str:
    if spelled not in _ACTIVATIONS:
        raise BadInput(
            f"{where}: {field}: no rule for activation {spelled!r}{near_match(spelled, _ACTIVATIONS)} (known: {', '.join(_ACTIVATIONS)})"
        )
    return _ACTIVATIONS[spelled]


# How the library names its classes, and the head that each puts on a decoder.
_DECODER_HEADS = {"ForCausalLM": "lm", "LMHeadModel": "lm", "ForSequenceClassification": "classifier", "Model": "none"}


def _decoder_head(config: _Config, where: str) -> dict[str, Any]:
    """Head and number of classes that the file's architecture asks for; a language model where it names none."""
    architecture = (config.architectures or ["ForCausalLM"])[0]
    head = next((head for ending, head in _DECODER_HEADS.items() if architecture.endswith(ending)), None)
    if head is None or architecture.endswith("DoubleHeadsModel"):
        endings = ", ".join(f"...{ending}" for ending in _DECODER_HEADS)
        raise BadInput(f"{where}: architectures: no rule for {architecture!r} (known: {endings})")
    return {"usual_head": head, "usual_classes": config.classes}


def _llama(data: Any, name: str, where: str) -> Decoder:
    _refuse_slips(_Llama, data, where)
    config = shaped(_Llama, data, where)
    kind = data["model_type"]
    if _activation(config.hidden_act, where, "hidden_act") != "silu":
        raise BadInput(f"{where}: hidden_act: a {kind} with {config.hidden_act!r} has no rule; its gate is silu")
    is_qwen = kind == "qwen2"
    windowed = 0
    if config.sliding_window and (config.use_sliding_window if is_qwen else kind in ("mistral", "mixtral")):
        windowed = config.num_hidden_layers - (config.max_window_layers if is_qwen else 0)
    return Decoder(
        name=name,
        **_decoder_head(config, where),
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
        window_layers=max(0, windowed),
        experts=config.num_local_experts if kind == "mixtral" else 0,
        experts_chosen=config.num_experts_per_tok if kind == "mixtral" else 0,
    )


def _gpt2(data: Any, name: str, where: str) -> Decoder:
    _refuse_slips(_Gpt2, data, where)
    config = shaped(_Gpt2, data, where)
    return Decoder(
        name=name,
        **_decoder_head(config, where),
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
        activation=_activation(config.activation_function, where, "activation_function"),  # type: ignore[arg-type]
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        is_tied=config.tie_word_embeddings,
    )


# OPT keeps two rows of its position table for padding (transformers, OPTLearnedPositionalEmbedding).
_OPT_POSITION_OFFSET = 2


def _opt(data: Any, name: str, where: str) -> Decoder:
    _refuse_slips(_Opt, data, where)
    config = shaped(_Opt, data, where)
    embed = config.word_embed_proj_dim
    return Decoder(
        name=name,
        **_decoder_head(config, where),
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
        activation=_activation(config.activation_function, where, "activation_function"),  # type: ignore[arg-type]
        qkv_bias=config.enable_bias,
        out_bias=config.enable_bias,
        mlp_bias=config.enable_bias,
        is_tied=config.tie_word_embeddings,
        embed_dim=embed if embed and embed != config.hidden_size else None,
    )


# Classes of transformers and the head that each puts on a BERT.
_BERT_HEADS = {
    "BertModel": "none",
    "BertForMaskedLM": "mlm",
    "BertForPreTraining": "pretraining",
    "BertForSequenceClassification": "classifier",
    "BertForQuestionAnswering": "qa",
}


def _bert(data: Any, name: str, where: str) -> Encoder:
    _refuse_slips(_Bert, data, where)
    config = shaped(_Bert, data, where)
    architecture = (config.architectures or ["BertModel"])[0]
    if config.is_decoder or config.add_cross_attention:
        raise BadInput(f"{where}: is_decoder: no rule for a BERT that is a decoder")
    if architecture not in _BERT_HEADS:
        known = ", ".join(_BERT_HEADS)
        raise BadInput(
            f"{where}: architectures: no rule for {architecture!r}{near_match(architecture, _BERT_HEADS)} (known: {known})"
        )
    return Encoder(
        name=name,
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        heads=config.num_attention_heads,
        intermediate=config.intermediate_size,
        vocab=config.vocab_size,
        positions=config.max_position_embeddings,
        token_types=config.type_vocab_size,
        activation=_activation(config.hidden_act, where, "hidden_act"),
        usual_head=_BERT_HEADS[architecture],
        usual_classes=config.classes,
    )


_READERS = {"llama": _llama, "mistral": _llama, "qwen2": _llama, "mixtral": _llama, "gpt2": _gpt2, "opt": _opt}
ARCHITECTURES = (*_READERS, "bert")


# Defaults of the library's classes that differ between the architectures read alike: a file may leave these out.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "mistral": {"num_key_value_heads": 8, "sliding_window": 4096},
    "mixtral": {"num_key_value_heads": 8},
    "qwen2": {"num_key_value_heads": 32, "sliding_window": 4096, "use_sliding_window": False},
}
_DTYPES = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}


def _dtype(data: Mapping[str, Any], where: str) -> str:
    """The format that the file's weights were saved in."""
    field = "torch_dtype" if "torch_dtype" in data else "dtype"
    written = data.get(field)
    if written is None:
        return "fp16"
    if written not in _DTYPES:
        raise BadInput(f"{where}: {field}: no rule for {written!r} (known: {', '.join(_DTYPES)})")
    return _DTYPES[written]


def _formats(data: Mapping[str, Any], where: str) -> dict[str, str]:
    """Format of the arithmetic, and of the weights where the file says that they are quantised."""
    dtype, quantised = _dtype(data, where), data.get("quantization_config")
    if quantised is None:
        return {"dtype": dtype}
    method = quantised.get("quant_method") if isinstance(quantised, dict) else None
    bits = quantised.get("bits") if isinstance(quantised, dict) else None
    if method in ("gptq", "awq") and bits in (4, 8):
        return {"dtype": dtype, "weight_dtype": f"int{bits}"}
    if method == "fp8":
        return {"dtype": "fp8"}
    known = "gptq and awq with 4 or 8 bits, fp8"
    raise BadInput(f"{where}: quantization_config: no rule for method {method!r} with {bits!r} bits (known: {known})")


class HFConfig:
    """The reader of `config.json`."""

    name = "hf-config"

    def recognises(self, path: Path) -> bool:
        """Any JSON file: those without a model_type get an error that says so."""
        return path.suffix == ".json"

    def read(self, path: Path) -> Model:
        """The model that the configuration describes. An unknown architecture is refused by name."""
        where, data = str(path), read_json(path)
        if not isinstance(data, dict) or not isinstance(data.get("model_type"), str):
            raise BadInput(f"{where}: model_type: missing; a Hugging Face config.json names its architecture there")
        kind = data["model_type"]
        if kind not in ARCHITECTURES:
            raise BadInput(
                f"{where}: model_type: no rule for architecture {kind!r}{near_match(kind, ARCHITECTURES)} (known: {', '.join(ARCHITECTURES)})"
            )
        name = path.stem if path.stem != "config" else (path.resolve().parent.name or "config")
        source, formats = f"{where} ({kind})", _formats(data, where)
        if kind == "bert":
            bert = _bert(data, name, where)
            return Model(name=name, kind="encoder", source=source, build=partial(encoder, bert), **formats)  # type: ignore[arg-type]
        config = _READERS[kind](_DEFAULTS.get(kind, {}) | data, name, where)
        return Model(name=name, kind="decoder", source=source, build=partial(decoder, config), **formats)  # type: ignore[arg-type]


HF_CONFIG = HFConfig()
