"""What is written in Timeloop's form reads back as the same: of every golden case, and of what only a core can hold."""

from dataclasses import replace

import pytest

from gnomon.core.accelerator import Memory, Network
from gnomon.core.errors import Unsupported
from gnomon.core.problem import DataSpace, Problem, Term
from gnomon.formats.timeloop.architecture_text import architecture_text
from gnomon.formats.timeloop.energy_text import energy_text
from gnomon.formats.timeloop.problem_text import problem_text
from gnomon.formats.timeloop.read import read
from tests.engines.mapper.golden import given, own_cases, shared_cases

CASES = [*own_cases(), *shared_cases("cases", "official")]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_reads_back_as_the_same_problem_and_accelerator(case, tmp_path):
    asked = given(case)
    files = {
        "problem.yaml": problem_text(asked.problem),
        "architecture.yaml": architecture_text(asked.accelerator),
        "energies.yaml": energy_text(asked.accelerator),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    again = read([tmp_path / name for name in files])
    assert again.problem == asked.problem
    assert again.accelerator == asked.accelerator


def test_a_stride_has_one_coefficient_however_often_it_stands():
    rank = (Term(dim="P", factor=2), Term(dim="R", factor=-3))
    space = DataSpace(name="I", ranks=(rank, rank))
    text = problem_text(Problem(name="p", bounds={"P": 4, "R": 3}, spaces=(space,)))
    assert text.count("name: times2") == text.count("name: minus3") == 1


def test_a_dimension_of_several_letters_is_refused():
    with pytest.raises(Unsupported, match="dimension 'batch' has more than one letter"):
        problem_text(Problem(name="p", bounds={"batch": 4}, spaces=()))


def test_a_length_of_wires_is_the_same_to_the_last_bit(tmp_path):
    asked = given(next(case for case in CASES if case.name == "33_network_energy"))
    for tile_mm in (0.1, 1 / 3, 0.0475831):
        memories = [_with_wires(memory, tile_mm) for memory in asked.accelerator.memories]
        accelerator = replace(asked.accelerator, memories=tuple(memories))
        (tmp_path / "all.yaml").write_text(
            problem_text(asked.problem) + architecture_text(accelerator) + energy_text(accelerator)
        )
        assert read([tmp_path / "all.yaml"]).accelerator == accelerator


def _with_wires(memory: Memory, tile_mm: float) -> Memory:
    return replace(memory, network=Network(tile_mm=tile_mm, wire_pj_per_bit_mm=0.1))
