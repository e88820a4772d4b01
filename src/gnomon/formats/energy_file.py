"""Tables of published energies: YAML -> Energies, from which the accelerators of the catalogue take theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from pydantic import Field

from gnomon import catalogue
from gnomon.core.device import Sourced
from gnomon.core.errors import BadInput, near_match
from gnomon.formats.file_version import check_version
from gnomon.formats.quantity import Number, Source, sourced
from gnomon.formats.strict import Strict, load_yaml, place_of, shaped


class _Entry(Strict):
    energy: Number
    access_bits: int | None = Field(default=None, ge=1)


class EnergyFile(Strict):
    """Energies of operations and accesses on one technology, as published."""

    schema_: Literal["gnomon/energies/1"] = Field(alias="schema")
    name: str
    title: str
    technology_nm: Number
    unit: Literal["pJ", "MAC"]
    sources: dict[str, Source]
    source: str
    entries: dict[str, _Entry]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a table."""

    energy: Sourced  # in the table's unit
    access_bits: int | None  # of the access; None: an operation, which has no width to scale by


@dataclass(frozen=True, slots=True, kw_only=True)
class Energies:
    """A table; relative ones count in multiply-accumulates, `MAC`."""

    name: str
    title: str
    technology_nm: Sourced
    unit: str
    entries: Mapping[str, Entry]
    notes: tuple[str, ...]

    def access_pj(self, entry: str, bits: int, unit_pj: float) -> Sourced:
        """Energy of an access of so many bits: in proportion to those of the entry. BadInput where it is no access."""
        found = self._entry(entry)
        if found.access_bits is None:
            raise BadInput(f"{entry!r} of {self.name} is an operation, not an access")
        return self._taken(
            entry, found, bits / found.access_bits * unit_pj, f" x {bits} / {found.access_bits} bit", unit_pj
        )

    def operation_pj(self, entry: str, unit_pj: float) -> Sourced:
        """Energy of an operation. BadInput where it is an access."""
        found = self._entry(entry)
        if found.access_bits is not None:
            raise BadInput(f"{entry!r} of {self.name} is an access, not an operation")
        return self._taken(entry, found, unit_pj, "", unit_pj)

    def _entry(self, name: str) -> Entry:
        if name not in self.entries:
            known = ", ".join(self.entries)
            raise BadInput(f"{name!r} is not in {self.name}{near_match(name, self.entries)} (there: {known})")
        return self.entries[name]

    def _taken(self, name: str, entry: Entry, factor: float, scaling: str, unit_pj: float) -> Sourced:
        relative = f" x {unit_pj:g} pJ" if self.unit == "MAC" else ""
        told = f"{name}: {entry.energy.value:g} {self.unit}{scaling}{relative}" + (
            f"; {entry.energy.note}" if entry.energy.note else ""
        )
        return Sourced(value=entry.energy.value * factor, source=entry.energy.source, kind=entry.energy.kind, note=told)


def parse_energies(text: str, where: str) -> Energies:
    """The table in YAML text; `where` names it in errors."""
    data, lines = load_yaml(text, where)
    check_version(data, "energies", where, lines)
    raw = shaped(EnergyFile, data, where, lines)

    def number(written: Number, kind: str, *path: str) -> Sourced:
        return sourced(written, kind, ".".join(path), place_of(where, lines, path), raw.sources, raw.source)

    return Energies(
        name=raw.name,
        title=raw.title,
        technology_nm=number(raw.technology_nm, "technology in nm", "technology_nm"),
        unit=raw.unit,
        entries={
            name: Entry(energy=number(entry.energy, "number of pJ", "entries", name), access_bits=entry.access_bits)
            for name, entry in raw.entries.items()
        },
        notes=raw.notes,
    )


@cache
def catalogue_energies(name: str) -> Energies:
    """A table of the catalogue. BadInput with the near match."""
    names = catalogue.names("energies")
    if name not in names:
        raise BadInput(f"unknown table of energies {name!r}{near_match(name, names)} (known: {', '.join(names)})")
    return parse_energies(catalogue.text("energies", name), f"energies/{name}.yaml")
