"""What a user does with an experiment, each step one function: the verbs of `gnomon exp` ask these and nothing else.

A path is text or a Path. A run is the first of its spec, or a replicate by its name.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnomon.core.errors import BadInput, near_match
from gnomon.lab.digests import of_bytes
from gnomon.lab.errors import Tampered
from gnomon.lab.exports.place import Exported
from gnomon.lab.repository import results_of
from gnomon.lab.results import reading, replaying, verification
from gnomon.lab.results.reading import Reading
from gnomon.lab.results.replaying import Replayed
from gnomon.lab.results.verification import Verified
from gnomon.lab.runs import experiment
from gnomon.lab.runs.budget import AXES, Line, ledger
from gnomon.lab.runs.outlook import outlook
from gnomon.lab.runs.readiness import preflight as faults_here
from gnomon.lab.runs.runner import now
from gnomon.lab.specs import new, registration
from gnomon.lab.specs.front_matter import Fault, read_bytes
from gnomon.lab.specs.lint import lint
from gnomon.lab.specs.plan import Unit, estimate_s, units
from gnomon.lab.specs.registration import Registered, registered, utc
from gnomon.lab.specs.spec import Spec
from gnomon.lab.store.journal import Journal, scan
from gnomon.lab.store.lease import Lease, is_held
from gnomon.lab.store.notes import interpretations
from gnomon.lab.store.run_folder import RunFolder
from gnomon.lab.store.seal import is_sealed
from gnomon.lab.store.state import State
from gnomon.lab.units.executor import Host

if TYPE_CHECKING:
    from gnomon.lab.results.salvaging import Salvaged
    from gnomon.lab.specs.from_markdown import Imported


At = str | Path
JUSTIFIABLE = AXES[:3]  # axes of a budget that a run may go beyond, for a reason


def _host() -> Host:
    """This machine, at the highest level that it reaches."""
    from gnomon.lab.units.local import local_host

    return local_host()


def new_spec(root: At, slug: str) -> Path:
    """Write a spec that runs as it stands into `experiments/` of a repository, under the next free number."""
    return new.new_spec(Path(root), slug)


def import_markdown(root: At, plan: At, slug: str = "") -> Imported:
    """Write a draft of a spec from a plan in Markdown, with TODO for what the plan does not say for certain."""
    from gnomon.lab.specs.from_markdown import import_markdown as drafted

    return drafted(Path(root), Path(plan), slug)


def faults(path: At) -> tuple[Fault, ...]:
    """Everything that is wrong with a spec; nothing: it can be registered."""
    return lint(read_bytes(Path(path)), Path(path).name).faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a spec would run, and on what."""

    spec: Spec
    units: tuple[Unit, ...]
    estimate_s: float
    enforcement: dict[str, Any]


def planned(path: At) -> Planned:
    """The units of a sound spec in their order, its estimate, and what this machine enforces; nothing is run."""
    raw, spec = registration.sound(Path(path))
    listed = units(spec, of_bytes(raw))
    return Planned(spec=spec, units=listed, estimate_s=estimate_s(spec, listed), enforcement=dict(_host().enforcement))


def register(path: At) -> Registered:
    """Bind a spec to its bytes before anything is measured."""
    return registration.register(Path(path), now=now())


def amend(path: At, why: str) -> Registered:
    """Bind an edited spec as the next version."""
    return registration.amend(Path(path), why, now=now())


def preflight(path: At, host: Host | None = None) -> list[str]:
    """Why a registered spec cannot run there, on this machine without a host; nothing: it can."""
    return faults_here(registered(Path(path)), (host or _host()).enforcement)


def run(
    path: At,
    run: str | None = None,
    *,
    host: Host | None = None,
    tell: Callable[[State], None] = lambda state: None,
    most_s: float = math.inf,
) -> State:
    """Run a registered spec to its sealed end, from wherever it stands, for so many seconds at most.

    run: a replicate that is under way, which goes on; `replicate` begins one.
    """
    path = Path(path)
    return experiment.run(path, host or _host(), tell=tell, folder=folder_of(path, run), most_s=most_s)


