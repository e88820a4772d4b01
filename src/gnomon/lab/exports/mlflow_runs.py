"""A run at an MLflow tracking server: one parent, and a child for each arm, cell and seed that was begun.

Metrics are those of the spec and no other; what else is to be known stands in tags: spec.sha256, journal.head,
protocol.state, gnomon.run and gnomon.unit, by which an export finds what an earlier one made and makes nothing twice.
Units of the minimum viable experiment are no children: their numbers enter no result. The parent has the run's documents as
artifacts, wherever the server keeps those; with a database that is a file, in a folder beside it.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gnomon.core.errors import BadInput, ToolError
from gnomon.core.extras import not_installed
from gnomon.lab.exports.place import Exported, refuse_kept
from gnomon.lab.exports.sealed import SealedRun
from gnomon.lab.results.reading import verdicts
from gnomon.lab.specs.plan import Unit, of_phase
from gnomon.lab.store.seal import MANIFEST
from gnomon.lab.store.series import of_arm, series

ARTIFACTS = ("metrics.json", "config.json", "observations.csv", "spec.md", MANIFEST)
RUN, UNIT = "gnomon.run", "gnomon.unit"  # tags that tell a run of ours from every other
DATABASES, SERVERS = ("sqlite", "postgresql", "mysql", "mssql"), ("http", "https", "databricks")
_SECRET = re.compile(r"//[^/]*@")  # name and password in an address
_PAGE = 1000  # runs that one question answers
_LONGEST = 5000  # characters of a tag or parameter; MLflow takes 6000 of a parameter
# Of MLflow, where the user says nothing else: no telemetry to its makers; nothing of its own on standard output; a server
# that is not there is told in seconds.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one MLflow run holds."""

    unit: str  # id; empty: the parent
    name: str
    started: str  # time, UTC
    ended: str
    status: str  # FINISHED, FAILED, KILLED
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def write_mlflow(run: SealedRun, place: str) -> Exported:
    """Write the runs that a tracking server does not have yet. ToolError where it refuses, or MLflow is not installed."""
    _check(run, place)
    shown = _SECRET.sub("//...@", place)
    with _errors(place, shown):
        client = _client(place)
        experiment = _experiment(client, run.spec.id, _beside(place))
        there = _there(client, experiment, run)
        parent = _parent(run)
        made = 0
        parent_id, is_whole = there.get("", (None, False))
        parent_id = parent_id or _created(client, experiment, parent, {})
        for entry in _children(run):
            child_id, is_done = there.get(entry.unit, (None, False))
            if is_done:
                continue
            child_id = child_id or _created(client, experiment, entry, {"mlflow.parentRunId": parent_id})
            _fill(client, child_id, entry)
            made += 1
        notes = _log_artifacts(client, parent_id, run, place, is_whole)
        if not is_whole:  # last: a parent that has ended has all its children
            _fill(client, parent_id, parent)
            made += 1
    runs = 1 + sum(1 for _ in _children(run))
    what = f"{made} of {runs} runs written, {runs - made} were there" if made < runs else f"{runs} runs written"
    counts = {"runs": runs, "made": made, "experiment": run.spec.id, "parent": parent_id}
    told = f"{what}, in experiment {run.spec.id}"
    return Exported(format="mlflow", place=shown, what=told, counts=counts, notes=notes)


def _check(run: SealedRun, place: str) -> None:
    scheme, colon, _ = place.partition("://")
    kind = scheme.partition("+")[0]  # of sqlite+driver
    if place != "databricks" and (not colon or kind not in (*DATABASES, *SERVERS)):
        raise BadInput(
            f"{place}: a tracking URI is expected, like sqlite:///mlflow.db or http://localhost:5000; "
            "MLflow writes no plain folders any more"
        )
    if (file := _file(place)) is not None:
        refuse_kept(run.path, file, (item.path for item in run.spec.inputs))
    if kind in DATABASES and find_spec("mlflow") and not _is_whole():
        raise ToolError(f"{place}: mlflow-skinny speaks to servers only; say `python -m pip install mlflow`")


def _file(place: str) -> Path | None:
    """The file of a database that is one; None: the place is another database, or a server."""
    scheme, _, rest = place.partition("://")
    name = rest.removeprefix("/").partition("?")[0] if scheme.partition("+")[0] == "sqlite" else ""
    return Path(name) if name and name != ":memory:" else None


def _beside(place: str) -> str | None:
    """Where artifacts go with a database that is a file; None: wherever the server keeps them."""
    file = _file(place)
    return None if file is None else file.resolve().with_name(f"{file.name}.artifacts").as_uri()


def _is_whole() -> bool:
    """Whether all of MLflow is installed, and not the part that a server's client needs."""
    try:
        distribution("mlflow")
    except PackageNotFoundError:
        return False
    return True


@contextmanager
def _errors(place: str, shown: str) -> Iterator[None]:
    """What MLflow raises, as an error of ours; shown: the address without who asks."""
    try:
        from mlflow.exceptions import MlflowException
    except ModuleNotFoundError:
        raise not_installed("mlflow", "mlflow") from None
    try:
        yield
    except ModuleNotFoundError as fault:  # a database's driver
        raise ToolError(f"{shown}: {fault.name} is not installed; say `python -m pip install {fault.name}`") from None
    except (MlflowException, OSError) as fault:  # the second of a store of artifacts
        text = (str(fault).replace(place, shown).strip().splitlines() or [""])[0]
        raise ToolError(f"{shown}: mlflow: {text:.300}") from None


def _client(place: str) -> Any:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient

    for name in ("mlflow", "alembic"):  # what a database tells of its making is not for the user
        logging.getLogger(name).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=place)


