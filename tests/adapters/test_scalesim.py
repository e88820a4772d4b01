"""SCALE-Sim: what it is given, worked out by hand, and what it said."""

import subprocess
import sys
from configparser import ConfigParser
from dataclasses import replace

import pytest

from gnomon.adapters.scalesim.adapter import ScaleSim
from gnomon.adapters.scalesim.layer import layer_of
from gnomon.adapters.scalesim.read import streaming_cycles
from gnomon.adapters.scalesim.run import SCRIPT
from gnomon.adapters.scalesim.translate import parts
from gnomon.core.problem import Problem
from gnomon.core.tool import Limits
from gnomon.testing import tiny_questions
from gnomon.tools.answers import ask
from gnomon.tools.environments import complaint
from tests.adapters.asked import QUESTIONS, needs, recorded

TOOL = ScaleSim()


def test_a_product_is_m_n_and_k():
    assert TOOL.translate(tiny_questions()["product"])["layers.csv"].splitlines()[1] == "layer,8,8,16,"


def test_a_convolution_is_an_input_a_filter_and_one_stride():
    # 4 outputs at a stride of 2 and 3 taps touch 3 * 2 + 3 = 9 rows; 2 channels, 4 filters.
    assert TOOL.translate(tiny_questions()["convolution"])["layers.csv"].splitlines()[1] == "layer,9,9,3,3,2,4,2,"


def test_the_machine_is_an_array_with_a_share_of_the_buffer_for_each_operand():
    read = ConfigParser()
    read.read_string(TOOL.translate(QUESTIONS["tpu_p"]())["machine.cfg"])
    preset = read["architecture_presets"]
    assert (preset["arrayheight"], preset["arraywidth"], preset["dataflow"]) == ("128", "128", "ws")
    assert {preset[f"{name}sramszkb"] for name in ("ifmap", "filter", "ofmap")} == {"5461"}  # 16 MiB for three
    assert read["run_presets"]["interfacebandwidth"] == "USER"
    assert read["layout"]["ifmapsrambankbandwidth"] == "600"  # which is DRAM's


def test_operands_do_not_lie_on_each_other():
    read = ConfigParser()
    read.read_string(TOOL.translate(QUESTIONS["tpu_p"]())["machine.cfg"])
    preset = read["architecture_presets"]
    assert int(preset["filteroffset"]) >= 512 * 1024
    assert int(preset["ofmapoffset"]) >= int(preset["filteroffset"]) + 1024 * 1024


@pytest.mark.parametrize(("kept", "dataflow"), [("B", "ws"), ("A", "is"), ("Z", "os"), ("ABZ", "ws")])
def test_what_the_units_keep_stays(kept, dataflow):
    question = QUESTIONS["tpu_p"]()
    _, machine = parts(replace(question, kept=(frozenset(kept), *question.kept[1:])))
    assert machine.dataflow == dataflow
    assert any("one register" in note for note in machine.notes) is (kept == "ABZ")


def test_folds_are_counted_by_hand():
    # 1024 x 1024 weights on 128 x 128: 64 folds, 512 rows of inputs through each.
    assert streaming_cycles(*parts(QUESTIONS["tpu_p"]())) == 64 * 512


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [({"M": 4, "N": 4, "K": 4, "B": 2}, "B is in all data spaces"), ({"M": 4, "N": 4, "K": 4, "B": 1}, "")],
)
def test_a_batch_of_products_is_declined(bounds, reason):
    problem = tiny_questions()["product"].problem
    with_batch = tuple(
        replace(space, ranks=(*space.ranks, (replace(space.ranks[0][0], dim="B"),))) for space in problem.spaces
    )
    found = layer_of(Problem(name="p", bounds=bounds, spaces=with_batch))
    assert isinstance(found, str) is bool(reason)
    assert reason in str(found)


def test_total_and_compute_cycles_are_told_apart():
    """It reports 57,215 cycles and no stalls, and a total of 61,293: the rest lies before and after the array's work."""
    found = TOOL.read(recorded("scalesim", "tpu_p"), QUESTIONS["tpu_p"]())
    assert found.cycles == 61_293
    assert found.cycle_terms == {
        "ideal": 32_768,
        "idle units": 0,
        "stalls": 0,
        "array": 57_215 - 32_768,
        "first load": 1_748,
        "last store": 61_293 - 57_215 - 1_748,
    }
    assert found.energy_pj is None


def test_without_a_bandwidth_of_dram_the_first_load_is_left_out():
    question = QUESTIONS["tpu_p"]()
    dram = replace(question.accelerator.memories[-1], shared_words_per_cycle=None)
    accelerator = replace(question.accelerator, memories=(*question.accelerator.memories[:-1], dram))
    found = TOOL.read(recorded("scalesim", "tpu_p"), replace(question, accelerator=accelerator))
    assert found.cycles == 57_215
    assert any("left out" in note for note in found.notes)


def test_a_numpy_that_it_fails_with_is_named_before_anything_is_simulated(tmp_path):
    (tmp_path / "numpy-2.5.0.dist-info").mkdir()
    (tmp_path / "numpy-2.5.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 2.5.0\n")
    done = subprocess.run(
        [sys.executable, "-S", "-P", SCRIPT],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert complaint(done.stderr).startswith("numpy 2.5.0 is there")


@needs(TOOL)
@pytest.mark.slow
def test_the_tool_itself_says_so():
    """64 x 128 x 128: one fold of 64 + 2 * 128 + 128 - 2 cycles, from cycle 0."""
    question = QUESTIONS["tpu_p"]()
    small = replace(question, problem=replace(question.problem, bounds={"M": 64, "N": 128, "K": 128}))
    found = ask(TOOL, small, Limits())
    assert found.cycle_terms["ideal"] + found.cycle_terms["array"] == 64 + 2 * 128 + 128 - 2 - 1
