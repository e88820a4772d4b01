"""Timeloop's switches: each changes what it is to change, by name as by the variable."""

import pytest

from gnomon.core.errors import BadInput, Unsupported
from gnomon.engines.mapper.conventions import Switches, of_environment, turned
from gnomon.engines.mapper.evaluate import evaluate
from tests.engines.mapper.golden import given, own_cases

CASES = {case.name: case for case in own_cases()}


def _reads(name, level, space, **switches):
    asked = given(CASES[name])
    found = evaluate(asked.problem, asked.accelerator, asked.nest, Switches(**switches))
    names = [memory.name for memory in asked.accelerator.memories]
    return found.activity.levels[names.index(level)][space].reads


def test_a_halo_is_walked_whole_without_extrapolation():
    """Timeloop's two iterations give 48 reads where a walk of all gives 36."""
    assert _reads("05_conv1d_halo", "GLB", "Inputs") == 48
    assert _reads("05_conv1d_halo", "GLB", "Inputs", temporal_extrapolation=False) == 36


def test_neighbours_lend_only_where_they_may():
    assert _reads("16_spatial_link_shift", "GLB", "Inputs") == 11
    assert _reads("16_spatial_link_shift", "GLB", "Inputs", link_transfers=False) == 32


def test_the_first_partial_sum_is_read_where_it_is_not_left_out():
    name = "23_psum_two_buffers"
    assert _reads(name, "RF", "Z") == 16384 - 256
    assert _reads(name, "RF", "Z", first_read_elision=False) == 16384


def test_variables_and_names_turn_the_same():
    assert of_environment({}) == Switches()
    by_name = turned(Switches(), {"first_read_elision": "off", "updated_rmw": "on"})
    assert by_name == of_environment({"TIMELOOP_ENABLE_FIRST_READ_ELISION": "0", "TIMELOOP_ENABLE_UPDATED_RMW": "1"})
    assert of_environment({"TIMELOOP_DISABLE_LINK_TRANSFERS": "1"}) == Switches(link_transfers=False)
    assert of_environment({"TIMELOOP_DISABLE_LINK_TRANSFERS": "0"}) == Switches()
    assert of_environment({"TIMELOOP_DISABLE_LINK_TRANSFERS": "yes"}) == Switches(link_transfers=False)


def test_a_variable_that_asks_for_another_analysis_is_refused():
    assert of_environment({"TIMELOOP_USE_ISL": "0"}) == Switches()
    with pytest.raises(Unsupported, match="TIMELOOP_USE_ISL is set"):
        of_environment({"TIMELOOP_USE_ISL": "1"})


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"frist_read_elision": "off"}, "set: unknown switch 'frist_read_elision'; did you mean 'first_read_elision'?"),
        ({"link_transfers": "maybe"}, "set link_transfers: on or off, not 'maybe'"),
    ],
)
def test_a_slip_is_told(settings, text):
    with pytest.raises(BadInput) as fault:
        turned(Switches(), settings)
    assert str(fault.value) == text
