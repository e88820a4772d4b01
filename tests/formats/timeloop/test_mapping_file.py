import pytest

from gnomon.core.loop_nest import Loop
from tests.formats.timeloop.small import MAPPING, read_small


def _nest(folder, *changes: tuple[str, str]):
    text = MAPPING
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    nest = read_small(folder, mapping=text).nest
    assert nest is not None
    return nest


def _all(dim: str, count: int) -> Loop:
    return Loop(dim=dim, count=count, last=count)


def test_loops_stand_innermost_first_without_those_of_one_iteration(tmp_path):
    registers, buffer, dram = _nest(tmp_path).tilings
    assert registers.temporal == (_all("R", 3),)
    assert (buffer.temporal, buffer.spatial_x, buffer.spatial_y) == ((_all("P", 8),), (_all("M", 4),), ())
    assert dram.temporal == (_all("M", 2), _all("P", 2))


@pytest.mark.parametrize("factors", ["P2 M2", "P=2,M=2", "P = 2  M 2 # R=7", "[P=2, M2]", "R1 P2 M2"])
def test_factors_may_be_written_in_each_way(factors, tmp_path):
    written = factors if factors.startswith("[") else f"'{factors}'"
    assert _nest(tmp_path, ("factors: P=2 M=2", f"factors: {written}")) == _nest(tmp_path)


def test_nought_stands_for_the_whole_dimension(tmp_path):
    assert _nest(tmp_path, ("factors: R=3", "factors: R=0")) == _nest(tmp_path)


def test_dimensions_that_no_permutation_names_come_last_in_the_order_of_the_problem(tmp_path):
    _, _, dram = _nest(tmp_path, ("permutation: MP", "permutation: R")).tilings
    assert [loop.dim for loop in dram.temporal] == ["P", "M"]


def test_a_permutation_may_be_a_list(tmp_path):
    assert _nest(tmp_path, ("permutation: MP", "permutation: [M, P]")) == _nest(tmp_path)


def test_parts_that_do_not_divide_a_dimension_say_what_the_last_pass_has(tmp_path):
    """16 is 2 passes of 10 and, in the last one, 6."""
    _, buffer, dram = _nest(tmp_path, ("factors: P8", "factors: 'P=10,6'")).tilings
    assert buffer.temporal == (Loop(dim="P", count=10, last=6),)
    assert dram.temporal == (_all("M", 2), _all("P", 2))


def test_letters_up_to_the_split_go_along_x_and_the_others_along_y(tmp_path):
    both = ("factors: M=4, permutation: M, split: 1", "factors: M=4 P=2, permutation: MPR, split: 1")
    _, buffer, _ = _nest(tmp_path, both, ("factors: P8", "factors: P4")).tilings
    assert (buffer.spatial_x, buffer.spatial_y) == ((_all("M", 4),), (_all("P", 2),))


def test_without_a_split_all_go_along_x(tmp_path):
    assert _nest(tmp_path, (", split: 1", "")) == _nest(tmp_path)


def test_what_no_directive_bypasses_is_kept(tmp_path):
    registers, buffer, dram = _nest(tmp_path).tilings
    assert sorted(buffer.kept) == ["Inputs", "Outputs"]
    assert registers.kept == dram.kept == {"Weights", "Inputs", "Outputs"}


@pytest.mark.parametrize("written", ["datatype", "dataspace", "bypass"])
def test_each_name_of_the_bypass_directive_counts(written, tmp_path):
    assert _nest(tmp_path, ("type: bypass", f"type: {written}")) == _nest(tmp_path)


def test_a_target_may_be_a_position_from_inside_out(tmp_path):
    assert _nest(tmp_path, ("target: Registers", "target: 0")) == _nest(tmp_path)


def test_flags_are_those_of_their_memory(tmp_path):
    registers, buffer, dram = _nest(
        tmp_path,
        ("permutation: RPM", "no_temporal_reuse: [Inputs], rmw_first_update: [Outputs]"),
        ("split: 1", "no_link_transfer: [Inputs], no_reuse: [Weights]"),
        ("permutation: MP", "permutation: MP, no_reuse: [Outputs]"),
    ).tilings
    assert (registers.no_temporal_reuse, registers.reads_first_update) == ({"Inputs"}, {"Outputs"})
    assert (buffer.no_link_transfer, buffer.no_multicast, buffer.no_temporal_reuse) == ({"Inputs"}, {"Weights"}, set())
    assert dram.no_temporal_reuse == {"Outputs"}


def test_there_may_be_no_mapping(tmp_path):
    assert read_small(tmp_path, mapping=None).nest is None
