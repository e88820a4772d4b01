import numpy as np
import pytest

from gnomon.core.op import FAMILIES
from gnomon.stats.strata import kernel_strata


@pytest.mark.parametrize(
    ("seconds", "decade"), [(1e-6, 0), (9e-6, 0), (1e-5, 1), (5e-5, 1), (1e-4, 2), (9e-4, 2), (1e-3, 3), (10.0, 3)]
)
def test_operators_are_told_apart_by_family_and_decade(seconds, decade):
    for index, family in enumerate(FAMILIES):
        assert kernel_strata(np.array([index]), np.array([seconds])).tolist() == [f"{family}/{decade}"]
