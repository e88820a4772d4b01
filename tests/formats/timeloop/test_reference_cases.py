"""Every reference case: the levels that Timeloop reports of it are those that are read."""

import json
from math import ceil
from pathlib import Path

import pytest

from gnomon.formats.timeloop.read import read

# The cases are read once, by one worker.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("reference-cases")]
_TOLD = ("name", "size", "word_bits", "block_size", "cluster_size", "instances", "meshX", "meshY")


@pytest.fixture(scope="module")
def cases(shared) -> list[Path]:
    found = sorted(path.parent for path in (shared / "reference" / "timeloop").glob("*/*/arch.yaml"))
    found += sorted(path.parent for path in (shared / "reference" / "timeloop").glob("*/*/input.yaml"))
    if not found:
        pytest.skip(f"no reference cases in {shared}/reference/timeloop")
    return found


@pytest.fixture(scope="module")
def inputs(cases):
    """What each case's files say, and what Timeloop reports of it where it does."""
    found = []
    for case in cases:
        report = case / "expected.json"
        expected = json.loads(report.read_text(encoding="utf-8"))["levels"] if report.exists() else None
        found.append((case, read(sorted(case.glob("*.yaml"))), expected))
    return found


def test_levels_are_those_of_timeloop(inputs):
    for case, found, levels in inputs:
        if levels is None:
            continue
        units, *memories = levels
        assert (found.accelerator.units.name, found.accelerator.units.instances) == (units["name"], units["instances"])
        assert [
            (m.name, m.entries, m.word_bits, m.block_size, m.cluster_size, m.instances, m.mesh_x, m.mesh_y)
            for m in found.accelerator.memories
        ] == [tuple(level[key] for key in _TOLD) for level in memories], case


def test_what_is_kept_is_what_timeloop_keeps(inputs):
    for case, found, levels in inputs:
        if levels is None:
            continue
        kept = [{name for name, told in level["dataspaces"].items() if told["keep"]} for level in levels[1:]]
        assert [tiling.kept for tiling in found.nest.tilings] == kept, case


def test_accesses_cost_what_timeloop_says(inputs):
    """Counts and energies of each memory are in the report; where instances share accesses the shares are not."""
    compared = 0
    for case, found, levels in inputs:
        for memory, level in zip(found.accelerator.memories, levels[1:] if levels else (), strict=levels is not None):
            if memory.cluster_size > 1:
                continue
            for told in level["dataspaces"].values():
                accesses = [ceil(told[key] / memory.block_size) for key in ("reads", "fills", "updates")]
                energies = (memory.actions.read_pj, memory.actions.fill_pj, memory.actions.update_pj)
                total = sum(count * energy for count, energy in zip(accesses, energies, strict=True))
                assert total == pytest.approx(told["energy_per_instance"], rel=1e-6), (case, memory.name)
                compared += 1
    assert compared


def test_only_the_case_of_built_in_energies_has_no_table(inputs):
    assert [case.name for case, found, _ in inputs if not found.has_ert] == ["48_pat_energy_legacy_arch"]


def test_multiply_accumulates_cost_what_timeloop_says(inputs):
    for case, found, levels in inputs:
        if levels is not None and "energy" in levels[0]:
            told = levels[0]["energy"] / levels[0]["algorithmic_computes"]
            assert found.accelerator.units.mac_pj == pytest.approx(told, rel=1e-6), case


def test_latencies_of_wires_are_those_of_the_memory_above_them(inputs):
    (found,) = (found for case, found, _ in inputs if case.name == "32_network_latency")
    wires = {memory.name: memory.network for memory in found.accelerator.memories}
    assert {name: (wire.fill_cycles, wire.drain_cycles) for name, wire in wires.items()} == {
        "RF": (0, 0),
        "GLB": (7, 0),
        "DRAM": (100, 50),
    }


def test_energies_of_wires_are_those_of_the_memory_above_them(inputs):
    (found,) = (found for case, found, _ in inputs if case.name == "33_network_energy")
    wires = {memory.name: memory.network for memory in found.accelerator.memories}
    assert [name for name, wire in wires.items() if wire.wire_pj_per_bit_mm or wire.router_pj] == ["GLB"]
    assert (wires["GLB"].wire_pj_per_bit_mm, wires["GLB"].router_pj, wires["GLB"].tile_mm) == (0.1, 0.3, 1.0)
    assert [name for name, wire in wires.items() if not wire.can_reduce] == ["DRAM"]
