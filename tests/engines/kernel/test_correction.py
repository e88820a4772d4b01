import math

import numpy as np
import pytest

from gnomon.engines.kernel.correction import COMMON, Axis, Correction, interpolation, on_silicon
from gnomon.engines.kernel.fitted import fitted_text, parse_fitted, shipped

AXES = (Axis(name="m", knots=(1, 100)), Axis(name="n", knots=(1, 10, 1000)))


def _ratio(correction, m, n, silicon="", library=""):
    return float(correction.ratio({"m": np.array([m]), "n": np.array([n])}, silicon, library)[0])


def test_at_a_crossing_the_ratio_is_that_of_the_crossing():
    grid = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    correction = Correction(axes=AXES, grid={COMMON: grid}, low=0.1, high=10.0)
    assert _ratio(correction, 1, 10) == pytest.approx(math.exp(0.1))
    assert _ratio(correction, 100, 1000) == pytest.approx(math.exp(0.5))


def test_between_crossings_it_is_linear_in_logarithms():
    correction = Correction(axes=AXES, grid={COMMON: (0.0, 0.0, 0.0, 0.4, 0.4, 0.4)}, low=0.1, high=10.0)
    assert _ratio(correction, 10, 5) == pytest.approx(math.exp(0.2))


def test_beyond_the_ends_it_stays_and_its_bounds_hold():
    correction = Correction(axes=AXES, grid={COMMON: (9.0,) * 3 + (-9.0,) * 3}, low=0.5, high=2.0)
    assert _ratio(correction, 0.01, 1) == 2.0
    assert _ratio(correction, 1e9, 1) == 0.5


def test_unknown_silicon_and_an_unknown_library_take_what_is_common():
    grid = {COMMON: (0.1,) * 6, "GA100": (0.2,) * 6, on_silicon("vllm", "GA100"): (0.3,) * 6}
    correction = Correction(axes=AXES, grid=grid, low=0.1, high=10.0)
    assert _ratio(correction, 5, 5, "GX999") == pytest.approx(math.exp(0.1))
    assert _ratio(correction, 5, 5, "GA100", "other") == pytest.approx(math.exp(0.3))
    assert _ratio(correction, 5, 5, "GA100", "vllm") == pytest.approx(math.exp(0.6))


def test_weights_of_the_crossings_add_up_to_one():
    features = {"m": np.array([0.5, 3.0, 100.0]), "n": np.array([7.0, 10.0, 1e6])}
    corners, weights = interpolation(AXES, features)
    assert corners.shape == weights.shape == (3, 4)
    assert weights.sum(axis=1) == pytest.approx([1, 1, 1])


def test_the_file_of_coefficients_comes_back_as_it_was_written():
    text = fitted_text(shipped())
    assert fitted_text(parse_fitted(text)) == text
    assert len(text.encode()) < 100_000
