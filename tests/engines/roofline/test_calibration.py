import math

import pytest

from gnomon.engines.roofline.calibration import Calibration, shipped
from gnomon.stats.intervals import EVERYTHING, RatioBand
from gnomon.stats.strata import LEVEL


def test_an_interval_stretches_the_value_by_the_band():
    band = RatioBand(low=-0.5, high=1.0, groups=4, rows=100)
    found = Calibration(data="d", bands={EVERYTHING: band}).interval(2.0, "unseen")
    assert (found.low, found.high) == (2 * math.exp(-0.5), 2 * math.e)
    assert found.level == LEVEL
    assert "4 kinds of silicon" in found.method


@pytest.mark.parametrize("what", ["kernels", "models"])
def test_shipped_bands_hold_the_prediction_and_say_what_stands_behind_them(what):
    calibration = shipped(what)
    assert calibration is not None
    assert calibration.data
    assert EVERYTHING in calibration.bands
    for stratum, band in calibration.bands.items():
        assert band.low <= 0 <= band.high, stratum
        assert band.groups >= 3, stratum
        assert band.rows >= band.groups, stratum


def test_there_is_no_calibration_of_what_was_not_measured():
    assert shipped("dreams") is None
