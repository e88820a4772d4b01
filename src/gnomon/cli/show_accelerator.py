"""gnomon show ACCELERATOR: its memories, what its dataflow allows, and every number with its source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnomon.cli.output import print_json, print_table
from gnomon.core.accelerator import Memory
from gnomon.core.convolution import DIMS, SPACES
from gnomon.core.design import Design
from gnomon.core.device import Sourced
from gnomon.core.map_space import LevelRules, LoopRules
from gnomon.core.schema import SHOW_ACCELERATOR
from gnomon.core.units import show


def show_accelerator(design: Design, as_json: bool) -> int:
    """Print what an accelerator is."""
    accelerator, units = design.accelerator, design.accelerator.units
    facts = {"name": design.name, "title": design.title, "description": design.description}
    levels = list(zip(accelerator.memories, design.dataflow.levels, strict=True))
    if as_json:
        print_json(
            {
                "schema": SHOW_ACCELERATOR,
                **facts,
                "clock_hz": design.clock_hz.value,
                "units": {
                    "name": units.name,
                    "instances": units.instances,
                    "word_bits": units.word_bits,
                    "mac_pj": units.mac_pj,
                },
                "memories": [_level(memory, rules) for memory, rules in levels],
                "numbers": [
                    {"field": path, "value": n.value, "unit": unit, "kind": n.kind, "source": n.source, "note": n.note}
                    for path, (n, unit) in design.numbers.items()
                ],
                "notes": list(design.notes),
            }
        )
        return 0
    summary = {
        "clock": show(design.clock_hz.value, "Hz"),
        "units": f"{units.mesh_x} x {units.mesh_y} of {units.word_bits} bits, {units.mac_pj:g} pJ a multiply-accumulate",
    }
    print_table(["fact", "value"], [[key, value] for key, value in {**facts, **summary}.items() if value])
    print()
    print_table(
        [
            "memory, innermost first",
            "instances",
            "words",
            "bits",
            "block",
            "read/cycle",
            "write/cycle",
            "read",
            "write",
        ],
        [_row(memory) for memory in accelerator.memories],
    )
    print()
    print_table(
        ["dataflow at", "keeps", "loops in time", "over children along x", "along y"],
        [[memory.name, *_told(rules, accelerator.fanout(at))] for at, (memory, rules) in enumerate(levels)],
    )
    print()
    print_table(
        ["number", "value", "kind", "source"],
        [
            [path, _value(n, unit), n.kind, n.source + (f" ({n.note})" if n.note else "")]
            for path, (n, unit) in design.numbers.items()
        ],
    )
    for note in design.notes:
        print(f"note: {note}")
    return 0


def _row(memory: Memory) -> list[str]:
    """A memory as cells; reads and writes that share a rate have one cell for both."""
    shared = memory.shared_words_per_cycle
    rates = (memory.read_words_per_cycle, memory.write_words_per_cycle)
    return [
        memory.name,
        f"{memory.mesh_x} x {memory.mesh_y}",
        "unlimited" if memory.entries is None else f"{memory.entries:,}",
        str(memory.word_bits),
        str(memory.block_size),
        *(
            "unlimited" if rate is None and shared is None else f"{rate:g}" if rate else f"{shared:g} shared"
            for rate in rates
        ),
        f"{memory.actions.read_pj:g} pJ",
        f"{memory.actions.fill_pj:g} pJ",
    ]


def _told(rules: LevelRules, fanout: tuple[int, int]) -> list[str]:
    """What a level may keep and which dimensions may have loops there, as cells."""
    kept = "free" if not rules.kept | rules.bypassed else ", ".join(s for s in SPACES if s in rules.kept) or "nothing"
    return [kept, _in_time(rules.temporal), *(_along(rules, axis, fanout[axis]) for axis in (0, 1))]


def _in_time(loops: LoopRules) -> str:
    dims = _allowed(loops)
    order = [f"{', '.join(loops.inner)} innermost"] if len(loops.inner) > 1 else []
    order += [f"{', '.join(loops.outer)} outermost"] if loops.outer else []
    return "; ".join(["any" if dims == list(DIMS) else ", ".join(dims) or "none", *order, *_limits(loops)])


def _along(rules: LevelRules, axis: int, children: int) -> str:
    if children == 1:
        return ""
    dims = _allowed(rules.spatial)
    if rules.along_x is not None:
        ordered = rules.spatial.inner
        dims = list(ordered[rules.along_x :] if axis else ordered[: rules.along_x])
    told = "any" if len(dims) == len(DIMS) else ", ".join(dims) or "none"
    return "; ".join([f"{told} ({children})", *_limits(rules.spatial)])


def _allowed(loops: LoopRules) -> list[str]:
    return [dim for dim in DIMS if loops.exactly.get(dim) != 1]


def _limits(loops: LoopRules) -> list[str]:
    """Bounds on the iterations, those of one iteration left out."""
    signs: list[tuple[str, Mapping[str, int]]] = [("=", loops.exactly), ("<=", loops.at_most), (">=", loops.at_least)]
    return [f"{dim} {sign} {n}" for sign, counts in signs for dim, n in counts.items() if (sign, n) != ("=", 1)]


def _level(memory: Memory, rules: LevelRules) -> dict[str, Any]:
    return {
        "name": memory.name,
        "mesh_x": memory.mesh_x,
        "mesh_y": memory.mesh_y,
        "words": memory.entries,
        "word_bits": memory.word_bits,
        "block_words": memory.block_size,
        "read_words_per_cycle": memory.read_words_per_cycle,
        "write_words_per_cycle": memory.write_words_per_cycle,
        "shared_words_per_cycle": memory.shared_words_per_cycle,
        "read_pj": memory.actions.read_pj,
        "write_pj": memory.actions.fill_pj,
        "leak_pj": memory.actions.leak_pj,
        "keeps": sorted(rules.kept) if rules.kept | rules.bypassed else None,
        "temporal": _loops(rules.temporal),
        "spatial": {**_loops(rules.spatial), "along_x": rules.along_x},
    }


def _loops(loops: LoopRules) -> dict[str, Any]:
    return {
        "exactly": dict(loops.exactly),
        "at_most": dict(loops.at_most),
        "at_least": dict(loops.at_least),
        "inner": list(loops.inner),
        "outer": list(loops.outer),
    }


def _value(number: Sourced, unit: str) -> str:
    if unit == "Hz":
        return show(number.value, unit)
    return f"{number.value:,.12g} {unit}".strip()