def _experiment(client: Any, name: str, artifacts: str | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        return str(client.create_experiment(name, artifact_location=artifacts))
    if found.lifecycle_stage == "deleted":
        raise BadInput(f"experiment {name} was deleted at the server; restore it, or remove it for good")
    return str(found.experiment_id)


def _there(client: Any, experiment: str, run: SealedRun) -> dict[str, tuple[str, bool]]:
    """Unit -> id of its MLflow run, and whether that was written to its end."""
    found: dict[str, tuple[str, bool]] = {}
    token = None
    while True:
        page = client.search_runs(
            [experiment], f"tags.`{RUN}` = '{run.state.run}'", max_results=_PAGE, page_token=token
        )
        for one in page:
            if one.data.tags.get("journal.head") != run.state.head:
                raise BadInput(f"{run.state.run}: the server has a run of that name with another journal")
            found[one.data.tags[UNIT]] = (one.info.run_id, one.info.status != "RUNNING")
        token = page.token
        if not token:
            return found


def _created(client: Any, experiment: str, entry: Entry, tags: Mapping[str, str]) -> str:
    """A run with the tags that it is found by, open until it is filled."""
    found = client.create_run(
        experiment, start_time=_ms(entry.started), tags={**entry.tags, **tags}, run_name=entry.name
    )
    return str(found.info.run_id)


def _fill(client: Any, run_id: str, entry: Entry) -> None:
    """Parameters and metrics, then the end: what is open was not written whole, and is written again."""
    from mlflow.entities import Metric, Param

    params = [Param(key, str(value)[:_LONGEST]) for key, value in entry.params.items()]
    metrics = [Metric(key, value, _ms(entry.ended), 0) for key, value in entry.metrics.items()]
    for first in range(0, max(len(params), len(metrics)), 100):  # as many parameters as one request may hold
        client.log_batch(run_id, metrics=metrics[first : first + 100], params=params[first : first + 100])
    client.set_terminated(run_id, entry.status, _ms(entry.ended))


def _log_artifacts(client: Any, run_id: str, run: SealedRun, place: str, is_whole: bool) -> tuple[str, ...]:
    """Write the documents that the parent lacks, all of them while it is open; what the user should know."""
    where = str(client.get_run(run_id).info.artifact_uri)
    if urlsplit(where).scheme in ("", "file") and _file(place) is None:
        return (f"no artifacts: the experiment keeps them in {where}, a folder of whichever machine writes them",)
    there = {one.path for one in client.list_artifacts(run_id)} if is_whole else set()
    for name in ARTIFACTS:
        if name not in there:
            client.log_artifact(run_id, str(run.folder.path / name))
    return ()


def _ms(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def _tags(run: SealedRun, unit: str) -> dict[str, str]:
    return {
        RUN: run.state.run,
        UNIT: unit,
        "spec.sha256": run.state.spec_sha256,
        "journal.head": run.state.head,
        "protocol.state": run.state.end or "",
    }


def _parent(run: SealedRun) -> Entry:
    spec, state = run.spec, run.state
    values = series(spec, run.planned, state)
    metrics = {
        f"{arm.name}.{name}": value
        for arm in spec.protocol.arms
        for name, value in of_arm(spec, arm.name, values).items()
    }
    return Entry(
        unit="",
        name=state.run,
        started=state.started,
        ended=state.last,
        status="FINISHED" if state.end == "completed" else "FAILED",
        params={
            "title": spec.title,
            "arms": ", ".join(arm.name for arm in spec.protocol.arms),
            "cells": ", ".join(str(cell["name"]) for cell in spec.protocol.cells),
            "seeds": ", ".join(map(str, spec.protocol.seeds)),
            **{f"control.{one.name}": one.value for one in spec.variables.controls},
        },
        metrics=_numbers(metrics),
        tags={
            **_tags(run, ""),
            "mlflow.note.content": spec.hypothesis.statement,
            "protocol.reason": state.reason[:_LONGEST],
            "protocol.enforcement": state.enforcement,
            "units.planned": str(len(run.planned)),
            "units.done": str(state.done),
            "units.failed": str(state.failed),
            "resource.gpu_hours": repr(state.gpu_hours),
            "resource.wall_clock_seconds": repr(state.wall_s),
            "resource.total_runs": str(state.ended),
            **{f"criterion.{one.id}": one.verdict for one in verdicts(spec, run.planned, state)},
        },
    )


def _children(run: SealedRun) -> Iterator[Entry]:
    for phase in ("baseline", "full"):
        for unit in of_phase(run.planned, phase):
            if run.of(unit) is not None:
                yield _child(run, unit)


def _child(run: SealedRun, unit: Unit) -> Entry:
    attempt, found = run.of(unit), run.state.units[unit.id]
    assert attempt is not None  # it was begun
    status = "FINISHED" if run.is_done(unit) else "FAILED" if attempt.failure else "KILLED"
    params = {"phase": unit.phase, "arm": unit.arm, "cell": unit.cell, "seed": unit.seed, **unit.values}
    gone: Iterable[tuple[str, str]] = [*found.missing.items(), *found.nonfinite.items()]
    return Entry(
        unit=unit.id,
        name=unit.label,
        started=attempt.started,
        ended=attempt.ended or run.state.last,
        status=status,
        params={key: value for key, value in params.items() if value is not None},
        metrics=_numbers(found.metrics) if run.is_done(unit) else {},
        tags={
            **_tags(run, unit.id),
            "unit.command": " ".join(unit.command)[:_LONGEST],
            "unit.result_sha256": found.result_sha256,
            "unit.failure": attempt.failure[:_LONGEST],
            **{f"missing.{name}": reason[:_LONGEST] for name, reason in gone},
        },
    )


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items() if value is not None}
