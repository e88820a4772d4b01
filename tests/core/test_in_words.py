import pytest

from gnomon.core import in_words


@pytest.mark.parametrize(
    ("value", "unit", "digits", "text"),
    [
        (1.5e-3, "s", 3, "1.50 ms"),
        (1612.4, "/s", 4, "1,612 /s"),
        (12.345, "/s", 4, "12.35 /s"),
        (0.2764, "share", 3, "27.6 %"),
        (3.21, "%", 3, "3.2 %"),
        (50.74, "flop/B", 3, "50.7 flop/B"),
        (0.125, "", 4, "0.125"),
        (123456.0, "", 4, "123,456"),
        (None, "s", 3, "-"),
    ],
)
def test_a_number_has_the_form_of_its_unit(value, unit, digits, text):
    assert in_words.quantity(value, unit, digits) == text


def test_rates_are_whole_numbers_from_a_hundred_on():
    assert in_words.rate(10538.6, "image") == "10,539 image/s"
    assert in_words.rate(7.5, "token") == "7.5 token/s"


def test_what_is_not_known_is_a_dash():
    found = (in_words.interval(None, 1.0), in_words.percent(None), in_words.share(None), in_words.rate(None))
    assert set(found) == {"-"}


def test_a_signed_percentage_has_its_sign():
    assert (in_words.percent(5.0, is_signed=True), in_words.percent(5.0)) == ("+5.0 %", "5.0 %")
