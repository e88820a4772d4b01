import math

from hypothesis import given

from gnomon.core.dtype import DTYPES
from gnomon.formats.device_file import catalogue_device
from gnomon.testing import devices


def test_products_run_on_the_matrix_unit_where_it_knows_the_format():
    assert catalogue_device("h100-sxm").peak("bf16", is_matrix=True).value == 989.4e12


def test_products_run_on_the_vector_unit_where_there_is_no_matrix_unit():
    p4 = catalogue_device("p4")
    assert p4.peak("int8", is_matrix=True).value == 22e12
    assert p4.peak("fp16", is_matrix=True) is None


def test_vector_operators_in_a_foreign_format_are_computed_in_fp32():
    p4 = catalogue_device("p4")
    assert p4.peak("fp16", is_matrix=False) == p4.peak("fp32", is_matrix=False)


@given(devices())
def test_peaks_as_an_array_are_the_peaks_one_by_one(device):
    for name, dtype in DTYPES.items():
        for is_matrix in (False, True):
            peak = device.peak(name, is_matrix)
            cell = device.peaks_flop_per_s[int(is_matrix), dtype.index]
            assert math.isnan(cell) if peak is None else cell == peak.value


@given(devices())
def test_a_product_is_never_slower_than_the_vector_unit(device):
    for name, peak in device.vector_flop_per_s.items():
        assert device.peak(name, is_matrix=True).value >= peak.value


@given(devices())
def test_every_number_of_a_device_has_a_unit_and_a_source(device):
    for sourced, unit in device.numbers().values():
        assert sourced.source
        assert unit in ("flop/s", "B/s", "B", "Hz", "W", "s", "")
