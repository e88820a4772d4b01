import inspect

import numpy as np
import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.engines.kernel import equations

SECONDS = st.floats(1e-9, 1e3)
RATE = st.floats(1e9, 1e16)


def test_tiles_and_waves_of_a_product_by_hand():
    # 8192 x 4096 in tiles of 256 x 128: 32 x 32 = 1024 blocks on 108 multiprocessors: 9.48 waves, 10 whole ones.
    blocks = equations.tiles(8192, 4096, 1, 256, 128, 1)
    assert blocks == 1024
    assert equations.waves(blocks, 108, 1.0) == 10
    assert equations.waves(blocks, 108, 0.0) == pytest.approx(9.4815, rel=1e-4)
    assert equations.tiles(8193, 4096, 2, 256, 128, 4) == 33 * 32 * 2 * 4


def test_fewer_blocks_than_multiprocessors_take_one_wave():
    assert equations.waves(1, 108, 0.0) == equations.waves(1, 108, 1.0) == 1


def test_a_tile_takes_its_arithmetic_or_its_edges_and_a_prologue():
    # 2 x 128 x 128 x 1024 = 33.55 Mflop at 2 Tflop/s: 16.8 us; (128 + 128) x 1024 x 2 B = 524 kB at 100 GB/s: 5.2 us.
    assert equations.tile_s(128, 128, 1024, 2, 2e12, 1e11, 0.0, 1e-6) == pytest.approx(17.777e-6, rel=1e-4)
    # At 10 GB/s the edges take 52.4 us.
    assert equations.tile_s(128, 128, 1024, 2, 2e12, 1e10, 0.0, 1e-6) == pytest.approx(53.429e-6, rel=1e-4)


def test_a_tile_of_half_the_area_keeps_half_the_unit_busy():
    assert equations.tile_s(64, 64, 100, 2, 1e12, 1e15, 4096, 0.0) == pytest.approx(2 * 2 * 4096 * 100 / 1e12)


def test_a_part_with_a_picojoule_for_an_operation_holds_the_share():
    assert equations.sustained_flop_per_s(1e14, 1e-12, 0.8, 0.1) == pytest.approx(8e13)
    assert equations.sustained_flop_per_s(1e14, 1e-9, 0.8, 0.5) == 1e14  # never above the peak


def test_equal_times_overlap_to_a_little_more_than_one():
    assert equations.overlapped_s(1.0, 1.0) == pytest.approx(2 ** (1 / equations.SHARPNESS))
    assert equations.overlapped_s(0.0, 0.0) == 0.0


def test_half_of_the_traffic_comes_from_a_cache_of_its_size():
    assert equations.cached_share(4e7, 4e7) == 0.5
    # 100 MB, half at 1 TB/s and half at 4 TB/s: 50 us and 12.5 us.
    assert equations.traffic_s(1e8, 1e12, 4e12, 0.5) == pytest.approx(62.5e-6)


@given(SECONDS, SECONDS)
def test_overlap_lies_between_the_larger_and_the_sum(one, other):
    found = equations.overlapped_s(one, other)
    assert max(one, other) <= found <= (one + other) * (1 + 1e-12)


@given(RATE, st.floats(1.0, 100.0), st.floats(1.0, 1e3), st.floats(0.3, 1.0), st.floats(0.0, 1.0))
def test_a_higher_peak_is_never_held_at_less(peak, factor, power, share, exponent):
    slow = equations.sustained_flop_per_s(peak, power / peak, share, exponent)
    fast = equations.sustained_flop_per_s(peak * factor, power / (peak * factor), share, exponent)
    assert fast >= slow * (1 - 1e-12)


@given(RATE, st.floats(1.0, 100.0), RATE, st.floats(0.0, 1.0))
def test_more_bandwidth_never_slows_traffic(bandwidth, factor, l2, cached):
    slow = equations.traffic_s(1e9, bandwidth, l2, cached)
    assert equations.traffic_s(1e9, bandwidth * factor, l2, cached) <= slow * (1 + 1e-12)


_UNIT = pint.UnitRegistry()
_UNIT.define("octet = [storage]")  # pint's own byte is a bare number, which would let everything pass
_S, _BYTE = _UNIT.second, _UNIT.octet


@pytest.mark.parametrize(
    ("equation", "units", "result"),
    [
        (equations.traffic_s, (_BYTE, _BYTE / _S, _BYTE / _S, 1), _S),
        (equations.cached_share, (_BYTE, _BYTE), _UNIT.dimensionless),
    ],
)
def test_dimensions_agree(equation, units, result):
    values = [2.0 * unit for unit in units]
    assert len(values) == len(inspect.signature(equation).parameters)
    assert _UNIT.Quantity(equation(*values)).check(result.dimensionality)


def test_arrays_are_taken_element_by_element():
    blocks = equations.tiles(np.array([128.0, 256.0]), np.array([128.0, 128.0]), 1.0, 128, 128, 1)
    assert blocks.tolist() == [1.0, 2.0]
