"""An accelerator as SCALE-Sim sees it: an array, a buffer for each operand, what stays in the array, DRAM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gnomon.adapters.scalesim.layer import Layer
from gnomon.core.accelerator import Memory
from gnomon.core.tool import Question

_WORDS_OF_A_KIB = 1024  # one of its words is a byte


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What its configuration asks for."""

    rows: int
    columns: int
    dataflow: str  # ws, is or os: which data space stays in the array
    buffers_kib: tuple[int, int, int]  # of the moving input, the other, the output
    dram_words_per_cycle: int | None  # None: it is not given
    notes: tuple[str, ...]


def machine_of(question: Question, layer: Layer) -> Machine | str:
    """The machine, or the reason why it is none."""
    units, memories = question.accelerator.units, question.accelerator.memories
    levels = list(zip(memories, question.kept, strict=True))
    dram, dram_kept = levels[-1]
    spaces = {layer.moving, layer.still, layer.output}
    if dram.entries is not None or not spaces <= dram_kept:
        return f"{dram.name}: the outermost memory is a DRAM without end that keeps every data space"
    shared = [(memory, kept) for memory, kept in levels[:-1] if memory.instances == 1 and kept and units.instances > 1]
    if not shared:
        return "there is no buffer between the array and DRAM"
    words = {space: _words(space, shared) for space in spaces}
    missing = sorted(space for space, count in words.items() if not count)
    notes = [f"{space} has no buffer; it is given one of 1 KiB" for space in missing]
    own = [kept for memory, kept in levels[:-1] if memory.instances == units.instances and kept]
    dataflow, note = _dataflow(layer, own)
    kib = [max(words[space] // _WORDS_OF_A_KIB, 1) for space in (layer.moving, layer.still, layer.output)]
    rate = _rate(dram)
    if rate is None:
        notes.append(f"{dram.name} has no bandwidth: the first load and the last store are left out")
    else:
        notes.append(f"each operand has {rate} words per cycle of {dram.name} to itself")
    return Machine(
        rows=units.mesh_y,
        columns=units.mesh_x,
        dataflow=dataflow,
        buffers_kib=(kib[0], kib[1], kib[2]),
        dram_words_per_cycle=rate,
        notes=(*notes, *note),
    )


def _words(space: str, shared: Sequence[tuple[Memory, frozenset[str]]]) -> int:
    """Its share of the buffers that keep it."""
    return sum((memory.entries or 0) // len(kept) for memory, kept in shared if space in kept)


def _dataflow(layer: Layer, own: Sequence[frozenset[str]]) -> tuple[str, tuple[str, ...]]:
    """What the memories of single units keep stays; weights where they keep several, or nothing."""
    kept = frozenset[str]().union(*own)
    for space, name in ((layer.still, "ws"), (layer.moving, "is"), (layer.output, "os")):
        if kept == {space}:
            return name, ()
    return "ws", (f"a unit has one register in SCALE-Sim, and {layer.still} stays in it",)


def _rate(dram: Memory) -> int | None:
    given = [
        rate
        for rate in (dram.read_words_per_cycle, dram.write_words_per_cycle, dram.shared_words_per_cycle)
        if rate is not None
    ]
    return max(round(min(given)), 1) if given else None
