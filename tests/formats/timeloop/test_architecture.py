from dataclasses import replace

import pytest

from gnomon.core.accelerator import Memory
from gnomon.formats.timeloop.read import read
from tests.formats.timeloop.small import ARCHITECTURE, PROBLEM, read_small, write

TREE = """architecture:
  version: 0.3
  subtree:
  - name: chip[0..1]
    local:
    - {name: DRAM, class: DRAM, attributes: {meshX: 2}}
    - {name: Router, class: XY_NoC}
    subtree:
    - name: PE[0..5]
      local:
      - {name: "Spad[0..1]", class: regfile, attributes: {entries: 8, meshX: 12}}
      - {name: "MAC[0..3]", class: fpmac, attributes: {meshX: 12}}
"""

LISTS = """arch:
  arithmetic: {name: MAC, instances: 8, word-bits: 8, meshX: 4}
  storage:
  - {name: Registers, entries: 64, instances: 4, word-bits: 8}
  - {name: Buffer, sizeKB: 128, instances: 1, word-bits: 8, block-size: 4, bandwidth: 6}
  - {name: DRAM, technology: DRAM, instances: 1, word-bits: 8, block-size: 8}
  constraints: []
"""


def _buffer(folder, attributes: str) -> Memory:
    written = ARCHITECTURE.replace("depth: 256, word_bits: 16, block_size: 4, read_bandwidth: 8", attributes)
    return read_small(folder, arch=written).accelerator.memories[1]


def test_instances_multiply_down_the_tree(tmp_path):
    found = read(write(tmp_path, {"problem.yaml": PROBLEM, "arch.yaml": TREE})).accelerator
    assert (found.name, [memory.name for memory in found.memories]) == ("chip", ["Spad", "DRAM"])
    assert [(part.mesh_x, part.mesh_y) for part in (found.units, *found.memories)] == [(12, 4), (12, 2), (2, 1)]
    assert [found.fanout(level) for level in (0, 1)] == [(1, 2), (6, 2)]


def test_the_two_lists_of_the_first_form_stand_from_inside_out(tmp_path):
    found = read(write(tmp_path, {"problem.yaml": PROBLEM, "arch.yaml": LISTS}))
    inner, buffer, outer = found.accelerator.memories
    assert [(memory.name, memory.entries) for memory in (inner, buffer, outer)] == [
        ("Registers", 64),
        ("Buffer", 131072),
        ("DRAM", None),
    ]
    assert (buffer.read_words_per_cycle, buffer.write_words_per_cycle) == (3, 3)
    assert (found.accelerator.units.mesh_x, found.accelerator.units.mesh_y) == (4, 2)
    assert not outer.network.can_reduce


@pytest.mark.parametrize(
    ("attributes", "entries", "word_bits", "block_size", "cluster_size"),
    [
        ("depth: 256", 256, 16, 1, 1),
        ("entries: 256, word_bits: 8, block_size: 4", 256, 8, 4, 1),
        ("sizeKB: 2, datawidth: 8", 2048, 8, 1, 1),
        ("memory_depth: 256, memory_width: 64, word_width: 8", 2048, 8, 8, 1),
        ("data_storage_depth: 256, data_storage_width: 64, n_words: 2", 512, 16, 2, 2),
        ("depth: 1, width: 64, cluster_size: 8, datawidth: 8", 1, 8, 1, 8),
        ("depth: 4, width: 128, cluster_size: 4, block_size: 2", 8, 16, 2, 4),
        ("depth: 0", 0, 16, 1, 1),
        ("depth: 256, word-bits: 8, block-size: '4'", 1024, 8, 4, 1),
    ],
)
def test_each_name_of_an_attribute_counts(attributes, entries, word_bits, block_size, cluster_size, tmp_path):
    text = ARCHITECTURE.replace("{depth: 16, word_bits: 16,", f"{{{attributes},")
    found = read_small(tmp_path, arch=text).accelerator.memories[0]
    assert (found.entries, found.word_bits, found.block_size, found.cluster_size) == (
        entries,
        word_bits,
        block_size,
        cluster_size,
    )


def test_rates_and_shares_are_read(tmp_path):
    found = _buffer(
        tmp_path,
        "depth: 256, read_bandwidth: 8, write_bandwidth: 0.5, shared_bandwidth: 9, multiple_buffering: 2, "
        "min_utilization: 0.5, per_dataspace_bandwidth_consumption_scale: {Inputs: 3}, power_gated_at: DRAM",
    )
    assert (found.read_words_per_cycle, found.write_words_per_cycle, found.shared_words_per_cycle) == (8, 0.5, 9)
    assert (found.multiple_buffering, found.min_utilization) == (2, 0.5)
    assert found.bandwidth_scale == (("Inputs", 3),)
    assert found.power_gated_by is None  # there is one of each: it works as long as the other


def test_registers_may_be_switched_off_by_a_buffer_of_several(tmp_path):
    gated = ARCHITECTURE.replace("depth: 16, word_bits: 16", "depth: 16, word_bits: 16, power_gated_at: Buffer")
    assert read_small(tmp_path, arch=gated).accelerator.memories[0].power_gated_by == "Buffer"


def test_attributes_for_other_tools_pass(tmp_path):
    plain = _buffer(tmp_path, "depth: 256")
    assert _buffer(tmp_path, "depth: 256, technology: 45nm, nports: 2, n_banks: 4, update_fifo_depth: 2") == plain


def test_a_read_rate_goes_before_the_half_of_an_old_one(tmp_path):
    found = _buffer(tmp_path, "depth: 256, bandwidth: 6, read_bandwidth: 8")
    assert (found.read_words_per_cycle, found.write_words_per_cycle) == (8, 3)


def test_main_memory_may_add_partial_sums_where_it_says_so(tmp_path):
    plain, adding = (
        read_small(tmp_path, arch=ARCHITECTURE.replace("{word_bits: 16, block_size: 4}", attributes)).accelerator
        for attributes in ("{block_size: 4}", "{block_size: 4, reduction_supported: true}")
    )
    assert [memory.network.can_reduce for memory in plain.memories] == [True, True, False]
    assert adding.memories[2] == replace(plain.memories[2], network=replace(plain.memories[2].network, can_reduce=True))