def folder_of(path: At, run: str | None = None) -> Path:
    """The results of a run of a spec. BadInput for a replicate that is not there."""
    folder = results_of(Path(path))
    if run is None:
        return folder
    known = [place.name for place in _replicates(folder)]
    if run not in known:
        there = f"there are {', '.join(known)}" if known else f"there is none; `gnomon exp replicate {path}` makes one"
        raise BadInput(f"{folder}: no replicate {run!r}{near_match(run, known)} ({there})")
    return folder / "runs" / run


def _replicates(folder: Path) -> list[Path]:
    """The folders of the replicates of a spec's first run, by their numbers."""
    return sorted((place for place in (folder / "runs").glob("*") if place.is_dir()), key=_number)


def _number(place: Path) -> tuple[int, str]:
    """What folders that are numbered are sorted by: run-2 before run-10."""
    found = re.search(r"-([0-9]+)\b", place.name)
    return (int(found[1]) if found else 0, place.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How far a run is."""

    folder: Path
    state: State
    planned: int
    is_running: bool
    ledger: tuple[Line, ...]
    left_s: float | None  # of the units that are left; None: the run has ended, or has planned none
    basis: str  # what that is by
    fault: str  # what is wrong with its journal; empty: nothing


def status(path: At, run: str | None = None) -> Status:
    """How far a run is, from its journal. BadInput where none has begun."""
    path, folder = Path(path), folder_of(path, run)
    place, state = RunFolder(folder), State()
    if not place.journal.exists():
        raise BadInput(f"{folder}: no run yet; `gnomon exp run {path}` begins one")
    found = scan(place.journal, state.take)
    if not state.spec_sha256 and found.fault:
        raise Tampered(f"{place.journal}: {found.fault}")
    is_begun = bool(state.spec_sha256)  # otherwise no record is whole yet
    spec = registration.ran(path, folder, state.spec_sha256) if is_begun else registration.sound(path)[1]
    ahead = outlook(spec, state)
    is_cut = found.torn_bytes and (folder / "MANIFEST.sha256").exists()  # while a run goes on, a line may be half there
    return Status(
        folder=folder,
        state=state,
        planned=state.planned,
        is_running=is_held(folder),
        ledger=ledger(spec, state),
        left_s=ahead.left_s,
        basis=ahead.basis,
        fault=found.fault or (f"record {found.count}: a broken line" if is_cut else ""),
    )


def ran(path: At, spec_sha256: str, run: str | None = None) -> Spec:
    """The version of a spec that a run is of, by its digest."""
    return registration.ran(Path(path), folder_of(path, run), spec_sha256)


def stop(path: At, run: str | None = None) -> None:
    """Ask the runner at work to let its units end and stop; the run can be resumed. BadInput where none is at work."""
    folder = folder_of(path, run)
    if not is_held(folder):
        raise BadInput(f"{folder}: no runner is at work")
    RunFolder(folder).stop_request.touch()


def justify(path: At, axis: str, text: str, run: str | None = None) -> None:
    """Allow a run that is not under way to go beyond its budget on an axis, for a reason that stands in its results."""
    if axis not in JUSTIFIABLE:
        raise BadInput(f"{axis!r}: expected {', '.join(JUSTIFIABLE)}; money is never justified afterwards")
    _add(path, run, "overage_justified", text, axis=axis)


def note(path: At, text: str, run: str | None = None, *, is_strict: bool = False) -> list[str]:
    """Add a fact to the notes of a run; returns the phrases of it that interpret, which `is_strict` refuses."""
    found = list(interpretations(text))
    if found and is_strict:
        raise BadInput(f"notes are facts; this interprets: {', '.join(map(repr, found))}")
    _add(path, run, "note", text)
    return found


def _add(path: At, run: str | None, kind: str, text: str, **fields: Any) -> None:
    """A record of a person's in the journal of a run that is not sealed."""
    if not text.strip():
        raise BadInput(f"{path}: a text is expected")
    registered(Path(path))
    place, state = RunFolder(folder_of(path, run)), State()
    if not place.journal.exists():
        raise BadInput(f"{place.path}: no run yet; `gnomon exp run {path}` begins one")
    with Lease(place.path), Journal(place.journal, state.take) as journal:
        if state.is_sealed:
            raise BadInput(f"{place.path}: sealed already")
        journal.append(kind, time=utc(now()), mono=time.monotonic(), text=text.strip(), **fields)


def replay(
    path: At, unit: str, *, host: Host | None = None, begun: Callable[[Unit], None] = lambda unit: None
) -> Replayed:
    """Run one unit alone, with nothing recorded; unit: its id, or phase/arm/cell/seed. BadInput where there is none."""
    return replaying.replay(Path(path), unit, host or _host(), begun=begun)


def attempts(path: At, unit: str, run: str | None = None) -> list[Path]:
    """The folders of what a unit left in a run, in the order of its attempts."""
    return sorted((RunFolder(folder_of(path, run)).units / unit).glob("attempt-*"), key=_number)


def verify(path: At, run: str | None = None) -> Verified:
    """Check every sealed byte of a run, and what anchors it."""
    return verification.verify(Path(path), folder_of(path, run))


def salvage(path: At, into: At, run: str | None = None) -> Salvaged:
    """Copy what is sound of a broken run into a new folder; the run stays as it is."""
    from gnomon.lab.results.salvaging import salvage as copied

    return copied(folder_of(path, run), Path(into))


def read(path: At, run: str | None = None) -> Reading:
    """The verdict on each criterion, from sealed numbers; written beside them."""
    return reading.read(Path(path), folder_of(path, run))


def replicate(
    path: At,
    *,
    host: Host | None = None,
    tell: Callable[[State], None] = lambda state: None,
    most_s: float = math.inf,
) -> tuple[str, State]:
    """Run a spec again that has a sealed run, with a folder of its own below it; the replicate's name and its end.

    One that is under way goes on.
    """
    path, name = Path(path), next_replicate(path)
    folder = results_of(path) / "runs" / name
    return name, experiment.run(path, host or _host(), tell=tell, folder=folder, most_s=most_s)


def next_replicate(path: At) -> str:
    """The replicate that is under way, or the name of the next. BadInput where the first run is not sealed."""
    folder = results_of(Path(path))
    if not is_sealed(RunFolder(folder)):
        raise BadInput(f"{folder}: the first run is not sealed; `gnomon exp run {path}` ends it")
    there = _replicates(folder)
    under_way = [place for place in there if not is_sealed(RunFolder(place))]
    last = max((_number(place)[0] for place in there), default=1)
    return under_way[0].name if under_way else f"run-{max(last, 1) + 1}"


# Format -> module of gnomon.lab.exports and function that writes a sealed run; a workflow is made of the spec alone.
_WRITERS = {
    "csv": ("table", "write_csv"),
    "parquet": ("table", "write_parquet"),
    "mlflow": ("mlflow_runs", "write_mlflow"),
    "ro-crate": ("ro_crate", "write_crate"),
    "junit": ("junit", "write_junit"),
    "attestation": ("attestation", "write_attestation"),
}
WORKFLOW = "github-workflow"
EXPORTS = (*_WRITERS, WORKFLOW)


def export(
    path: At,
    to: str,
    place: At,
    run: str | None = None,
    *,
    gnomon: str | None = None,
    runs_on: tuple[str, ...] = (),
) -> Exported:
    """Write a sealed run for other programs, or a workflow file that runs a registered spec.

    to: one of EXPORTS. place: a file; of ro-crate a folder; of mlflow a tracking URI. gnomon: of a workflow, what pip
    installs Gnomon from; runs_on: the labels of its machine. Tampered where the run is not what was sealed.
    """
    path = Path(path)
    if to not in EXPORTS:
        raise BadInput(f"unknown format {to!r}{near_match(to, EXPORTS)} (there are {', '.join(EXPORTS)})")
    if to == WORKFLOW:
        from gnomon.lab.exports.github_workflow import write_workflow

        if run is not None:
            raise BadInput(f"{to}: made of the spec alone; no run is named")
        return write_workflow(registered(path), str(place), gnomon=gnomon, runs_on=runs_on)
    if gnomon is not None or runs_on:
        raise BadInput(f"{to}: nothing is installed and nothing runs; these are options of {WORKFLOW}")
    from gnomon.lab.exports.sealed import sealed_run

    module, name = _WRITERS[to]
    write: Callable[[Any, str], Exported] = getattr(import_module(f"gnomon.lab.exports.{module}"), name)
    return write(sealed_run(path, folder_of(path, run)), str(place))
