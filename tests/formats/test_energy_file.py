"""Tables of energies, and what an accelerator takes from them."""

from __future__ import annotations

import pytest

from gnomon import catalogue
from gnomon.core.errors import BadInput
from gnomon.formats.energy_file import catalogue_energies, parse_energies

MINE = """schema: gnomon/energies/1
name: mine
title: Mine
technology_nm: 22
unit: pJ
sources: {bench: {title: A bench, kind: measured}}
source: bench
entries:
  add: {energy: 0.5}
  sram: {energy: {value: 4, note: of 1 kB}, access_bits: 32}
"""


@pytest.mark.parametrize("name", catalogue.names("energies"))
def test_every_energy_of_the_catalogue_is_positive_and_has_a_source(name: str) -> None:
    table = catalogue_energies(name)
    assert table.name == name
    for entry in table.entries.values():
        assert entry.energy.value > 0
        assert len(entry.energy.source) > 20


def test_an_access_is_scaled_by_its_bits_and_an_operation_is_not() -> None:
    table = parse_energies(MINE, "mine.yaml")
    wide = table.access_pj("sram", 128, 1.0)
    assert (wide.value, wide.source, wide.kind) == (16.0, "A bench", "measured")
    assert wide.note == "sram: 4 pJ x 128 / 32 bit; of 1 kB"
    assert table.operation_pj("add", 1.0).value == 0.5


def test_the_hierarchy_of_eyeriss_costs_one_two_six_and_two_hundred() -> None:
    """Relative to a multiply-accumulate of 16 bits. [Chen et al. 2016, table IV]"""
    table = catalogue_energies("eyeriss-65nm")
    accesses = [table.access_pj(entry, 16, 2.0).value for entry in ("register-file", "neighbour", "buffer", "dram")]
    assert accesses == [2.0, 4.0, 12.0, 400.0]
    assert table.access_pj("buffer", 64, 2.0).note.startswith("buffer: 6 MAC x 64 / 16 bit x 2 pJ")


def test_a_multiplication_of_32_bits_costs_31_additions() -> None:
    """3.1 pJ and 0.1 pJ at 45 nm. [Horowitz 2014, figure 1.1.9]"""
    table = catalogue_energies("horowitz-45nm")
    assert table.operation_pj("int32-multiply", 1.0).value == pytest.approx(
        31 * table.operation_pj("int32-add", 1.0).value
    )


def test_what_is_no_access_has_no_width() -> None:
    table = parse_energies(MINE, "mine.yaml")
    with pytest.raises(BadInput, match="'add' of mine is an operation, not an access"):
        table.access_pj("add", 8, 1.0)
    with pytest.raises(BadInput, match="'sram' of mine is an access, not an operation"):
        table.operation_pj("sram", 1.0)


def test_an_unknown_entry_and_an_unknown_table_name_the_near_one() -> None:
    with pytest.raises(BadInput, match="'srma' is not in mine; did you mean 'sram'"):
        parse_energies(MINE, "mine.yaml").access_pj("srma", 8, 1.0)
    with pytest.raises(BadInput, match="unknown table of energies 'horowitz'; did you mean 'horowitz-45nm'"):
        catalogue_energies("horowitz")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("energy: 0.5", "enrgy: 0.5", "mine.yaml:9: entries.add.enrgy: unknown key"),
        ("energy: 0.5", "energy: -1", "mine.yaml:9: entries.add: -1 is outside what a number of pJ"),
        ("unit: pJ", "unit: nJ", "mine.yaml:5: unit: Input should be 'pJ' or 'MAC', not 'nJ'"),
        (
            "energies/1",
            "device/1",
            "mine.yaml:1: schema: gnomon/device/1: this is a device, expected a table of energies",
        ),
    ],
)
def test_a_faulty_table_is_refused_with_line_field_and_remedy(old: str, new: str, message: str) -> None:
    with pytest.raises(BadInput) as fault:
        parse_energies(MINE.replace(old, new), "mine.yaml")
    assert any(line.startswith(message) for line in str(fault.value).splitlines()), str(fault.value)
