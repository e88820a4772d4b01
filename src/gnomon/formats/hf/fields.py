"""What the configurations of all families have in common: fields, slips of the pen, activations, heads, kinds of layers."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from gnomon.core.errors import BadInput, near_match


class Config(BaseModel):
    """Fields of a configuration that shape the graph; the others of the file do not, and are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)  # strict: true is no 1, "32" no 32

    architectures: list[str] | None = None  # the library's class, which names the head
    id2label: dict[str, Any] | None = None  # the classes of a classifier
    num_labels: int | None = Field(default=None, ge=1)  # their number, where older files give that instead
    layer_types: list[str] | None = None  # which attention each layer has, in newer files

    @property
    def classes(self) -> int:
        """Outputs of a classifier; the library's default is two."""
        return self.num_labels or len(self.id2label or ()) or 2


Size = Field(ge=1)


def experts(*keys: str, default: Any = ...) -> Any:
    """The number of experts, under the key of today's files or that of others; the last is that of our defaults."""
    return Field(default, ge=1, validation_alias=AliasChoices(*keys))


MOST_LAYERS = 10_000  # far more than any model has, and few enough to be walked through
Depth = Field(ge=1, le=MOST_LAYERS)


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


def spellings(name: str, field: FieldInfo) -> tuple[str, ...]:
    """The keys under which a file may give a field."""
    choices = field.validation_alias.choices if isinstance(field.validation_alias, AliasChoices) else ()
    return (name, *((field.alias,) if field.alias else ()), *(str(choice) for choice in choices))


def refuse_slips(shape: type[Config], data: Mapping[str, Any], where: str) -> None:
    """BadInput for an unknown key that is nearly one that shapes the graph and is not given: its default would be used."""
    fields = [spellings(name, field) for name, field in shape.model_fields.items()]
    known = {key for keys in fields for key in keys}
    missing = [key for keys in fields if not any(key in data for key in keys) for key in keys]
    for key in data.keys() - known:
        for name in missing:
            if difflib.SequenceMatcher(None, key, name).ratio() >= _ALIKE:
                raise BadInput(f"{where}: {key}: unknown key; did you mean {name!r}?")


def activation(spelled: str, where: str, field: str) -> str:
    """Our word for an activation; BadInput where it has no rule."""
    if spelled not in _ACTIVATIONS:
        raise BadInput(
            f"{where}: {field}: no rule for activation {spelled!r}{near_match(spelled, _ACTIVATIONS)} (known: {', '.join(_ACTIVATIONS)})"
        )
    return _ACTIVATIONS[spelled]


# How the library names its classes, and the head that each puts on a decoder.
_DECODER_HEADS = {"ForCausalLM": "lm", "LMHeadModel": "lm", "ForSequenceClassification": "classifier", "Model": "none"}


def decoder_head(config: Config, where: str) -> dict[str, Any]:
    """Head and number of classes that the file's architecture asks for; a language model where it names none."""
    architecture = (config.architectures or ["ForCausalLM"])[0]
    head = next((head for ending, head in _DECODER_HEADS.items() if architecture.endswith(ending)), None)
    if head is None or architecture.endswith("DoubleHeadsModel"):
        endings = ", ".join(f"...{ending}" for ending in _DECODER_HEADS)
        raise BadInput(f"{where}: architectures: no rule for {architecture!r} (known: {endings})")
    return {"usual_head": head, "usual_classes": config.classes}


_LAYER_TYPES = ("full_attention", "sliding_attention")


def check_width(width: int, heads: int, keys: tuple[str, str] = ("hidden_size", "num_attention_heads")) -> None:
    """ValueError where a layer's width cannot be cut into heads; `keys` are what the file calls the two."""
    if width % heads:
        raise ValueError(f"{keys[0]} {width} is not a multiple of {keys[1]} {heads}")


def check_heads(heads: int, groups: int) -> None:
    """ValueError where heads cannot share `groups` sets of keys and values evenly."""
    if heads % groups:
        raise ValueError(f"num_attention_heads {heads} is not a multiple of num_key_value_heads {groups}")


def check_choice(chosen: int, experts: int, field: str) -> None:
    """ValueError where a token is sent to more experts than there are."""
    if chosen > experts:
        raise ValueError(f"num_experts_per_tok {chosen} is more than {field} {experts}")


def check_gate(kind: str, spelled: str, gate: str, where: str, field: str = "hidden_act") -> None:
    """BadInput where the MLP's gate is not the one that has a rule."""
    if activation(spelled, where, field) != gate:
        raise BadInput(f"{where}: {field}: a {kind} with {spelled!r} has no rule; its gate is {gate}")


def windowed_layers(config: Config, layers: int, usual: Sequence[int] | range, where: str) -> int:
    """How many layers have a window, by the file's layer types; `usual` are those that have one where it gives none.

    BadInput for a type without a rule: its layers would take another time.
    """
    if config.layer_types is None:
        return len(usual)
    for index, kind in enumerate(config.layer_types):
        if kind not in _LAYER_TYPES:
            known = ", ".join(_LAYER_TYPES)
            raise BadInput(
                f"{where}: layer_types.{index}: no rule for {kind!r}{near_match(kind, _LAYER_TYPES)} (known: {known})"
            )
    if len(config.layer_types) != layers:
        raise BadInput(f"{where}: layer_types: {len(config.layer_types)} types for {layers} layers")
    return config.layer_types.count("sliding_attention")
