"""Floats of requests.csv."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gnomon.formats.vidur.requests import _texts


@given(st.lists(st.floats(), max_size=20))
def test_floats_are_written_as_python_shows_them(values):
    assert _texts(np.array(values, np.float64)) == [repr(value) for value in values]


def test_the_bounds_of_the_fast_way_are_pythons():
    values = [0.0, -0.0, 1e-4, np.nextafter(1e-4, 0), 1e16, np.nextafter(1e16, 0), 1e15, -1e-5]
    assert _texts(np.array(values)) == [repr(float(value)) for value in values]
