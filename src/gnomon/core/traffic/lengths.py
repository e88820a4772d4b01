"""How long prompts and answers are: what a user says, and lengths drawn from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gnomon.core.errors import BadInput
from gnomon.core.service import Ints
from gnomon.core.traffic.checks import MOST_TOKENS, check_not_negative, check_positive, check_whole

_MOST_RANKS = 10**7  # of a Zipf distribution: each has a place in a table


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Always the same."""

    tokens: int

    def __post_init__(self) -> None:
        check_whole(self.tokens, "tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Each whole number from the least to the most is as likely as any other."""

    least: int
    most: int

    def __post_init__(self) -> None:
        _check_range(self.least, self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Zipf:
    """The least is likeliest; the n-th from it is n^exponent times as rare. None is beyond the most."""

    least: int
    most: int
    exponent: float  # 0: uniform

    def __post_init__(self) -> None:
        _check_range(self.least, self.most)
        check_not_negative(self.exponent, "exponent", most=100)
        if self.most - self.least >= _MOST_RANKS:
            raise BadInput(f"more than {_MOST_RANKS:,} lengths", field="most")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lognormal:
    """Rounded; what is out of the range is set to its end, which moves the mean."""

    mean: float  # before rounding and cutting
    cv: float  # standard deviation over mean
    least: int = 1
    most: int = MOST_TOKENS

    def __post_init__(self) -> None:
        check_positive(self.mean, "mean", most=MOST_TOKENS)
        check_not_negative(self.cv, "cv", most=100)
        _check_range(self.least, self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Those of a list or a trace: one after the other and from the first again, or any of them each time."""

    tokens: tuple[int, ...]
    is_shuffled: bool = False

    def __post_init__(self) -> None:
        _check_list(self.tokens, "tokens")


Length = Fixed | Uniform | Zipf | Lognormal | Listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Prompts and answers that know nothing of each other."""

    prompts: Length  # what is sent anew: without a shared system prompt and former turns
    answers: Length

    def __post_init__(self) -> None:
        for name in ("prompts", "answers"):
            check_length(getattr(self, name), name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Each prompt with its answer, as in a trace: one after the other and from the first again, or any of them."""

    prompts: tuple[int, ...]
    answers: tuple[int, ...]
    is_shuffled: bool = False

    def __post_init__(self) -> None:
        _check_list(self.prompts, "prompts")
        _check_list(self.answers, "answers")
        if len(self.prompts) != len(self.answers):
            raise BadInput(f"{len(self.answers):,} for {len(self.prompts):,} prompts", field="answers")


def drawn_tokens(length: Length, count: int, generator: np.random.Generator) -> Ints:
    """So many lengths."""
    match length:
        case Fixed(tokens=tokens):
            return np.full(count, tokens, np.int64)
        case Uniform(least=least, most=most):
            return generator.integers(least, most, count, np.int64, endpoint=True)
        case Zipf(least=least, most=most, exponent=exponent):
            return least + drawn_ranks(most - least + 1, exponent, count, generator)
        case Lognormal(mean=mean, cv=cv, least=least, most=most):
            variance = math.log1p(cv**2)  # of the logarithm
            spread = math.sqrt(variance) * generator.standard_normal(count)
            tokens_exact = np.exp(math.log(mean) - variance / 2 + spread)
            return np.clip(np.rint(tokens_exact), least, most).astype(np.int64)
        case Listed(tokens=tokens, is_shuffled=is_shuffled):
            listed: Ints = np.array(tokens, np.int64)[_places(len(tokens), is_shuffled, count, generator)]
            return listed


def drawn_pairs(
    lengths: Lengths | Pairs, count: int, prompts: np.random.Generator, answers: np.random.Generator
) -> tuple[Ints, Ints]:
    """So many prompts and answers, each from a generator of its own; those of pairs from the first."""
    match lengths:
        case Lengths():
            return drawn_tokens(lengths.prompts, count, prompts), drawn_tokens(lengths.answers, count, answers)
        case Pairs():
            places = _places(len(lengths.prompts), lengths.is_shuffled, count, prompts)
            return np.array(lengths.prompts, np.int64)[places], np.array(lengths.answers, np.int64)[places]


def drawn_ranks(ranks: int, exponent: float, count: int, generator: np.random.Generator) -> Ints:
    """So many numbers from 0, the n-th n^exponent times as rare as the first."""
    if not exponent:
        return generator.integers(0, ranks, count, np.int64)
    cumulative = np.cumsum(np.arange(1, ranks + 1) ** -float(exponent))
    found = np.searchsorted(cumulative, generator.random(count) * cumulative[-1], side="right")
    ranks_found: Ints = np.minimum(found, ranks - 1)
    return ranks_found


def check_length(length: object, field: str) -> None:
    """BadInput for what is no kind of length."""
    if not isinstance(length, Length):
        raise BadInput(f"{length!r:.80} is no kind of length", field=field)


def _places(among: int, is_shuffled: bool, count: int, generator: np.random.Generator) -> Ints:
    if is_shuffled:
        return generator.integers(0, among, count, np.int64)
    in_turn: Ints = np.arange(count, dtype=np.int64) % among
    return in_turn


def _check_range(least: int, most: int) -> None:
    check_whole(least, "least")
    check_whole(most, "most")
    if most < least:
        raise BadInput(f"{most} is less than the least, {least}", field="most")


def _check_list(tokens: tuple[int, ...], field: str) -> None:
    if not isinstance(tokens, tuple):
        raise BadInput(f"{tokens!r:.40} is no list", field=field)
    if not tokens:
        raise BadInput("no length", field=field)
    found = np.array(tokens)
    if found.dtype.kind == "i" and found.min() >= 1 and found.max() <= MOST_TOKENS:
        return  # a million of them at once; only where one is wrong each is looked at
    for place, length in enumerate(tokens):
        check_whole(length, f"{field}.{place}")
