"""The verdict: each criterion of the spec on the sealed numbers, mechanically, in a phase and a file of its own.

pass and fail are what the registered expression says of all units; undecidable is one that needs a number that is not
there. Beside it stands the interval of its margin when seeds are drawn again, so that a reader sees how near it was; the
verdict does not depend on it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from gnomon.core.errors import BadInput
from gnomon.lab.errors import Tampered
from gnomon.lab.results.verification import verify
from gnomon.lab.specs import expression
from gnomon.lab.specs.expression import Node, Operation, Value
from gnomon.lab.specs.plan import Unit, units
from gnomon.lab.specs.registration import ran
from gnomon.lab.specs.spec import Criterion, Spec
from gnomon.lab.store.journal import scan
from gnomon.lab.store.run_folder import json_text, write_synced
from gnomon.lab.store.series import series
from gnomon.lab.store.state import State

VERDICT = "verdict.json"
DRAWS = 2000  # of the seeds, with replacement [Efron 1979]
LEVEL = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one criterion comes to."""

    id: str
    expr: str
    on: str
    verdict: Literal["pass", "fail", "undecidable"]
    left: float | None  # of its comparison, where it is one
    right: float | None
    margin_low: float | None  # of left minus right, over seeds drawn again
    margin_high: float | None
    seeds: int
    why: str = ""  # of one that is undecidable


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A sealed run, read."""

    experiment: str
    status: str
    verdicts: tuple[Verdict, ...]

    def to_dict(self) -> dict[str, Any]:
        """The document that is written beside the results."""
        return {
            "schema": "gnomon/verdict/1",
            "experiment": self.experiment,
            "status": self.status,
            "interval": {"level": LEVEL, "draws": DRAWS, "method": "percentile bootstrap over seeds"},
            "criteria": [{name: getattr(one, name) for name in Verdict.__slots__} for one in self.verdicts],
        }


def read(path: Path, folder: Path) -> Reading:
    """Read a sealed run of a registered spec and write its verdict. Tampered where it is not what was sealed."""
    checked = verify(path, folder)
    if not checked.is_whole:
        first = checked.findings[0]
        raise Tampered(
            f"{folder}: not as it was sealed: {first.name}: {first.text}; `gnomon exp verify {path}` tells all"
        )
    state = State()
    scan(folder / "journal.jsonl", state.take)
    if not state.is_sealed:
        raise BadInput(f"{folder}: not sealed yet")
    spec = ran(path, folder, state.spec_sha256)
    planned = units(spec, state.spec_sha256)
    found = Reading(experiment=spec.id, status=state.end or "", verdicts=verdicts(spec, planned, state))
    write_synced(folder / VERDICT, json_text(found.to_dict()))
    return found


def verdicts(spec: Spec, planned: Sequence[Unit], state: State) -> tuple[Verdict, ...]:
    """What each criterion of a spec comes to on the numbers of a run; nothing is written."""
    return tuple(_verdict(spec, planned, state, criterion) for criterion in spec.criteria)


def _verdict(spec: Spec, planned: Sequence[Unit], state: State, criterion: Criterion) -> Verdict:
    node = expression.parse(criterion.expr)
    values = series(spec, planned, state)
    found = expression.evaluate(node, values)
    left, right = _sides(node, values)
    margins = sorted(_margins(spec, planned, state, node)) if found is not None else []
    tail = (1 - LEVEL) / 2
    return Verdict(
        id=criterion.id,
        expr=criterion.expr,
        on=criterion.on,
        verdict="undecidable" if found is None else "pass" if found else "fail",
        left=left,
        right=right,
        margin_low=margins[int(tail * (len(margins) - 1))] if margins else None,
        margin_high=margins[round((1 - tail) * (len(margins) - 1))] if margins else None,
        seeds=len(spec.protocol.seeds),
        why="" if found is not None else _why(node, values),
    )


def _why(node: Node, values: Mapping[str, Value]) -> str:
    """The names that have no value, or not on every unit."""
    lacking = []
    for name in dict.fromkeys(name.name for name in expression.names(node)):
        value = values.get(name)
        if not isinstance(value, tuple) or not value:
            lacking.append(f"{name} has no value")
        elif (count := sum(one is None for one in value)) > 0:
            lacking.append(f"{name} is missing on {count} of {len(value)} units")
    return "; ".join(lacking) or "a step of it is not finite"


def _sides(node: Node, values: Mapping[str, Value]) -> tuple[float | None, float | None]:
    """The two numbers that a plain comparison holds against each other."""
    if not isinstance(node, Operation) or node.sign not in expression.COMPARISONS:
        return None, None
    found = [expression.evaluate(side, values) for side in node.sides]
    one, other = (float(side) if isinstance(side, (int, float)) else None for side in found)
    return one, other


def _margins(spec: Spec, planned: Sequence[Unit], state: State, node: Node) -> Iterator[float]:
    """Left minus right, each time with other seeds: all cells and arms of a seed together."""
    if _sides(node, series(spec, planned, state)) == (None, None):
        return
    seeds = list(spec.protocol.seeds)
    by_seed: dict[int | None, list[Unit]] = {}
    for unit in planned:
        if unit.phase in ("baseline", "full"):
            by_seed.setdefault(unit.seed, []).append(unit)
    wanted = {name.name for name in expression.names(node)}
    of_seed = {seed: series(spec, one, state) for seed, one in by_seed.items()}
    source = random.Random(0)  # the interval is the same at every reading
    for _ in range(DRAWS if len(seeds) > 1 else 0):
        drawn = [of_seed[seed] for seed in source.choices(seeds, k=len(seeds))]
        left, right = _sides(node, {name: _joined(values.get(name, ()) for values in drawn) for name in wanted})
        if left is not None and right is not None:
            yield left - right


def _joined(parts: Iterable[Value]) -> Value:
    """The series of several seeds as one."""
    return tuple(chain.from_iterable(part for part in parts if isinstance(part, tuple)))
