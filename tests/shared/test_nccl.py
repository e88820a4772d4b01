"""The measured collectives beside the repository: how near they are told at sizes that no fit has seen."""

import numpy as np
import pytest
from benchmarks.fit_nccl import chosen, log_ratios, read_rows
from benchmarks.nccl_accuracy import BELOW, digitised_errors, large_rows, timer_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rows(shared):
    return [
        row for row in read_rows(shared / "truth" / "collectives.csv.gz") if "NVLink" in row.system.dimensions[0].name
    ]


def test_a_ring_all_reduce_on_hgx_h100_is_within_seven_percent_of_what_was_read_off_a_plot(rows):
    errors = digitised_errors(chosen(rows, (), 0, BELOW))
    for members in (4, 8):
        told, at_line_rate = errors[members]
        assert np.abs(told).mean() <= 0.07
        assert np.abs(told).mean() < np.abs(at_line_rate).mean()


def test_collectives_of_h100_from_128_mib_on_are_within_five_percent_of_a_fit_below(rows):
    large = large_rows(rows, "h100_sxm")
    ratios = log_ratios(timer_of(chosen(rows, (), 0, BELOW)), large)
    assert np.abs(np.exp(-ratios) - 1).mean() <= 0.05
