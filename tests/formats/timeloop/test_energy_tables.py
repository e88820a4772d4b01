import pytest

from gnomon.core.accelerator import Actions
from tests.formats.timeloop.small import ARCHITECTURE, ERT, read_small

AREAS = """ART:
  version: 0.4
  tables:
  - {name: chip.DRAM, area: 0}
  - {name: chip.Buffer, area: 1000000}
  - {name: "chip.Registers[0..7]", area: 9000}
  - {name: "chip.MAC[0..7]", area: 1000}
"""


def _memories(folder, **changed):
    return {memory.name: memory for memory in read_small(folder, **changed).accelerator.memories}


def test_actions_are_looked_up_in_their_order(tmp_path):
    found = _memories(tmp_path)
    assert found["DRAM"].actions == Actions(read_pj=512, fill_pj=500, update_pj=500)
    assert found["Buffer"].actions == Actions(read_pj=6, fill_pj=5, update_pj=5.5, leak_pj=0.02)
    assert read_small(tmp_path).accelerator.units.mac_pj == 0.5


@pytest.mark.parametrize(
    ("row", "actions"),
    [
        ("{name: fill, energy: 4}", (6, 4, 5.5)),
        ("{name: random_write, energy: 4}", (6, 4, 4)),
        ("{name: random_read, energy: 7}", (7, 5, 5.5)),
        ("{name: random_fill, energy: 3}, {name: random_write, energy: 4}", (6, 3, 4)),
        ("{name: read, arguments: {n: 1}, energy: 9}", (9, 5, 5.5)),
        ("{name: read, arguments: {n: 1}, energy: 2}", (6, 5, 5.5)),
    ],
)
def test_the_first_name_of_an_action_and_its_dearest_row_count(row, actions, tmp_path):
    found = _memories(tmp_path, ert=ERT.replace("{name: read, energy: 6}", f"{{name: read, energy: 6}}, {row}"))
    assert found["Buffer"].actions == Actions(
        read_pj=actions[0], fill_pj=actions[1], update_pj=actions[2], leak_pj=0.02
    )


def test_an_access_energy_of_the_architecture_goes_before_the_table(tmp_path):
    stated = ARCHITECTURE.replace("read_bandwidth: 8", "vector_access_energy: 3")
    assert _memories(tmp_path, arch=stated)["Buffer"].actions == Actions(read_pj=3, fill_pj=3, update_pj=3)


def test_without_a_table_energies_are_those_built_in(tmp_path):
    """By hand: 64 bits wide and 256 rows are 2 kB, (1 + 5/99.5 * 1.5) * 4; 200 of 16 bits; 1 of 16 bits."""
    found = read_small(tmp_path, ert=None)
    memories = {memory.name: memory.actions for memory in found.accelerator.memories}
    assert not found.has_ert
    assert memories["Buffer"].read_pj == pytest.approx(4.301507537688442)
    assert memories["DRAM"] == Actions(read_pj=800, fill_pj=800, update_pj=800)
    assert found.accelerator.units.mac_pj == 1


def test_instances_of_a_cluster_share_the_built_in_energy(tmp_path):
    """By hand: 128 bits and 1 row are 1/64 kB, (1 + 5/99.5 * (1/64 - 1/2)) * 8, shared by eight."""
    shared = ARCHITECTURE.replace("depth: 16, word_bits: 16", "depth: 1, word_bits: 16, cluster_size: 8")
    assert _memories(tmp_path, arch=shared, ert=None)["Registers"].actions.read_pj == pytest.approx(0.9756595477)


def test_units_may_state_their_energy_where_no_table_does(tmp_path):
    stated = ARCHITECTURE.replace(
        "class: intmac\n      attributes: {", "class: intmac\n      attributes: {energy: 0.7, "
    )
    assert read_small(tmp_path, arch=stated, ert=None).accelerator.units.mac_pj == 0.7
    assert read_small(tmp_path, arch=stated).accelerator.units.mac_pj == 0.5


def test_wires_are_as_long_as_what_stands_at_their_end_is_wide(tmp_path):
    """By hand: registers and their unit are 10000 um2, 0.1 mm wide; with the buffer, 1000000 + 8 * 10000."""
    found = _memories(tmp_path, ert=ERT + AREAS)
    assert found["Registers"].network.tile_mm == pytest.approx(1000**0.5 / 1000)
    assert found["Buffer"].network.tile_mm == pytest.approx(0.1)
    assert found["DRAM"].network.tile_mm == pytest.approx(1080000**0.5 / 1000)


def test_a_width_of_the_architecture_goes_before_the_areas(tmp_path):
    stated = ARCHITECTURE.replace("read_bandwidth: 8", "tile_width: 250, wire_energy: 0.1, energy_per_hop: 2")
    wires = _memories(tmp_path, arch=stated, ert=ERT + AREAS)["Buffer"].network
    assert (wires.tile_mm, wires.wire_pj_per_bit_mm, wires.hop_pj) == (0.25, 0.1, 2)


def test_wires_with_words_of_their_own_have_the_energy_of_those(tmp_path):
    stated = ARCHITECTURE.replace("read_bandwidth: 8", "tile_width: 250, wire_energy: 0.1, network_word_bits: 40")
    assert _memories(tmp_path, arch=stated)["Buffer"].network.hop_pj == pytest.approx(1.0)


def test_a_wire_energy_of_the_table_is_that_of_every_wire(tmp_path):
    wires = "  - {name: chip.wire, actions: [{name: transfer_random, energy: 0.3}]}\n"
    found = _memories(tmp_path, ert=ERT + wires)
    assert [memory.network.wire_pj_per_bit_mm for memory in found.values()] == [0.3, 0.3, 0.3]
