import math

import pytest

from gnomon.api.comparison import compare_measurements
from gnomon.engines.roofline.calibration import calibration
from gnomon.stats.calibration import Calibration
from gnomon.stats.intervals import EVERYTHING, LEVEL, RatioBand


def test_an_interval_stretches_the_value_by_the_band():
    band = RatioBand(low=-0.5, high=1.0, groups=4, rows=100)
    found = Calibration(engine="e", version="v", data="d", sha256="", bands={EVERYTHING: band}).interval(2.0, "unseen")
    assert (found.low, found.high) == (2 * math.exp(-0.5), 2 * math.e)
    assert found.level == LEVEL
    assert "4 kinds of silicon" in found.method


@pytest.mark.parametrize("what", ["kernels", "models"])
def test_shipped_bands_hold_the_prediction_and_say_what_stands_behind_them(what):
    shipped = calibration(what)
    assert shipped.engine == "roofline"
    assert shipped.data
    assert shipped.sha256
    assert EVERYTHING in shipped.bands
    for stratum, band in shipped.bands.items():
        assert band.low <= 0 <= band.high, stratum
        assert band.groups >= 3, stratum
        assert band.rows >= band.groups, stratum


@pytest.mark.slow
def test_the_bands_of_whole_models_are_those_of_the_built_in_table():
    made = compare_measurements("published").calibration()
    shipped = calibration("models")
    assert made.sha256 == shipped.sha256
    assert made.data == shipped.data
    for stratum, band in made.bands.items():
        assert (band.low, band.high) == pytest.approx((shipped.bands[stratum].low, shipped.bands[stratum].high))
