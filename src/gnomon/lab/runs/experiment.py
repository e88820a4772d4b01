"""An experiment from its registered spec to sealed results: preflight, run, collect, seal; and again after a crash."""

from __future__ import annotations

import csv
import io
import json
import math
import secrets
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gnomon.core.errors import BadInput
from gnomon.formats.files import write_whole
from gnomon.lab.digests import of_file
from gnomon.lab.errors import (
    Aborted,
    BaselineNotReproduced,
    BudgetStop,
    MissingMetrics,
    MveFailed,
    OutOfSpace,
    OutOfTime,
    PreflightFailed,
    ProtocolViolation,
    SanityFailed,
)
from gnomon.lab.repository import results_of, root_of
from gnomon.lab.runs import earlier, packages, provenance
from gnomon.lab.runs.collect import metrics_document, observations
from gnomon.lab.runs.configuration import config_document
from gnomon.lab.runs.readiness import preflight
from gnomon.lab.runs.runner import Interrupted, NoSpace, Runner, now
from gnomon.lab.specs.plan import Unit, units
from gnomon.lab.specs.registration import Registered, lock_path, registered, utc
from gnomon.lab.specs.spec import Spec
from gnomon.lab.store.journal import Journal
from gnomon.lab.store.lease import Lease
from gnomon.lab.store.run_folder import RunFolder, json_text, write_synced
from gnomon.lab.store.seal import close_files, is_sealed, take_write_right
from gnomon.lab.store.state import State
from gnomon.lab.units.executor import Host

_EVERY_S = 1.0  # between writings of metrics.json while units run
_ERRORS = {
    "aborted": Aborted,
    "budget_stopped": BudgetStop,
    "sanity_failed": SanityFailed,
    "baseline_failed": BaselineNotReproduced,
    "mve_failed": MveFailed,
}
# Violations that make the whole run invalid, and how they are said.
_INVALID = {"environment": "dependencies changed while it ran", "changed": "changed while it ran"}


def run(
    path: Path,
    host: Host,
    *,
    tell: Callable[[State], None] = lambda state: None,
    folder: Path | None = None,
    most_s: float = math.inf,
) -> State:
    """Run a registered spec to its end, from wherever its journal stands; see the errors for what can become of it.

    A run that is interrupted raises KeyboardInterrupt, one that is not through after `most_s` seconds OutOfTime; both can be
    resumed by the same call.
    """
    found = registered(path)
    place = RunFolder(folder or results_of(path))
    if faults := preflight(found, host.enforcement):
        raise PreflightFailed("\n".join(f"{path}: {fault}" for fault in faults))
    if is_sealed(place):
        raise BadInput(f"{place.path}: sealed already; `gnomon exp replicate {path}` makes another run")
    place.make()
    with Lease(place.path):
        state = _run(found, host, place, tell, most_s)
    _raise(path, state, place.path)
    return state


def _run(found: Registered, host: Host, place: RunFolder, tell: Callable[[State], None], most_s: float) -> State:
    spec, root = found.spec, root_of(found.path)
    place.hold_reserve()
    place.stop_request.unlink(missing_ok=True)
    _freeze(found, place)
    before = _kept(place.path / "env" / "before.json", packages.fingerprint)
    _kept(place.path / "env" / "earlier.json", lambda: earlier.snapshot(root / "results", place.path))
    planned = units(spec, found.lock.spec_sha256)
    workers = host.workers(spec, root, place, spec.protocol.workers)
    written = [0.0]

    def keep(state: State) -> None:
        if time.monotonic() - written[0] >= _EVERY_S:
            _write_metrics(spec, planned, state, place, host)
            written[0] = time.monotonic()
        tell(state)

    runner = Runner(
        folder=place,
        registered=found,
        workers=workers,
        enforcement=host.enforcement,
        run=_run_name(place),
        tell=keep,
        until_mono=time.monotonic() + most_s,
    )
    with _interrupts(runner):
        try:
            state = runner.go()
        except Interrupted as stopped:
            _write_metrics(spec, planned, runner.state, place, host)
            if isinstance(stopped, NoSpace):
                raise OutOfSpace(
                    f"{place.path}: the disk is full: make room on it, then `gnomon exp resume {found.path}` goes on"
                ) from None
            if runner.is_out_of_time and not runner.interrupts:
                raise OutOfTime(f"{place.path}: its {most_s:g} s are over; `gnomon exp resume` goes on") from None
            raise KeyboardInterrupt from None
        finally:
            for worker in workers:
                worker.close()
        _finish(found, host, place, state, planned, before)
    return state


