"""One table of other spellings: what each source calls the devices, models, modes and formats known here."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from pydantic import Field

from gnomon.catalogue import ROOT
from gnomon.formats.device_file import catalogue_names
from gnomon.formats.strict import Strict, load_yaml, shaped
from gnomon.zoo.models import models


class Format(Strict):
    """What a source's precision means: format of the arithmetic and, where it differs, of the weights."""

    dtype: str
    weights: str | None = None


class SourceReading(Strict):
    """What one source's rows mean where their columns do not say it. Facts come from the source's own documents."""

    why: str
    modes: dict[str, str] = Field(default_factory=dict)
    heads: dict[str, str] = Field(default_factory=dict)  # "model mode" in our spelling -> head
    attention: Literal["fused", "eager"] | None = None
    software: str = ""


class _AliasFile(Strict):
    devices: dict[str, tuple[str, ...]]  # catalogue name -> other spellings
    models: dict[str, tuple[str, ...]]
    modes: dict[str, str]
    dtypes: dict[str, Format]
    sources: dict[str, SourceReading]


def squeezed(name: str) -> str:
    """A name without case, spaces and punctuation: how spellings are compared. A decimal point stays: 1.3b is not 13b."""
    return re.sub(r"[^a-z0-9.]+|(?<!\d)\.|\.(?!\d)", "", name.lower())


@cache
def alias_table() -> _AliasFile:
    """The table as written."""
    data, lines = load_yaml((ROOT / "aliases.yaml").read_text(encoding="utf-8"), "aliases.yaml")
    return shaped(_AliasFile, data, "aliases.yaml", lines)


def _index(canonical: tuple[str, ...], others: dict[str, tuple[str, ...]]) -> dict[str, str]:
    found = {squeezed(name): name for name in canonical}
    if len(found) != len(canonical):
        raise AssertionError("two names of the catalogue differ only in case, spaces or punctuation")
    for name, spellings in others.items():
        if name not in canonical:
            raise AssertionError(f"aliases.yaml names {name!r}, which the catalogue does not hold")
        for spelling in spellings:
            if found.setdefault(squeezed(spelling), name) != name:
                raise AssertionError(f"aliases.yaml gives {spelling!r} to two names")
    return found


@cache
def _device_index() -> dict[str, str]:
    return _index(catalogue_names(), alias_table().devices)


@cache
def _model_index() -> dict[str, str]:
    return _index(tuple(models()), alias_table().models)


def _spelled(index: dict[str, str], spelling: str) -> str | None:
    """What the index has of a spelling. A line break, a tab or a letter of another alphabet is no punctuation: no name has it."""
    is_plain = spelling.isprintable() and all(c.isascii() or not c.isalnum() for c in spelling)
    return index.get(squeezed(spelling)) if is_plain else None


def canonical_device(spelling: str) -> str | None:
    """The catalogue's name of a device under any known spelling; None when there is none."""
    return _spelled(_device_index(), spelling)


def canonical_model(spelling: str) -> str | None:
    """The zoo's name of a model under any known spelling; None when there is none."""
    return _spelled(_model_index(), spelling)
