"""Every unit of an experiment, known before the first one starts: phase, arm, cell and seed, with the command to run.

A unit's name is a digest of the spec and of its place in it: the same on every machine and at every resume.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import Any, Literal

from gnomon.lab.digests import of_data
from gnomon.lab.specs import template
from gnomon.lab.specs.spec import Arm, SanityCheck, Scenario, Spec

Phase = Literal["sanity", "baseline", "mve", "full"]
PHASES: tuple[Phase, ...] = ("sanity", "baseline", "mve", "full")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One run of one arm (or sanity check) on one cell with one seed."""

    id: str
    phase: Phase
    arm: str  # of a sanity check: its name
    cell: str | None  # None: the protocol has no cells
    seed: int | None  # None: of a sanity check
    command: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)  # of the variables

    @property
    def label(self) -> str:
        """arm/cell/seed, for people."""
        return "/".join(str(part) for part in (self.arm, self.cell, self.seed) if part is not None)


def units(spec: Spec, spec_sha256: str) -> tuple[Unit, ...]:
    """All units in the order that they run in."""
    cells = spec.protocol.cells or ({},)
    baselines = [arm for arm in spec.protocol.arms if arm.role == "baseline"]
    treatments = [arm for arm in spec.protocol.arms if arm.role == "treatment"]
    found = [_of_check(spec_sha256, check) for check in spec.sanity]
    found += _ordered(spec, _grid(spec, spec_sha256, "baseline", baselines, cells, spec.protocol.seeds))
    if spec.mve is not None:
        chosen = [cell for cell in cells if spec.mve.cells is None or cell.get("name") in spec.mve.cells]
        chosen = chosen if spec.mve.cells is not None else chosen[:1]
        found += _grid(spec, spec_sha256, "mve", treatments, chosen, spec.mve.seeds)
    found += _ordered(spec, _grid(spec, spec_sha256, "full", treatments, cells, spec.protocol.seeds))
    return tuple(found)


def _grid(
    spec: Spec, digest: str, phase: Phase, arms: Iterable[Arm], cells: Iterable[dict[str, Any]], seeds: Iterable[int]
) -> list[Unit]:
    cells, seeds = list(cells), list(seeds)
    return [_of_arm(spec, digest, phase, arm, cell, seed) for arm in arms for cell in cells for seed in seeds]


def _of_check(digest: str, check: SanityCheck) -> Unit:
    command = [template.filled(word, {"python": sys.executable}) for word in _words(check.command)]
    return _unit(digest, "sanity", check.name, None, None, command, {"GNOMON_PHASE": "sanity"}, {})


def _of_arm(spec: Spec, digest: str, phase: Phase, arm: Arm, cell: dict[str, Any], seed: int) -> Unit:
    name = str(cell["name"]) if cell else None
    values = {key: value for key, value in cell.items() if key != "name"}
    filled = {**values, "seed": seed, "cell": name or "", "python": sys.executable}
    words = _words(arm.command) if arm.command is not None else _asked(arm.gnomon)
    is_line = isinstance(arm.command, str)
    command = [template.filled(word, filled) for word in words]
    env = {key: template.filled(value, filled) for key, value in arm.env.items()}
    given = {"GNOMON_SEED": str(seed), "GNOMON_ARM": arm.name, "GNOMON_CELL": name or "", "GNOMON_PHASE": phase}
    assert is_line or arm.gnomon is not None or command
    return _unit(digest, phase, arm.name, name, seed, command, given | env, values)


def _unit(
    digest: str,
    phase: Phase,
    arm: str,
    cell: str | None,
    seed: int | None,
    command: Iterable[str],
    env: dict[str, str],
    values: dict[str, Any],
) -> Unit:
    name = of_data([digest, phase, arm, cell, seed])[:16]
    return Unit(id=name, phase=phase, arm=arm, cell=cell, seed=seed, command=tuple(command), env=env, values=values)


def _words(command: list[str] | str) -> list[str]:
    """A command as words; a line is read by a shell."""
    return ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)


def _asked(question: Scenario | None) -> list[str]:
    """A question to Gnomon as a command that prints JSON; its seed chooses the rows where they are resampled."""
    assert question is not None
    command = ["{python}", "-m", "gnomon"]
    if question.scenario is not None:
        return [*command, "predict", question.scenario, "--engine", question.engine, "--json"]
    where = [f"{key}={value}" for key, value in question.where.items()]
    assert question.measurements is not None
    return [
        *command,
        "compare",
        "--measurements",
        question.measurements,
        "--engine",
        question.engine,
        *chain.from_iterable(("--where", each) for each in where),
        *(["--resample", "{seed}"] if question.resample else []),
        "--json",
    ]


def _ordered(spec: Spec, listed: list[Unit]) -> list[Unit]:
    """As listed (arm by arm), arms in turns, or shuffled by the spec's own seed."""
    match spec.protocol.order:
        case "listed":
            return listed
        case "shuffled":
            return random.Random(spec.protocol.shuffle_seed).sample(listed, len(listed))
    by_arm: dict[str, list[Unit]] = {}
    for unit in listed:
        by_arm.setdefault(unit.arm, []).append(unit)
    return [unit for turn in zip_longest(*by_arm.values()) for unit in turn if unit is not None]


def of_phase(listed: Iterable[Unit], phase: Phase) -> Iterator[Unit]:
    """The units of one phase."""
    return (unit for unit in listed if unit.phase == phase)


def estimate_s(spec: Spec, listed: Iterable[Unit]) -> float:
    """Expected wall-clock time of the units, by the spec's own estimate; sanity checks are not counted."""
    count = sum(unit.phase != "sanity" for unit in listed)
    return count * spec.protocol.unit_estimate / spec.protocol.workers
