"""Accelerator files: the catalogue's, and what is said of faulty ones."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from gnomon.core.accelerator import Actions, Memory, Network, Units
from gnomon.core.convolution import DIMS, SPACES
from gnomon.core.errors import BadInput
from gnomon.core.map_space import LoopRules
from gnomon.formats.accelerator_file import (
    catalogue_accelerator,
    catalogue_names,
    parse_accelerator,
    read_accelerator,
)

MINE = """schema: gnomon/accelerator/1
name: mine
clock: 500 MHz
energies: {table: horowitz-45nm}
units: {name: MAC, mesh_x: 4, mesh_y: 2, word_bits: 8, energy: [int8-multiply, int32-add]}
memories:
  - name: registers
    mesh_x: 4
    mesh_y: 2
    words: 8
    word_bits: 8
    read_pj: 0.1
    write_pj: 0.2
    keeps: [Weights]
    temporal: {only: [C, R], inner: [R], at_most: {C: 4}}
  - name: buffer
    mesh_x: 1
    mesh_y: 1
    words: 1024
    word_bits: 8
    block_words: 16
    multiple_buffering: 2
    shared_words_per_cycle: 16
    energy: cache-8kb
    spatial: {x: [M], y: [C, S], at_most: {M: 2}}
  - {name: DRAM, mesh_x: 1, mesh_y: 1, word_bits: 8, block_words: 8, energy: dram-least}
