import pytest

from gnomon.core.columns import column_label, column_unit


@pytest.mark.parametrize(
    ("column", "unit", "label"),
    [
        ("total_s", "s", "total"),
        ("tokens_per_s", "/s", "tokens"),
        ("memory_bytes", "B", "memory"),
        ("moved_bytes_per_s", "B/s", "moved"),
        ("error_percent", "%", "error"),
        ("tpot_flop", "flop", "tpot flop"),
        ("ttft_mfu", "share", "ttft mfu"),
        ("mfu", "share", "mfu"),
        ("energy_j", "J", "energy"),
        ("batch", "", "batch"),
        ("devices", "", "devices"),
        ("weight_dtype", "", "weight dtype"),
    ],
)
def test_the_ending_of_a_name_is_its_unit_and_what_stands_before_is_said(column, unit, label):
    assert (column_unit(column), column_label(column)) == (unit, label)