def _run_name(place: RunFolder) -> str:
    """A name for the run, told apart from every other; a resumed one keeps the journal's."""
    return f"{place.path.name}-{secrets.token_hex(4)}"


@contextmanager
def _interrupts(runner: Runner) -> Iterator[None]:
    """Ctrl-C and SIGTERM once: the units at work end and the run stops; twice: they are ended. A run is sealed whole."""

    def asked(number: int, frame: object) -> None:
        runner.interrupts += 1

    try:
        before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: whoever called sees to signals
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _freeze(found: Registered, place: RunFolder) -> None:
    """Copies of the spec and its locks, as they were when the run began."""
    if not (place.path / "spec.md").exists():
        write_whole(place.path / "spec.md", found.raw)
    for lock in found.locks:
        source = lock_path(found.path, lock.version)
        write_whole(place.path / source.name, source.read_bytes())


def _kept(path: Path, taken: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What was so when the run began, which a resumed one reads again."""
    if not path.exists():
        write_synced(path, json_text(taken()))
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def _changed(found: Registered, place: RunFolder) -> list[str]:
    """What nobody may change while an experiment runs, and somebody did."""
    told = [found.path.name] if not found.path.is_file() or of_file(found.path) != found.lock.spec_sha256 else []
    results = root_of(found.path) / "results"
    before = json.loads((place.path / "env" / "earlier.json").read_bytes())
    return told + [f"results/{name}" for name in earlier.changed(before, results, place.path)]


def _write_metrics(spec: Spec, planned: Sequence[Unit], state: State, place: RunFolder, host: Host) -> None:
    document = metrics_document(spec, planned, state, time=utc(now()), head=state.head, executor=host.executor)
    write_synced(place.path / "metrics.json", json_text(document))


def _finish(
    found: Registered, host: Host, place: RunFolder, state: State, planned: Sequence[Unit], before: dict[str, Any]
) -> None:
    """Collect, write everything, seal. Ended before its last record, it is done again as a whole."""
    spec, root = found.spec, root_of(found.path)
    place.free_reserve()
    with Journal(place.journal, State().take) as journal:
        after = packages.fingerprint()
        differs = packages.changes(before, after)
        if not spec.environment.allow_new_dependencies:
            _tell(journal, state, "environment", "; ".join(differs))
        _tell(journal, state, "changed", ", ".join(_changed(found, place)))
        config = config_document(
            spec,
            planned,
            state,
            host,
            environment=provenance.environment(root, spec.environment.variables),
            before=before,
            after=after,
            changed=differs,
        )
        write_synced(place.path / "config.json", json_text(config))
        write_synced(place.path / "env" / "git.diff", provenance.differing(root))
        table = io.StringIO()
        csv.writer(table, lineterminator="\n").writerows(observations(spec, planned, state))
        write_synced(place.path / "observations.csv", table.getvalue())
        _write_metrics(spec, planned, state, place, host)
        place.close_work()
        place.stop_request.unlink(missing_ok=True)
        digest = close_files(place)
        state.take(journal.append("sealed", time=utc(now()), mono=time.monotonic(), manifest_sha256=digest))
    take_write_right(place)


def _told(state: State, what: str) -> str:
    """What is recorded of a kind of violation; empty: nothing."""
    return next((str(record["text"]) for record in state.violations if record["what"] == what), "")


def _tell(journal: Journal, state: State, what: str, text: str) -> None:
    """Record a violation of the whole run, once; none where there is no text."""
    if text and not _told(state, what):
        state.take(journal.append("violation", time=utc(now()), mono=time.monotonic(), what=what, text=text))


def _raise(path: Path, state: State, place: Path) -> None:
    """The error that the end of a run is; nothing for one that is whole and valid."""
    if state.end in _ERRORS:
        raise _ERRORS[state.end](f"{place}: {state.end}: {state.reason}")
    if state.end == "error":
        raise ProtocolViolation(f"{place}: it ended with an error: {state.reason}")
    for what, said in _INVALID.items():
        if told := _told(state, what):
            raise ProtocolViolation(f"{place}: {said}: {told}")
    missing = [name for name, unit in state.units.items() if unit.missing or name in state.given_up]
    if missing:
        raise MissingMetrics(
            f"{place}: {len(missing)} units have no value for every metric; metrics.json says which and why, "
            f"`gnomon exp replay {path} {missing[0]}` runs one of them alone"
        )
