"""bert, with the head that its class names."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from gnomon.core.errors import BadInput, near_match
from gnomon.formats.hf.family import Family
from gnomon.formats.hf.fields import Config, Depth, Size, activation, check_width, refuse_slips
from gnomon.formats.strict import shaped
from gnomon.zoo.encoder import Encoder, encoder


class _Bert(Config):
    vocab_size: int = Field(default=30522, ge=1)
    hidden_size: int = Size
    num_hidden_layers: int = Depth
    num_attention_heads: int = Size
    intermediate_size: int = Size
    hidden_act: str = "gelu"
    max_position_embeddings: int = Field(default=512, ge=1)
    type_vocab_size: int = Field(default=2, ge=1)
    is_decoder: bool = False
    add_cross_attention: bool = False

    @model_validator(mode="after")
    def _heads_divide(self) -> _Bert:
        check_width(self.hidden_size, self.num_attention_heads)
        return self


# Classes of transformers and the head that each puts on a BERT.
_BERT_HEADS = {
    "BertModel": "none",
    "BertForMaskedLM": "mlm",
    "BertForPreTraining": "pretraining",
    "BertForSequenceClassification": "classifier",
    "BertForQuestionAnswering": "qa",
}


def bert(data: Any, name: str, where: str) -> Encoder:
    """The shape that a bert's fields give."""
    refuse_slips(_Bert, data, where)
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
        activation=activation(config.hidden_act, where, "hidden_act"),
        usual_head=_BERT_HEADS[architecture],
        usual_classes=config.classes,
    )


FAMILIES = {"bert": Family(read=bert, build=encoder, kind="encoder")}
