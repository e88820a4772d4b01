"""One definition of a quantile, in intervals of resampled blocks, too."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gnomon.stats.bootstrap import block_bootstrap
from gnomon.stats.quantiles import quantiles


def test_a_quantile_is_the_smallest_value_that_such_a_share_does_not_exceed():
    assert quantiles(np.array([4.0, 1.0, 3.0, 2.0]), [0.0, 0.25, 0.26, 0.5, 0.99, 1.0]).tolist() == [1, 1, 2, 2, 4, 4]


@given(series=st.lists(st.floats(0, 1e6), min_size=1, max_size=200))
def test_with_an_interval_it_is_the_same(series):
    shares = (0.5, 0.9, 0.95, 0.99)
    assert block_bootstrap(np.array(series), shares).values[1:].tolist() == quantiles(np.array(series), shares).tolist()
