"""One table of other spellings: what each source calls the devices, models, modes and formats known here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
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


_PUNCTUATION = r"[^a-z0-9.]+"


def squeezed(name: str) -> str:
    """A name without case, spaces and punctuation: how spellings are compared. A decimal point stays: 1.3b is not 13b."""
    return re.sub(r"[^a-z0-9.]+|(?<!\d)\.|\.(?!\d)", "", name.lower())


@cache
def alias_table() -> _AliasFile:
    """The table as written."""
    data, lines = load_yaml((ROOT / "aliases.yaml").read_text(encoding="utf-8"), "aliases.yaml")
    return shaped(_AliasFile, data, "aliases.yaml", lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A name under one of its spellings."""

    name: str
    gaps: set[int]  # letters before each place where the spelling, or another that is squeezed alike, has a gap


def _gaps(spelling: str, between: str) -> set[int]:
    """How many letters of the squeezed name stand before each run of `between`."""
    return set(accumulate(len(squeezed(word)) for word in re.split(between, spelling.lower())))


def _index(canonical: tuple[str, ...], others: dict[str, tuple[str, ...]]) -> dict[str, _Known]:
    found = {squeezed(name): _Known(name=name, gaps=_gaps(name, _PUNCTUATION)) for name in canonical}
    if len(found) != len(canonical):
        raise AssertionError("two names of the catalogue differ only in case, spaces or punctuation")
    for name, spellings in others.items():
        if name not in canonical:
            raise AssertionError(f"aliases.yaml names {name!r}, which the catalogue does not hold")
        for spelling in spellings:
            known = found.setdefault(squeezed(spelling), _Known(name=name, gaps=set()))
            if known.name != name:
                raise AssertionError(f"aliases.yaml gives {spelling!r} to two names")
            known.gaps.update(_gaps(spelling, _PUNCTUATION))
    return found


@cache
def _device_index() -> dict[str, _Known]:
    return _index(catalogue_names(), alias_table().devices)


@cache
def _model_index() -> dict[str, _Known]:
    return _index(tuple(models()), alias_table().models)


def _spelled(index: dict[str, _Known], spelling: str) -> str | None:
    """What the index has of a spelling.

    Spaces stand between words: where a known spelling has a gap, or between a letter and a digit. A line break, a tab and
    a letter of another alphabet are no punctuation: no name has them.
    """
    written = squeezed(spelling)
    known = index.get(written)
    if known is None or not spelling.isprintable() or any(c.isalnum() and not c.isascii() for c in spelling):
        return None
    turns = {place for place in range(1, len(written)) if written[place - 1].isalpha() != written[place].isalpha()}
    return known.name if _gaps(spelling, " +") <= known.gaps | turns | {0, len(written)} else None


def canonical_device(spelling: str) -> str | None:
    """The catalogue's name of a device under any known spelling; None when there is none."""
    return _spelled(_device_index(), spelling)


def canonical_model(spelling: str) -> str | None:
    """The zoo's name of a model under any known spelling; None when there is none."""
    return _spelled(_model_index(), spelling)
