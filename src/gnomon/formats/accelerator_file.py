"""Accelerator files: YAML -> Design. The catalogue's and the user's are read alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

from gnomon import catalogue
from gnomon.core.accelerator import Accelerator, Actions, Memory, Network, Units
from gnomon.core.design import Design
from gnomon.core.device import Sourced
from gnomon.core.errors import BadInput
from gnomon.core.map_space import MapRules
from gnomon.formats.accelerator_rules import level_rules
from gnomon.formats.accelerator_shape import AcceleratorFile, WrittenMemory, WrittenUnits
from gnomon.formats.energy_file import Energies, catalogue_energies
from gnomon.formats.file_version import check_version
from gnomon.formats.quantity import Number, Source, sourced
from gnomon.formats.strict import FieldPath, load_yaml, place_of, read_text, shaped

# Number of a part -> what it can be, and its unit.
_WHOLE = {
    "mesh_x": ("count", ""),
    "mesh_y": ("count", ""),
    "words": ("size in words", "word"),
    "word_bits": ("width in bits", "bit"),
    "block_words": ("size in words", "word"),
    "cluster": ("count", ""),
}
_REAL = {
    "multiple_buffering": ("count", ""),
    "read_words_per_cycle": ("rate in words per cycle", "word/cycle"),
    "write_words_per_cycle": ("rate in words per cycle", "word/cycle"),
    "shared_words_per_cycle": ("rate in words per cycle", "word/cycle"),
    "read_pj": ("number of pJ", "pJ"),
    "write_pj": ("number of pJ", "pJ"),
    "leak_pj": ("number of pJ", "pJ"),
    "mac_pj": ("number of pJ", "pJ"),
}


def read_accelerator(path: Path) -> Design:
    """The accelerator in a YAML file. BadInput with file, line, field and near match."""
    return parse_accelerator(read_text(path), str(path))


def parse_accelerator(text: str, where: str) -> Design:
    """The accelerator in YAML text; `where` names it in errors."""
    data, lines = load_yaml(text, where)
    check_version(data, "accelerator", where, lines)
    raw = shaped(AcceleratorFile, data, where, lines)
    reading = _Reading(raw, where, lines)
    clock_hz = reading.number(raw.clock, "frequency", "Hz", ("clock",))
    if raw.technology_nm is not None:
        reading.number(raw.technology_nm, "technology in nm", "nm", ("technology_nm",))
    units = _units(raw.units, reading)
    memories = tuple(_memory(one, ("memories", at), reading) for at, one in enumerate(raw.memories))
    _nested(units, memories, reading)
    accelerator = Accelerator(name=raw.name, units=units, memories=memories)
    return Design(
        name=raw.name,
        title=raw.title or raw.name,
        description=raw.description,
        accelerator=accelerator,
        clock_hz=clock_hz,
        dataflow=MapRules(
            levels=tuple(level_rules(one, accelerator, at, reading.place) for at, one in enumerate(raw.memories))
        ),
        numbers=reading.numbers,
        notes=raw.notes,
    )


class _Reading:
    """A file while it is read: where its numbers come from, and those found so far."""

    def __init__(self, raw: AcceleratorFile, where: str, lines: Mapping[FieldPath, int]) -> None:
        self._where, self._lines, self._default = where, lines, raw.source
        self._sources = {"file": Source(title=f"{where}, no source given", kind="assumed"), **raw.sources}
        self.numbers: dict[str, tuple[Sourced, str]] = {}
        self._table: Energies | None = None
        self._mac_pj = 1.0
        if raw.energies is not None:
            self._table = self._known_table(raw.energies.table)
            if (self._table.unit == "MAC") != (raw.energies.mac_pj is not None):
                needs = (
                    "is relative to a multiply-accumulate; say what one costs"
                    if self._table.unit == "MAC"
                    else "is in pJ"
                )
                raise self.fault(("energies", "mac_pj"), f"{self._table.name} {needs}")
            if raw.energies.mac_pj is not None:
                found = self.number(raw.energies.mac_pj, "number of pJ", "pJ", ("energies", "mac_pj"))
                self._mac_pj = found.value

    def place(self, path: FieldPath) -> str:
        return place_of(self._where, self._lines, path)

    def fault(self, path: FieldPath, text: str) -> BadInput:
        return BadInput(text, field=".".join(map(str, path)), where=self.place(path))

    def number(self, written: Number, kind: str, unit: str, path: FieldPath, name: str = "") -> Sourced:
        """A number with its source, kept under its name. BadInput with file, line and field."""
        field = ".".join(map(str, path))
        found = sourced(written, kind, field, self.place(path), self._sources, self._default)
        self.numbers[name or field] = (found, unit)
        return found

    def part(self, written: WrittenMemory | WrittenUnits, path: FieldPath) -> tuple[dict[str, int], dict[str, float]]:
        """The whole numbers of a part, and the others, by field; what is not given is left out."""
        whole: dict[str, int] = {}
        real: dict[str, float] = {}
        for field, (kind, unit) in {**_WHOLE, **_REAL}.items():
            given = getattr(written, field, None)
            if given is None:
                continue
            value = self.number(given, kind, unit, (*path, field), f"{written.name}.{field}").value
            if field in _REAL:
                real[field] = value
            elif value.is_integer():
                whole[field] = int(value)
            else:
                raise self.fault((*path, field), f"{value:g} is no whole number")
        return whole, real

    def access_pj(self, entry: str, bits: int, path: FieldPath, names: Sequence[str]) -> float:
        """Energy of an access as an entry of the table says, kept under each of the names."""
        try:
            found = self._needed_table().access_pj(entry, bits, self._mac_pj)
        except BadInput as fault:
            raise self.fault(path, str(fault)) from None
        self.numbers.update(dict.fromkeys(names, (found, "pJ")))
        return found.value

    def operations_pj(self, entries: Sequence[str], path: FieldPath, name: str) -> float:
        """Energy of operations as entries of the table say, each kept under its name."""
        total_pj = 0.0
        for entry in entries:
            try:
                found = self._needed_table().operation_pj(entry, self._mac_pj)
            except BadInput as fault:
                raise self.fault(path, str(fault)) from None
            self.numbers[f"{name}.{entry}" if len(entries) > 1 else name] = (found, "pJ")
            total_pj += found.value
        return total_pj

    def _needed_table(self) -> Energies:
        if self._table is None:
            raise BadInput("an entry of which table? Name it under energies.table")
        return self._table

    def _known_table(self, name: str) -> Energies:
        try:
            return catalogue_energies(name)
        except BadInput as fault:
            raise self.fault(("energies", "table"), str(fault)) from None


def _units(written: WrittenUnits, reading: _Reading) -> Units:
    path: FieldPath = ("units",)
    whole, real = reading.part(written, path)
    if bool(written.energy) == ("mac_pj" in real):
        raise reading.fault((*path, "mac_pj"), "give either mac_pj, or under energy entries of the table of energies")
    mac_pj = (
        real["mac_pj"]
        if "mac_pj" in real
        else reading.operations_pj(written.energy, (*path, "energy"), f"{written.name}.mac_pj")
    )
    return Units(
        name=written.name, mesh_x=whole["mesh_x"], mesh_y=whole["mesh_y"], word_bits=whole["word_bits"], mac_pj=mac_pj
    )


def _memory(written: WrittenMemory, path: FieldPath, reading: _Reading) -> Memory:
    whole, real = reading.part(written, path)
    x, y = whole["mesh_x"], whole["mesh_y"]
    block_size, cluster_size = whole.get("block_words", 1), whole.get("cluster", 1)
    if x * y % cluster_size:
        raise reading.fault((*path, "cluster"), f"{x * y} instances do not make clusters of {cluster_size}")
    return Memory(
        name=written.name,
        mesh_x=x,
        mesh_y=y,
        entries=whole.get("words"),
        word_bits=whole["word_bits"],
        block_size=block_size,
        cluster_size=cluster_size,
        multiple_buffering=real.get("multiple_buffering", 1.0),
        read_words_per_cycle=real.get("read_words_per_cycle"),
        write_words_per_cycle=real.get("write_words_per_cycle"),
        shared_words_per_cycle=real.get("shared_words_per_cycle"),
        actions=_actions(written, whole["word_bits"] * block_size * cluster_size, real, path, reading),
        network=Network(can_reduce="words" in whole),
    )


def _actions(
    written: WrittenMemory, access_bits: int, real: Mapping[str, float], path: FieldPath, reading: _Reading
) -> Actions:
    """Energies of an access: as given, or of the table by the bits of the access."""
    given = [field for field in ("read_pj", "write_pj") if field in real]
    leak_pj = real.get("leak_pj", 0.0)
    if written.energy is None:
        if len(given) < 2:
            raise reading.fault(path, "give read_pj and write_pj, or under energy an entry of the table of energies")
        return Actions(read_pj=real["read_pj"], fill_pj=real["write_pj"], update_pj=real["write_pj"], leak_pj=leak_pj)
    if given:
        raise reading.fault((*path, given[0]), "the energy is given twice, by an entry of the table too")
    names = [f"{written.name}.{field}" for field in ("read_pj", "write_pj")]
    access_pj = reading.access_pj(written.energy, access_bits, (*path, "energy"), names)
    return Actions(read_pj=access_pj, fill_pj=access_pj, update_pj=access_pj, leak_pj=leak_pj)


def _nested(units: Units, memories: Sequence[Memory], reading: _Reading) -> None:
    """Each memory has children that it can share evenly, and a name of its own. BadInput."""
    parts = [
        (units.name, units.mesh_x, units.mesh_y),
        *((memory.name, memory.mesh_x, memory.mesh_y) for memory in memories),
    ]
    for at, (inner, outer) in enumerate(pairwise(parts)):
        path: FieldPath = ("memories", at)
        if any(outer[0] == other[0] for other in parts[: at + 1]):
            raise reading.fault((*path, "name"), f"two parts are called {outer[0]!r}")
        for axis, within, around in (("mesh_x", inner[1], outer[1]), ("mesh_y", inner[2], outer[2])):
            if within % around:
                raise reading.fault(
                    (*path, axis), f"{within} of {inner[0]} cannot be shared evenly by {around} of {outer[0]}"
                )


def catalogue_names() -> tuple[str, ...]:
    """Names of the catalogue's accelerators, sorted."""
    return catalogue.names("accelerators")


@cache
def catalogue_accelerator(name: str) -> Design:
    """An accelerator of the catalogue by its exact name."""
    return parse_accelerator(catalogue.text("accelerators", name), f"accelerators/{name}.yaml")
