import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.errors import BadInput
from gnomon.formats.quantity import RANGES, quantity


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("3.35 TB/s", "bandwidth", 3.35e12),
        ("3.35e12", "bandwidth", 3.35e12),
        (3.35e12, "bandwidth", 3.35e12),
        ("80 GB", "capacity", 8e10),
        (132, "count", 132.0),
        ("80 %", "ratio", 0.8),
        ("0 s", "latency", 0.0),
    ],
)
def test_a_quantity_in_range_becomes_si(text, kind, value):
    assert quantity(text, kind) == value


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (3350, "bandwidth", "3350 has no unit; 3350 looks like GB/s: write '3350 GB/s'"),
        ("989", "peak", "'989' has no unit; 989 looks like TFLOP/s: write '989 TFLOP/s'"),
        (5, "latency", "5 has no unit; 5 looks like us: write '5 us'"),
        (
            "3350 B/s",
            "bandwidth",
            "'3350 B/s' is outside what a bandwidth can be (100 MB/s to 1.00 PB/s); 3350 looks like",
        ),
        ("nan", "peak", "'nan' has no unit; write it with a unit, like '5 TFLOP/s'"),
        ("-5 GB", "capacity", "'-5 GB' is outside what a capacity can be"),
        ("1.5", "ratio", "'1.5' is outside what a ratio can be (1e-06 to 1)"),
        (0, "count", "0 is outside what a count can be (1 to 1e+07)"),
        (True, "count", "True is not a number"),
    ],
)
def test_a_quantity_that_cannot_be_is_refused_with_what_it_looks_like(text, kind, message):
    with pytest.raises(BadInput) as fault:
        quantity(text, kind)
    assert str(fault.value).startswith(message)


@given(st.sampled_from(list(RANGES)), st.floats())
def test_a_number_is_taken_as_it_is_or_refused(kind, number):
    _, low, high = RANGES[kind]
    if low <= number <= high:
        assert quantity(number, kind) == number
    else:
        with pytest.raises(BadInput):
            quantity(number, kind)


@pytest.mark.parametrize(("text", "kind"), [("170 %", "ratio"), ("1.7", "ratio"), ("0.5", "count")])
def test_a_number_without_dimension_is_given_no_unit(text, kind):
    with pytest.raises(BadInput) as fault:
        quantity(text, kind)
    assert str(fault.value).endswith(")")  # the range, and no advice
