"""A golden case: a cluster and a step in ASTRA-sim's files, and when each rank ends."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gnomon.api.training_simulation import TrainingSimulation, simulate_training

ROOT = Path(__file__).parents[3]
OWN = ROOT / "tests" / "golden" / "astrasim"
SHARED = ROOT / os.environ.get("GNOMON_SHARED", "../shared") / "reference" / "astrasim" / "cases"
_FLAGS = {"num-queues-per-dim": int, "injection-scale": float, "rendezvous-protocol": "true".__eq__}


def own_cases() -> list[Path]:
    return sorted(path.parent for path in OWN.glob("*/expected.json"))


def shared_cases() -> list[Path]:
    """Those beside the repository."""
    return sorted(path.parent for path in SHARED.glob("*/expected.json"))


def simulated(case: Path, backend: str, **options: Any) -> TrainingSimulation:
    """A case, from its traces where it has them."""
    traces, groups = case / "et", case / "comm_group.json"
    options.setdefault("workload", traces / "w" if traces.exists() else case / "workload.json")
    return simulate_training(
        system=case / "system.json",
        network=case / "network.yml",
        memory=case / "memory.json",
        comm_groups=groups if groups.exists() else None,
        backend=backend,
        **(_arguments(case) | options),
    )


def _arguments(case: Path) -> dict[str, Any]:
    if not (case / "meta.json").exists():
        return {}
    words = json.loads((case / "meta.json").read_text())["extra_args"]
    given = dict(word.removeprefix("--").split("=") for word in words)
    return {name.replace("-", "_"): _FLAGS[name](value) for name, value in given.items()}


def expected(case: Path) -> dict[str, dict[str, Any]]:
    """By backend, what is known of it; without those in which the tool itself failed."""
    known = json.loads((case / "expected.json").read_text())
    return {name: one for name, one in known.items() if isinstance(one, dict) and "cycles" in one}


def differences(case: Path, **options: Any) -> Iterator[tuple[Any, ...]]:
    """What is simulated otherwise: backend, what, ours, theirs."""
    for backend, theirs in expected(case).items():
        made = simulated(case, backend, **options)
        for what, ours in (("cycles", made.cycles), ("exposed_comm", made.exposed_comm)):
            if ours != by_rank(theirs[what], len(ours)):
                yield backend, what, ours, theirs[what]


def by_rank(figure: Any, ranks: int) -> list[Any]:
    """One figure for all, a list, or those of some ranks by number, where the others have none."""
    if isinstance(figure, dict):
        return [figure.get(str(rank), "0") for rank in range(ranks)]
    return figure if isinstance(figure, list) else [figure] * ranks
