"""Scenario files: a question written down - a model, a system, a plan - in YAML."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gnomon.formats.strict import Strict, load_yaml, shaped


class ScenarioFile(Strict):
    """One question. Every key but schema, model and on may be left out."""

    schema_: Literal["gnomon/scenario/1"] = Field(alias="schema")
    title: str = ""
    model: str
    on: str
    mode: Literal["forward", "prefill", "decode", "forward+backward", "forward+backward+optimizer"] | None = None
    batch: int = Field(default=1, ge=1)
    seq: int | None = Field(default=None, ge=1)
    context: int | None = Field(default=None, ge=1)
    image: int = Field(default=224, ge=1)
    dtype: str | None = None
    weight_dtype: str | None = None
    kv_dtype: str | None = None
    attention: Literal["fused", "eager"] = "fused"
    head: str = "default"
    classes: int | None = Field(default=None, ge=1)


def parse_scenario(text: str, where: str) -> ScenarioFile:
    """The scenario in YAML text; `where` names it in errors. BadInput with file, line, field and near match."""
    data, lines = load_yaml(text, where)
    return shaped(ScenarioFile, data, where, lines)