"""


def test_a_short_file_is_an_accelerator() -> None:
    design = parse_accelerator(MINE, "mine.yaml")
    units, (registers, buffer, dram) = design.accelerator.units, design.accelerator.memories
    assert units == Units(name="MAC", mesh_x=4, mesh_y=2, word_bits=8, mac_pj=0.2 + 0.1)
    assert registers.actions == Actions(read_pj=0.1, fill_pj=0.2, update_pj=0.2)
    assert buffer == Memory(
        name="buffer",
        entries=1024,
        word_bits=8,
        block_size=16,
        multiple_buffering=2.0,
        shared_words_per_cycle=16.0,
        actions=Actions(read_pj=20.0, fill_pj=20.0, update_pj=20.0),  # 10 pJ of 64 bits, for 16 words of 8 bits
    )
    assert (dram.entries, dram.network) == (None, Network(can_reduce=False))
    assert design.clock_hz.value == 5e8


def test_the_dataflow_is_rules_for_what_is_written_and_free_elsewhere() -> None:
    registers, buffer, dram = parse_accelerator(MINE, "mine.yaml").dataflow.levels
    assert (registers.kept, registers.bypassed) == ({"Weights"}, {"Inputs", "Outputs"})
    assert registers.temporal.exactly == {dim: 1 for dim in DIMS if dim not in "CR"}
    assert (registers.temporal.inner, registers.temporal.at_most) == (("R",), {"C": 4})
    assert (buffer.kept, buffer.bypassed, buffer.temporal.exactly) == (frozenset(), frozenset(), {})
    assert buffer.spatial.exactly == {dim: 1 for dim in DIMS if dim not in "MCS"}
    assert (buffer.spatial.inner, buffer.along_x, buffer.spatial.at_most) == (("M", "C", "S"), 1, {"M": 2})
    assert (dram.kept, dram.along_x) == (frozenset(SPACES), None)
    assert registers.temporal.place == "mine.yaml:15"


def test_a_number_without_a_source_is_an_assumption_of_the_file() -> None:
    number, unit = parse_accelerator(MINE, "mine.yaml").numbers["buffer.words"]
    assert (number.value, unit, number.kind, number.source) == (1024.0, "word", "assumed", "mine.yaml, no source given")


def test_an_energy_of_a_table_says_of_which_entry_and_how() -> None:
    numbers = parse_accelerator(MINE, "mine.yaml").numbers
    assert numbers["DRAM.read_pj"][0].note.startswith("dram-least: 1300 pJ x 64 / 64 bit")
    assert [numbers[f"MAC.mac_pj.{entry}"][0].value for entry in ("int8-multiply", "int32-add")] == [0.2, 0.1]


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE)
    assert read_accelerator(tmp_path / "mine.yaml").name == "mine"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: mine", "nmae: mine", "mine.yaml:2: nmae: unknown key; did you mean 'name'?"),
        ("500 MHz", "500", "mine.yaml:3: clock: 500 has no unit; 500 looks like MHz: write '500 MHz'"),
        ("words: 8", "wrods: 8", "mine.yaml:10: memories.0.wrods: unknown key; did you mean 'words'?"),
        ("words: 8", "words: 8.5", "mine.yaml:10: memories.0.words: 8.5 is no whole number"),
        ("words: 8", "words: 0", "mine.yaml:10: memories.0.words: 0 is outside what a size in words can be"),
        (
            "mesh_y: 2, word",
            "mesh_y: 3, word",
            "mine.yaml:9: memories.0.mesh_y: 3 of MAC cannot be shared evenly by 2 of",
        ),
        (
            "{table: horowitz-45nm}",
            "{table: horowitz}",
            "mine.yaml:4: energies.table: unknown table of energies 'horowitz'",
        ),
        (
            "{table: horowitz-45nm}",
            "{table: eyeriss-65nm}",
            "mine.yaml:4: energies.mac_pj: eyeriss-65nm is relative to",
        ),
        ("energies: {table: horowitz-45nm}", "", "mine.yaml:5: units.energy: an entry of which table?"),
        (
            "energy: cache-8kb",
            "energy: cache-9kb",
            "mine.yaml:24: memories.1.energy: 'cache-9kb' is not in horowitz-45nm",
        ),
        ("energy: cache-8kb", "read_pj: 1", "mine.yaml:16: memories.1: give read_pj and write_pj, or under energy"),
        (
            "energy: cache-8kb",
            "energy: cache-8kb\n    read_pj: 1",
            "mine.yaml:25: memories.1.read_pj: the energy is given",
        ),
        (", energy: [int8-multiply, int32-add]", "", "mine.yaml:5: units.mac_pj: give either mac_pj, or under energy"),
        ("name: buffer", "name: MAC", "mine.yaml:16: memories.1.name: two parts are called 'MAC'"),
        ("keeps: [Weights]", "keeps: [Wieghts]", "mine.yaml:14: memories.0.keeps.0: Input should be 'Weights'"),
        (
            "at_most: {C: 4}",
            "at_most: {C: 0}",
            "mine.yaml:15: memories.0.temporal.at_most.C: 0 is no number of iterations",
        ),
        ("inner: [R]", "inner: [R, R]", "mine.yaml:15: memories.0.temporal.inner: R is given twice"),
        (
            "inner: [R]",
            "inner: [R], outer: [R]",
            "mine.yaml:15: memories.0.temporal: R cannot stand both innermost and",
        ),
        (
            "at_most: {C: 4}",
            "exactly: {M: 4}",
            "mine.yaml:15: memories.0.temporal.exactly.M: M may have no loop here and",
        ),
        ("y: [C, S]", "y: [C, M]", "mine.yaml:25: memories.1.spatial: M is given twice"),
        (
            "at_most: {M: 2}}",
            "}\n    cluster: 3",
            "mine.yaml:26: memories.1.cluster: 1 instances do not make clusters of 3",
        ),
        (
            "energy: dram-least",
            "energy: dram-least, keeps: [Inputs]",
            "mine.yaml:26: memories.2.keeps: the outermost memory",
        ),
        (
            "energy: dram-least",
            "energy: dram-least, spatial: {x: [M]}",
            "mine.yaml:26: memories.2.spatial.x: M: the memory has one child along x",
        ),
        ("accelerator/1", "accelerator/2", "mine.yaml:1: schema: gnomon/accelerator/2 is newer than this Gnomon reads"),
        (
            "accelerator/1",
            "device/1",
            "mine.yaml:1: schema: gnomon/device/1: this is a device, expected an accelerator",
        ),
    ],
)
def test_a_faulty_file_is_refused_with_line_field_and_remedy(old: str, new: str, message: str) -> None:
    assert old in MINE
    with pytest.raises(BadInput) as fault:
        parse_accelerator(MINE.replace(old, new), "mine.yaml")
    assert any(line.startswith(message) for line in str(fault.value).splitlines()), str(fault.value)


# --- The catalogue


@pytest.mark.parametrize("name", catalogue_names())
def test_every_number_of_a_catalogue_accelerator_has_a_source(name: str) -> None:
    design = catalogue_accelerator(name)
    assert design.name == name
    assert design.description
    for path, (number, unit) in design.numbers.items():
        assert math.isfinite(number.value), path
        assert number.value > 0 or unit == "pJ", path
        assert len(number.source) > 20, path
        assert number.kind in ("datasheet", "measured", "paper", "assumed"), path


@pytest.mark.parametrize("name", catalogue_names())
def test_every_number_that_a_machine_computes_with_is_among_those_with_a_source(name: str) -> None:
    design = catalogue_accelerator(name)
    for memory in design.accelerator.memories:
        found = {
            path.partition(".")[2]: number.value
            for path, (number, _) in design.numbers.items()
            if path.startswith(f"{memory.name}.")
        }
        assert (found["mesh_x"], found["mesh_y"]) == (memory.mesh_x, memory.mesh_y)
        assert found.get("words") == memory.entries
        assert (found["read_pj"], found["write_pj"]) == (memory.actions.read_pj, memory.actions.fill_pj)
        assert found.get("shared_words_per_cycle") == memory.shared_words_per_cycle
    of_units = {
        path: number.value
        for path, (number, _) in design.numbers.items()
        if path.startswith(f"{design.accelerator.units.name}.mac_pj")
    }
    assert math.isclose(sum(of_units.values()), design.accelerator.units.mac_pj)


def test_eyeriss_has_the_sram_that_its_paper_prints() -> None:
    """181.5 kB: the buffer of 108 kB, of which 8 kB are no place of reuse, and 448 B of weights in each of 168 elements."""
    accelerator = catalogue_accelerator("eyeriss").accelerator
    sizes = {
        one.name: one.entries * one.word_bits / 8 * one.instances / 1024 for one in accelerator.memories if one.entries
    }
    assert sizes["global_buffer"] + 8 + sizes["filter_spad"] == pytest.approx(181.5)
    assert accelerator.units.instances == 168


def test_the_tpu_has_the_ridge_and_the_accumulators_that_its_paper_prints() -> None:
    """1350 operations for a byte of weights; 4 MiB of accumulators; 92 TOP/s."""
    design = catalogue_accelerator("tpu-v1-like")
    _, accumulators, buffer, dram = design.accelerator.memories
    units = design.accelerator.units.instances
    assert dram.shared_words_per_cycle is not None
    assert units / dram.shared_words_per_cycle == pytest.approx(1350, rel=1e-3)
    assert accumulators.entries * accumulators.instances * 4 == 4 * 2**20
    assert buffer.entries == 24 * 2**20
    assert 2 * units * design.clock_hz.value == pytest.approx(92e12, rel=5e-3)


def test_a_chiplet_of_simba_has_the_buffers_and_the_peak_that_its_papers_print() -> None:
    """64 KiB, and in each of 16 elements 32, 8 and 3 KiB; 4 TOPS."""
    design = catalogue_accelerator("simba")
    sizes = {
        one.name: one.entries * one.word_bits / 8 * one.instances / 1024 for one in design.accelerator.memories[1:5]
    }
    assert sizes == {
        "accumulation_buffer": 16 * 3,
        "weight_buffer": 16 * 32,
        "input_buffer": 16 * 8,
        "global_buffer": 64,
    }
    assert 2 * design.accelerator.units.instances * design.clock_hz.value == pytest.approx(4.01e12, rel=1e-3)


@pytest.mark.parametrize(("name", "units", "buffer_kib"), [("nvdla-like", 2048, 512), ("nvdla-small-like", 64, 128)])
def test_nvdla_has_the_units_and_the_buffer_of_its_primer(name: str, units: int, buffer_kib: int) -> None:
    accelerator = catalogue_accelerator(name).accelerator
    assert accelerator.units.instances == units
    assert accelerator.memories[2].entries == buffer_kib * 1024


@pytest.mark.parametrize("name", ["nvdla-like", "nvdla-small-like"])
def test_nvdla_s_accumulator_has_twice_as_many_rows_as_there_are_kernels(name: str) -> None:
    """CACC_ABUF_DEPTH, where a cell has as many lanes as there are cells, or twice as many. [NV_NVDLA_CACC.h]"""
    accelerator = catalogue_accelerator(name).accelerator
    assert accelerator.memories[1].entries == 2 * accelerator.units.mesh_x


def test_of_a_rule_for_children_nothing_is_left_free() -> None:
    spread = catalogue_accelerator("eyeriss-like").dataflow.levels[4]
    assert spread.along_x == 2
    assert spread.spatial == LoopRules(
        exactly={dim: 1 for dim in DIMS if dim not in "QM"}, inner=("Q", "M"), place=spread.spatial.place
    )
