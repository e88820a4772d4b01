import inspect

import numpy as np
import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.engines.roofline import equations

POSITIVE = st.floats(1e-3, 1e18)


def test_a_product_on_an_a100_by_hand():
    # (4096)^3 in fp16: 2 x 4096^3 = 137.4 GFLOP at 312 TFLOP/s: 440.5 us; 3 x 4096^2 x 2 B = 100.7 MB at 1.555 TB/s: 64.7 us.
    compute = equations.compute_s(2 * 4096**3, 312e12)
    memory = equations.memory_s(3 * 4096**2 * 2, 1.555e12)
    assert compute == pytest.approx(440.5e-6, rel=1e-3)
    assert memory == pytest.approx(64.7e-6, rel=1e-3)
    assert equations.launched_s(equations.roofline_s(compute, memory), 1, 3e-6) == pytest.approx(443.5e-6, rel=1e-3)


def test_arrays_are_taken_element_by_element():
    assert equations.roofline_s(np.array([1.0, 3.0]), np.array([2.0, 1.0])).tolist() == [2.0, 3.0]
    assert np.isnan(equations.roofline_s(np.array([np.nan]), np.array([1.0]))).all()


@given(POSITIVE, POSITIVE, POSITIVE, POSITIVE)
def test_an_operator_above_the_ridge_is_bound_by_its_arithmetic(flop, moved, peak, bandwidth):
    compute, memory = equations.compute_s(flop, peak), equations.memory_s(moved, bandwidth)
    intensity, ridge = flop / moved, peak / bandwidth
    if intensity > ridge * (1 + 1e-9):
        assert equations.roofline_s(compute, memory) == compute
    if intensity < ridge * (1 - 1e-9):
        assert equations.roofline_s(compute, memory) == memory


@given(POSITIVE, POSITIVE, st.integers(0, 100), st.floats(0, 1e-3))
def test_launches_only_add(compute, memory, launches, launch):
    roofline = equations.roofline_s(compute, memory)
    assert equations.launched_s(roofline, launches, launch) >= roofline >= max(compute, memory)


_UNIT = pint.UnitRegistry()
_UNIT.define("flop = [arithmetic]")
_UNIT.define("octet = [storage]")  # pint's own byte is a bare number, which would let everything pass
_S, _FLOP, _BYTE, _COUNT = _UNIT.second, _UNIT.flop, _UNIT.octet, _UNIT.dimensionless
_OF = {
    "flop": _FLOP,
    "peak_flop_per_s": _FLOP / _S,
    "moved_bytes": _BYTE,
    "bandwidth_bytes_per_s": _BYTE / _S,
    "compute": _S,
    "memory": _S,
    "roofline": _S,
    "launches": _COUNT,
    "launch_s": _S,
}
_ENDS = {"_s": _S, "_flop_per_byte": _FLOP / _BYTE}


def _functions():
    return {n: f for n, f in vars(equations).items() if inspect.isfunction(f) and f.__module__ == equations.__name__}


@pytest.mark.parametrize("name", _functions())
def test_every_equation_returns_the_unit_in_its_name(name):
    function = _functions()[name]
    found = function(**{parameter: 3.0 * _OF[parameter] for parameter in inspect.signature(function).parameters})
    (unit,) = (unit for end, unit in _ENDS.items() if name.endswith(end))
    assert found.dimensionality == (1 * unit).dimensionality
