import pytest

from gnomon.core.errors import Unsupported
from gnomon.core.problem import Term
from gnomon.formats.timeloop.read import read
from tests.formats.timeloop.small import ARCHITECTURE, PROBLEM, read_small, write


def test_a_problem_has_the_bounds_and_strides_of_its_instance(tmp_path):
    found = read_small(tmp_path).problem
    assert (found.name, dict(found.bounds)) == ("conv1d", {"R": 3, "P": 16, "M": 8})
    weights, inputs, outputs = found.spaces
    assert weights.ranks == ((Term(dim="M"),), (Term(dim="R"),))
    assert inputs.ranks == ((Term(dim="R"), Term(dim="P", factor=2)),)
    assert [space.is_output for space in (weights, inputs, outputs)] == [False, False, True]


def test_a_coefficient_has_its_default_where_the_instance_gives_none(tmp_path):
    found = read_small(tmp_path, problem=PROBLEM.replace(", Pstride: 2", "")).problem
    assert found.spaces[1].ranks == ((Term(dim="R"), Term(dim="P")),)


def test_ranks_of_one_dimension_each_may_be_written_short(tmp_path):
    found = read_small(tmp_path, problem=PROBLEM.replace("[[[M]], [[R]]]", "[M, R]")).problem
    assert found.spaces[0].ranks == ((Term(dim="M"),), (Term(dim="R"),))


def test_hyphens_of_old_files_are_underscores(tmp_path):
    old = PROBLEM.replace("data_spaces", "data-spaces").replace("read_write", "read-write")
    assert read_small(tmp_path, problem=old).problem == read_small(tmp_path).problem


def test_bounds_may_stand_beside_the_shape_and_be_variables(tmp_path):
    older = PROBLEM.replace("  instance: {R: 3, P: 16, M: 8, Pstride: 2}", "  R: 3\n  P: width\n  M: 8\n  Pstride: 2")
    paths = write(
        tmp_path, {"problem.yaml": older, "arch.yaml": ARCHITECTURE, "variables.yaml": "variables: {width: 4 * 4}"}
    )
    assert read(paths).problem == read_small(tmp_path).problem


def test_data_spaces_that_are_dense_may_say_so(tmp_path):
    dense = PROBLEM.replace("Pstride: 2}", "Pstride: 2, densities: {Inputs: 1.0}}")
    assert read_small(tmp_path, problem=dense).problem == read_small(tmp_path).problem


def test_a_built_in_shape_is_not_known(tmp_path):
    paths = write(tmp_path, {"problem.yaml": "problem: {shape: cnn_layer, R: 3}", "arch.yaml": ARCHITECTURE})
    with pytest.raises(Unsupported, match="the built-in shape 'cnn_layer' is not known here; write the shape out"):
        read(paths)
