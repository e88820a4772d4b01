"""A dataflow in the words of a convolution, for problems that have other words or fewer dimensions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gnomon.core.convolution import convolution, product
from gnomon.core.design import rules_for
from gnomon.core.errors import Unsupported
from gnomon.core.map_space import LevelRules, LoopRules, MapRules
from gnomon.core.problem import DataSpace, Problem, Term
from gnomon.formats.accelerator_file import catalogue_accelerator

SPREAD = LevelRules(
    temporal=LoopRules(exactly={"R": 1, "C": 1}, at_most={"Q": 4}, inner=("S", "Q"), outer=("M", "R")),
    spatial=LoopRules(exactly={"P": 1}, inner=("R", "Q", "C", "M")),
    along_x=2,
    kept=frozenset({"Inputs"}),
    bypassed=frozenset({"Weights"}),
)


def _rules(problem: Problem, level: LevelRules = SPREAD) -> LevelRules:
    return rules_for(MapRules(levels=(level,)), problem).levels[0]


def _written_as_a_product() -> Problem:
    def space(name: str, dims: str, is_output: bool = False) -> DataSpace:
        return DataSpace(name=name, ranks=tuple((Term(dim=dim),) for dim in dims), is_output=is_output)

    spaces = (space("A", "MK"), space("B", "KN"), space("Z", "MN", is_output=True))
    return Problem(name="gemm", bounds={"M": 4, "N": 6, "K": 8}, spaces=spaces)


def test_rules_for_a_convolution_are_the_dataflow() -> None:
    problem = convolution(batch=1, c_in=8, c_out=8, kernel=(3, 3), out_size=(4, 4), groups=2)
    assert _rules(problem) == SPREAD


def test_a_dimension_that_a_problem_lacks_is_left_out_and_not_counted_along_x() -> None:
    found = _rules(product(m=4, n=6, k=8))
    assert found.temporal == LoopRules(exactly={"C": 1}, at_most={"Q": 4}, inner=("Q",), outer=("M",))
    assert found.spatial == LoopRules(inner=("Q", "C", "M"))
    assert found.along_x == 1  # Q, for R has gone


def test_a_product_of_a_by_b_is_named_as_it_names_itself() -> None:
    """Its rows are the rows of an output, its columns output channels, its right factor the weights."""
    found = _rules(_written_as_a_product())
    assert found.temporal == LoopRules(exactly={"K": 1}, at_most={"M": 4}, inner=("M",), outer=("N",))
    assert (found.spatial.inner, found.along_x) == (("M", "K", "N"), 1)
    assert (found.kept, found.bypassed) == ({"A"}, {"B"})


def test_iterations_that_a_problem_cannot_have_are_refused() -> None:
    level = LevelRules(spatial=LoopRules(exactly={"R": 3}, place="mine.yaml:7"))
    with pytest.raises(
        Unsupported, match=r"mine\.yaml:7: 3 iterations of R are asked for, which the problem does not have"
    ):
        _rules(product(m=4, n=6, k=8), level)


def test_a_problem_in_other_words_is_refused_with_those_that_are_known() -> None:
    spaces = (DataSpace(name="T", ranks=((Term(dim="X"),),), is_output=True),)
    with pytest.raises(Unsupported, match=r"mine: the dataflow is for problems of R, S, .* this one has X over T"):
        _rules(Problem(name="mine", bounds={"X": 3}, spaces=spaces))


# --- As a device


def test_an_accelerator_as_a_device_has_two_flop_of_each_unit_in_a_cycle_and_what_its_outermost_memory_moves():
    """168 units at 1 GHz; DRAM of 16-bit words, 8 read and 8 written in a cycle, without end."""
    device = catalogue_accelerator("eyeriss-like").as_device()
    assert device.product_dtypes == ("fp16", "bf16")
    assert device.peak("fp16", is_matrix=True).value == 2 * 168 * 1e9
    assert device.peak("fp16", is_matrix=False) is None
    assert device.memory_bytes_per_s.value == 16 * 2 * 1e9
    assert device.capacity_bytes is None


def test_where_rules_are_written_and_titles_change_no_digest_and_every_number_does():
    design = catalogue_accelerator("eyeriss-like")
    memories = design.accelerator.memories
    larger = replace(design.accelerator, memories=(replace(memories[0], entries=17), *memories[1:]))
    faster = replace(design.clock_hz, value=2e9)
    levels = design.dataflow.levels
    elsewhere = replace(design.dataflow, levels=(replace(levels[0], keeping_place="another file:7"), *levels[1:]))
    freer = replace(design.dataflow, levels=(replace(levels[0], bypassed=frozenset()), *levels[1:]))
    assert replace(design, title="another", dataflow=elsewhere).digest == design.digest
    others = [replace(design, accelerator=larger), replace(design, clock_hz=faster), replace(design, dataflow=freer)]
    assert len({design.digest, *(other.digest for other in others)}) == 4
