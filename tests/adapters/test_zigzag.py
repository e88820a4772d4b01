"""ZigZag: what it is given, worked out by hand, and what it said."""

import subprocess
import sys
from dataclasses import replace

import pytest
import yaml

from gnomon.adapters.zigzag.adapter import ZigZag
from gnomon.adapters.zigzag.run import SCRIPT
from gnomon.core.problem import DataSpace, Term
from gnomon.core.tool import Limits
from gnomon.testing import tiny_questions
from gnomon.tools.answers import ask
from gnomon.tools.environments import complaint
from tests.adapters.asked import QUESTIONS, needs, recorded

TOOL = ZigZag()


def _files(question):
    return {name: yaml.safe_load(text) for name, text in TOOL.translate(question).items()}


def test_a_product_is_a_layer_of_two_inputs_and_an_output():
    (layer,) = _files(tiny_questions()["product"])["workload.yaml"]
    assert layer["equation"] == "O[M][N]+=I[M][K]*W[K][N]"
    assert (layer["loop_dims"], layer["loop_sizes"]) == (["M", "N", "K"], [8, 8, 16])
    assert layer["operand_precision"] == {"I": 16, "W": 16, "O": 16, "O_final": 16}
    assert "dimension_relations" not in layer


def test_a_stride_becomes_a_relation_of_dimensions():
    (layer,) = _files(tiny_questions()["convolution"])["workload.yaml"]
    assert layer["equation"] == "O[M][P][Q]+=I[C][PR][QS]*W[C][M][R][S]"
    assert layer["dimension_relations"] == ["PR = 2*P + 1*R", "QS = 2*Q + 1*S"]


def test_memories_have_bits_ports_and_costs_of_an_access_as_wide_as_a_port():
    accelerator = _files(tiny_questions()["product"])["accelerator.yaml"]
    assert accelerator["operational_array"]["dimensions"] == ["D1"]
    assert accelerator["operational_array"]["sizes"] == [4]
    registers, buffer, dram = (accelerator["memories"][name] for name in ("Registers", "Buffer", "DRAM"))
    assert (registers["size"], buffer["size"]) == (64 * 16, 4096 * 16)
    assert [one["served_dimensions"] for one in (registers, buffer, dram)] == [[], ["D1"], ["D1"]]
    # 8 words of 16 bits in a cycle; 6 pJ a word.
    assert [port["bandwidth_max"] for port in buffer["ports"]] == [128, 128]
    assert (buffer["r_cost"], buffer["w_cost"]) == (48.0, 48.0)
    # 4 words in a cycle, reads and writes together; 200 pJ a word.
    (shared,) = dram["ports"]
    assert (shared["type"], shared["bandwidth_max"], dram["r_cost"]) == ("read_write", 64, 800.0)
    assert len(shared["allocation"]) == 8
    # No bandwidth: each of the four reads and four writes has a port for itself.
    assert [port["allocation"] for port in registers["ports"][:4]] == [["I1, tl"], ["I2, tl"], ["O, tl"], ["O, th"]]
    assert len(registers["ports"]) == 8


def test_a_read_port_and_a_write_port_of_two_widths_have_a_cost_each():
    question = tiny_questions()["product"]
    buffer = replace(question.accelerator.memories[1], write_words_per_cycle=2.0)
    memories = (question.accelerator.memories[0], buffer, question.accelerator.memories[2])
    asked = replace(question, accelerator=replace(question.accelerator, memories=memories))
    found = _files(asked)["accelerator.yaml"]["memories"]["Buffer"]
    assert (found["r_cost"], found["w_cost"]) == (6.0 * 8, 6.0 * 2)


@pytest.mark.parametrize(
    ("spaces", "reason"),
    [
        ([("A", "MK"), ("Z", "MK")], "two inputs and one output, not 1 and 1"),
        ([("A", "MM"), ("B", "K"), ("Z", "M")], "A: a dimension is in it twice"),
    ],
)
def test_what_no_layer_can_say_is_declined(spaces, reason):
    question = tiny_questions()["product"]
    made = tuple(
        DataSpace(name=name, ranks=tuple((Term(dim=dim),) for dim in dims), is_output=name == "Z")
        for name, dims in spaces
    )
    problem = replace(question.problem, spaces=made)
    assert reason in "; ".join(TOOL.missing(replace(question, problem=problem)))


def test_every_term_of_its_cycles_and_energies_is_read():
    found = TOOL.read(recorded("zigzag", "eyeriss_p"), QUESTIONS["eyeriss_p"]())
    assert (found.cycles, found.energy_pj) == (3_879_143, 7_102_155_840)
    assert found.cycle_terms == {
        "ideal": 3_195_661,
        "idle units": 62_707,
        "stalls": 612_901,
        "first load": 7_697,
        "last store": 177,
    }
    by_part = {(part.part, part.space): part.energy_pj for part in found.energy_parts}
    assert by_part["MAC", ""] == 2**29
    assert ("Buffer", "B") not in by_part  # which it may not keep
    assert by_part["DRAM", "B"] == pytest.approx(3.36019e9, rel=1e-4)


def test_what_it_forgets_to_ask_for_is_named(tmp_path):
    done = subprocess.run(
        [sys.executable, "-S", "-P", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False, env={}
    )
    assert done.returncode == 1
    assert complaint(done.stderr) == "six is not there, which ZigZag imports and does not ask for"


@needs(TOOL)
@pytest.mark.slow
@pytest.mark.parametrize(("name", "cycles"), [("tpu_p", 68_575), ("eyeriss_p", 3_879_143)])
def test_the_tool_itself_says_so(name, cycles):
    assert ask(TOOL, QUESTIONS[name](), Limits()).cycles == cycles
