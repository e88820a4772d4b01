import math
from dataclasses import replace

from hypothesis import given

from gnomon.core.device import Sourced
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


def test_only_what_is_multiplied_changes_and_is_marked():
    own = catalogue_device("h100-sxm")
    twice = own.scaled(bandwidth=2, why="what if")
    assert twice.memory_bytes_per_s.value == 2 * own.memory_bytes_per_s.value
    assert [line.split(" = ")[0] for line in twice.overrides()] == ["memory.bandwidth"]
    assert twice.overrides() == ("memory.bandwidth = 3.35 TB/s x 2 (what if)",)
    assert own.scaled(why="what if").digest == own.digest


def test_every_peak_is_multiplied():
    own = catalogue_device("h100-sxm")
    twice = own.scaled(peak=2, why="what if")
    assert all(twice.matrix_flop_per_s[d].value == 2 * n.value for d, n in own.matrix_flop_per_s.items())
    assert all(twice.vector_flop_per_s[d].value == 2 * n.value for d, n in own.vector_flop_per_s.items())


def test_a_number_that_a_user_wrote_and_somebody_multiplies_says_both():
    own = catalogue_device("h100-sxm")
    written = replace(own, launch_s=Sourced(value=2e-6, source="--launch-overhead 2us", kind="override"))
    assert (
        written.scaled(launch=0.5, why="what if").launch_s.source == "2.00 us (--launch-overhead 2us) x 0.5 (what if)"
    )
