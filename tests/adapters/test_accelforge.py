"""AccelForge: what it is given, worked out by hand, and what it said."""

from dataclasses import replace

import pytest

from gnomon.adapters.accelforge.adapter import AccelForge
from gnomon.core.tool import Limits
from gnomon.testing import tiny_questions
from gnomon.tools.answers import ask
from tests.adapters.asked import QUESTIONS, needs, recorded

TOOL = AccelForge()
PRODUCT = """\
arch:
  nodes:
  - !Memory
    name: L2
    size: inf
    leak_power: 0
    area: 0
    tensors:
      keep: T0 | T1 | T2
    total_latency: sum(a.n_calls for a in actions) / 4.0
    actions:
    - name: read
      energy: 200.0
      throughput: inf
      bits_per_action: 16
    - name: write
      energy: 200.0
      throughput: inf
      bits_per_action: 16
  - !Memory
    name: L1
    size: 65536
    leak_power: 0
    area: 0
    tensors:
      keep: T0 | T1 | T2
    total_latency: max(a.n_calls / a.throughput for a in actions)
    actions:
    - name: read
      energy: 6.0
      throughput: 8.0
      bits_per_action: 16
    - name: write
      energy: 6.0
      throughput: 8.0
      bits_per_action: 16
  - !Container
    name: F1
    spatial:
    - name: X1
      fanout: 4
"""


def test_memories_stand_from_outside_in_with_the_fan_out_between_them():
    text = TOOL.translate(tiny_questions()["product"])["specification.yaml"]
    assert text.startswith(PRODUCT)
    assert "T0\n      projection:\n        T0R0: v0\n        T0R1: v2\n" in text
    assert "v2: 0 <= v2 < 16" in text


def test_a_stride_is_an_expression():
    text = TOOL.translate(tiny_questions()["convolution"])["specification.yaml"]
    assert "T1R1: v2 * 2 + v0" in text  # P * 2 + R


def test_no_name_of_ours_stands_in_its_expressions():
    question = QUESTIONS["eyeriss_p"]()
    text = TOOL.translate(question)["specification.yaml"]
    assert not any(memory.name in text for memory in question.accelerator.memories)


def test_double_buffers_have_half_of_the_room():
    question = tiny_questions()["product"]
    memories = tuple(replace(one, multiple_buffering=2.0) for one in question.accelerator.memories)
    text = TOOL.translate(replace(question, accelerator=replace(question.accelerator, memories=memories)))
    assert "size: 32768" in text["specification.yaml"]


def test_every_term_of_its_cycles_and_energies_is_read():
    found = TOOL.read(recorded("accelforge", "tpu_p"), QUESTIONS["tpu_p"]())
    assert found.cycles == 32_768
    assert found.cycle_terms == {"ideal": 32_768, "idle units": 0, "stalls": 0}
    by_part = {(part.part, part.space): part.energy_pj for part in found.energy_parts}
    # Compulsory: every word of A comes once from DRAM, 2^19 of them at 56 pJ.
    assert by_part["DRAM", "A"] == 2**19 * 56
    assert by_part["MAC", ""] == pytest.approx(2**29 * 0.2)
    assert "T0 is A" in found.mapping


@needs(TOOL)
@pytest.mark.slow
def test_the_tool_itself_says_so():
    assert ask(TOOL, QUESTIONS["tpu_p"](), Limits()).cycles == pytest.approx(32_768)
