"""How long prompts and answers are: means of what is drawn, and what cannot be a length."""

import math

import numpy as np
import pytest

from gnomon.core.errors import BadInput
from gnomon.core.traffic.lengths import (
    Fixed,
    Lengths,
    Listed,
    Lognormal,
    Pairs,
    Uniform,
    Zipf,
    drawn_pairs,
    drawn_tokens,
)

COUNT = 200_000
ERRORS = 4.0


def drawn(length, count=COUNT):
    return drawn_tokens(length, count, np.random.Generator(np.random.PCG64(3)))


def zipf_mean(least, most, exponent):
    weights = np.arange(1, most - least + 2) ** -exponent
    return np.sum(weights * np.arange(least, most + 1)) / weights.sum()


@pytest.mark.parametrize(
    ("length", "mean"),
    [
        (Fixed(tokens=17), 17.0),
        (Uniform(least=10, most=20), 15.0),
        (Zipf(least=5, most=500, exponent=0.6), zipf_mean(5, 500, 0.6)),
        (Zipf(least=5, most=500, exponent=2.0), zipf_mean(5, 500, 2.0)),
        (Zipf(least=1, most=9, exponent=0.0), 5.0),
        (Lognormal(mean=400.0, cv=1.2), 400.0),
        (Lognormal(mean=400.0, cv=0.0), 400.0),
        (Listed(tokens=(1, 2, 9), is_shuffled=True), 4.0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_lengths_have_the_mean_that_was_said(length, mean):
    found = drawn(length)
    assert abs(found.mean() - mean) <= ERRORS * found.std() / math.sqrt(COUNT)
    assert found.min() >= 1


def test_lognormal_lengths_have_their_spread_and_stay_in_their_range():
    found = drawn(Lognormal(mean=400.0, cv=0.5))
    assert found.std() / found.mean() == pytest.approx(0.5, rel=0.02)
    within = drawn(Lognormal(mean=400.0, cv=2.0, least=100, most=1000))
    assert (within.min(), within.max()) == (100, 1000)


def test_uniform_lengths_reach_both_ends():
    assert set(drawn(Uniform(least=3, most=6))) == {3, 4, 5, 6}


def test_a_list_is_taken_in_turn_and_from_the_first_again():
    assert drawn(Listed(tokens=(4, 5, 6)), 5).tolist() == [4, 5, 6, 4, 5]


def test_pairs_stay_together():
    pairs = Pairs(prompts=(10, 20, 30), answers=(1, 2, 3), is_shuffled=True)
    generators = [np.random.Generator(np.random.PCG64(seed)) for seed in (0, 1)]
    prompts, answers = drawn_pairs(pairs, 1000, *generators)
    assert np.array_equal(prompts, 10 * answers)
    assert set(answers) == {1, 2, 3}


@pytest.mark.parametrize(
    ("make", "field", "text"),
    [
        (lambda: Fixed(tokens=0), "tokens", "0 is less than 1"),
        (lambda: Fixed(tokens=1.5), "tokens", "not a whole number"),
        (lambda: Uniform(least=5, most=4), "most", "less than the least"),
        (lambda: Zipf(least=1, most=9, exponent=-1.0), "exponent", "-1.0 is not a number from 0"),
        (lambda: Zipf(least=1, most=10**8, exponent=1.0), "most", "lengths"),
        (lambda: Lognormal(mean=-3.0, cv=1.0), "mean", "not a positive number"),
        (lambda: Listed(tokens=()), "tokens", "no length"),
        (lambda: Listed(tokens=(3, -1)), "tokens.1", "-1 is less than 1"),
        (lambda: Pairs(prompts=(1, 2), answers=(1,)), "answers", "1 for 2 prompts"),
        (lambda: Lengths(prompts=7, answers=Fixed(tokens=1)), "prompts", "7 is no kind of length"),
    ],
)
def test_what_cannot_be_a_length_is_refused_by_field(make, field, text):
    with pytest.raises(BadInput, match=text) as caught:
        make()
    assert caught.value.field == field
