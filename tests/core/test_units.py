import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.errors import BadInput
from gnomon.core.units import SPELLINGS, parse, show


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("5 us", "s", 5e-6),
        ("5us", "s", 5e-6),
        ("5 µs", "s", 5e-6),
        ("139 ns", "s", 1.39e-7),
        ("2 min", "s", 120.0),
        ("1 h", "s", 3600.0),
        ("80 GB", "B", 8e10),
        ("50 MiB", "B", 52_428_800.0),  # 50 x 2^20
        ("3.35 TB/s", "B/s", 3.35e12),
        ("400 Gbit/s", "B/s", 5e10),  # 400e9 / 8
        ("312 TFLOP/s", "flop/s", 3.12e14),
        ("312 Tflop/s", "flop/s", 3.12e14),
        ("22 TOP/s", "flop/s", 2.2e13),
        ("8.2 GFLOP", "flop", 8.2e9),
        ("1410 MHz", "Hz", 1.41e9),
        ("700 W", "W", 700.0),
        ("0.8", "", 0.8),
        ("80 %", "", 0.8),
        (".5e1 s", "s", 5.0),
        ("-3 s", "s", -3.0),
        (0.25, "", 0.25),
    ],
)
def test_text_with_a_unit_becomes_si(text, unit, value):
    assert parse(text, unit) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        ("fast", "s", "'fast' does not start with a number; write it like '5 us'"),
        ("nan s", "s", "'nan s' does not start with a number; write it like '5 us'"),
        ("3350", "B/s", "'3350' has no unit; write it like '3.35 TB/s'"),
        (3350.0, "B/s", "'3350.0' has no unit; write it like '3.35 TB/s'"),
        ("3 TBs", "B/s", "'3 TBs': unknown unit 'TBs'; did you mean 'TB/s'?"),
        ("3 furlongs", "B/s", "'3 furlongs': unknown unit 'furlongs'; write it like '3.35 TB/s'"),
        ("5 us", "B", "'5 us': 'us' is a unit of time, expected size, like '80 GB'"),
        ("80 GB", "B/s", "'80 GB': 'GB' is a unit of size, expected bandwidth, like '3.35 TB/s'"),
        ("5 GHz", "", "'5 GHz': 'GHz' is a unit of frequency, expected a plain ratio, like '0.8'"),
        ("1e400 s", "s", "'1e400 s' is not a finite quantity"),
        (True, "s", "True is not a quantity in s"),
        (True, "", "True is not a quantity in plain numbers"),
    ],
)
def test_text_without_the_right_unit_is_refused_with_what_to_write(text, unit, message):
    with pytest.raises(BadInput) as fault:
        parse(text, unit)
    assert str(fault.value) == message


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.39e-4, "s", "139 us"),
        (0.0, "s", "0 s"),
        (12.3456, "s", "12.3 s"),
        (7200.0, "s", "7200 s"),
        (999.9e-6, "s", "1.00 ms"),  # rounding moves it to the next prefix
        (3.35e12, "B/s", "3.35 TB/s"),
        (8.0e10, "B", "80.0 GB"),
        (-2.5e-3, "s", "-2.50 ms"),
        (5e-13, "s", "0.000500 ns"),
        (math.inf, "s", "inf s"),
        (math.nan, "", "nan"),
    ],
)
def test_numbers_are_shown_with_a_prefix_and_three_digits(value, unit, text):
    assert show(value, unit) == text


@given(
    unit=st.sampled_from([u for u in SPELLINGS if u]),
    value=st.floats(1e-8, 1e17, allow_nan=False),
)
def test_what_is_shown_can_be_parsed_again(unit, value):
    text = show(value, unit, digits=6)
    if text.split()[1] not in SPELLINGS[unit]:  # people write no nB and no Ps
        return
    assert parse(text, unit) == pytest.approx(value, rel=1e-5)


@given(unit=st.sampled_from(list(SPELLINGS)), number=st.integers(1, 10**6))
def test_a_unit_scales_every_number_alike(unit, number):
    for spelling in SPELLINGS[unit]:
        assert parse(f"{number} {spelling}", unit) == pytest.approx(number * parse(f"1 {spelling}", unit))


def test_no_spelling_means_two_dimensions():
    seen = {}
    for unit, sizes in SPELLINGS.items():
        for spelling in sizes:
            assert seen.setdefault(spelling, unit) == unit, spelling
