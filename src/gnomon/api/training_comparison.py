"""A step as we simulate it and as ASTRA-sim itself does, from the same files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnomon.adapters.astrasim.adapter import NAME, PIN, run_cluster
from gnomon.adapters.astrasim.binaries import need
from gnomon.api.training_simulation import TrainingSimulation, simulate_training
from gnomon.core.errors import ToolError, Unsupported
from gnomon.core.fabric import BACKENDS, Backend, backend_of
from gnomon.core.tool import Limits

SCHEMA = "gnomon/training-comparison/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedBackend:
    """One backend, ours and theirs; times by rank in ns."""

    backend: Backend
    cycles: tuple[int, ...]
    exposed: tuple[int, ...]
    seconds: float  # that the simulation took, with reading its files
    tool_cycles: tuple[int, ...] | None  # None: the tool declined or failed
    tool_exposed: tuple[int, ...] | None
    tool_seconds: float | None  # with starting it and writing its files
    declined: str | None  # why there is no answer of the tool
    notes: tuple[str, ...] = ()

    @property
    def ratio(self) -> float | None:
        """Ours over theirs, of when the last rank ends."""
        return None if self.tool_cycles is None else max(self.cycles) / max(self.tool_cycles)

    @property
    def ranks_alike(self) -> int | None:
        """Ranks whose both figures are the same."""
        if self.tool_cycles is None or self.tool_exposed is None:
            return None
        ours, theirs = (
            zip(self.cycles, self.exposed, strict=True),
            zip(self.tool_cycles, self.tool_exposed, strict=True),
        )
        return sum(one == other for one, other in zip(ours, theirs, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingComparison:
    """All backends that were asked for."""

    npus: int
    rows: tuple[ComparedBackend, ...]

    def to_dict(self) -> dict[str, Any]:
        """One JSON object; times in ns, lists by rank."""
        return {
            "schema": SCHEMA,
            "npus": self.npus,
            "tool": {"name": NAME, "version": PIN.version},
            "rows": [
                {
                    "backend": row.backend,
                    "cycles": list(row.cycles),
                    "exposed_comm": list(row.exposed),
                    "seconds": row.seconds,
                    "tool_cycles": None if row.tool_cycles is None else list(row.tool_cycles),
                    "tool_exposed_comm": None if row.tool_exposed is None else list(row.tool_exposed),
                    "tool_seconds": row.tool_seconds,
                    "ratio": row.ratio,
                    "ranks_alike": row.ranks_alike,
                    "declined": row.declined,
                    "notes": list(row.notes),
                }
                for row in self.rows
            ],
        }


def compare_training(
    workload: str | Path,
    *,
    system: str | Path,
    network: str | Path,
    memory: str | Path | None = None,
    comm_groups: str | Path | None = None,
    backends: Sequence[str] = BACKENDS,
    num_queues_per_dim: int = 1,
    injection_scale: float = 1.0,
    rendezvous_protocol: bool = False,
    limits: Limits | None = None,
) -> TrainingComparison:
    """Simulate a step and let ASTRA-sim do so. BadInput, Unsupported; ToolError where it is not installed."""
    rows = []
    for backend in map(backend_of, backends):
        need(backend, PIN.by_hand)
        began = time.perf_counter()
        made = simulate_training(
            workload,
            system=system,
            network=network,
            memory=memory,
            comm_groups=comm_groups,
            backend=backend,
            num_queues_per_dim=num_queues_per_dim,
            injection_scale=injection_scale,
            rendezvous_protocol=rendezvous_protocol,
        )
        rows.append(_compared(made, time.perf_counter() - began, limits or Limits()))
    return TrainingComparison(npus=made.given.fabric.npus, rows=tuple(rows))


def _compared(made: TrainingSimulation, seconds: float, limits: Limits) -> ComparedBackend:
    given, began = made.given, time.perf_counter()
    answer, declined = None, None
    try:
        answer = run_cluster(
            given.trace,
            given.fabric,
            given.rules,
            memory=given.memory,
            groups=given.groups,
            options=given.options,
            backend=given.backend,
            limits=limits,
        )
    except (Unsupported, ToolError) as fault:
        declined = str(fault)
    return ComparedBackend(
        backend=given.backend,
        cycles=tuple(made.cycles),
        exposed=tuple(made.exposed_comm),
        seconds=seconds,
        tool_cycles=answer.cycles if answer else None,
        tool_exposed=answer.exposed if answer else None,
        tool_seconds=time.perf_counter() - began if answer else None,
        declined=declined,
        notes=answer.notes if answer else (),
    )
