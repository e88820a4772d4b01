"""What a user does with an experiment, each step one function: the verbs of `gnomon exp` ask these and nothing else."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnomon.core.errors import BadInput, near_match
from gnomon.lab import experiment, new, reading, registration, verification
from gnomon.lab import replay as replaying
from gnomon.lab.budget import AXES, Line, ledger
from gnomon.lab.digests import of_bytes
from gnomon.lab.errors import Tampered
from gnomon.lab.executor import Host
from gnomon.lab.exports.place import Exported
from gnomon.lab.front_matter import Fault, read_bytes
from gnomon.lab.journal import Journal, scan
from gnomon.lab.lease import Lease, is_held
from gnomon.lab.lint import lint
from gnomon.lab.notes import interpretations
from gnomon.lab.outlook import outlook
from gnomon.lab.plan import Unit, units
from gnomon.lab.preflight import preflight as faults_here
from gnomon.lab.reading import Reading
from gnomon.lab.registration import Registered, registered, utc
from gnomon.lab.replay import Replayed
from gnomon.lab.repository import results_of
from gnomon.lab.run_folder import RunFolder
from gnomon.lab.runner import now
from gnomon.lab.seal import is_sealed
from gnomon.lab.spec import Spec
from gnomon.lab.state import State
from gnomon.lab.verification import Verified

if TYPE_CHECKING:
    from gnomon.lab.import_markdown import Imported
    from gnomon.lab.salvage import Salvaged


def _host() -> Host:
    """This machine, at the highest level that it reaches."""
    from gnomon.lab.local import local_host

    return local_host()


def new_spec(root: Path, slug: str) -> Path:
    """Write a spec that runs as it stands into `experiments/` of a repository, under the next free number."""
    return new.new_spec(root, slug)


def import_markdown(root: Path, plan: Path, slug: str = "") -> Imported:
    """Write a draft of a spec from a plan in Markdown, with TODO for what the plan does not say for certain."""
    from gnomon.lab.import_markdown import import_markdown as drafted

    return drafted(root, plan, slug)


def faults(path: Path) -> tuple[Fault, ...]:
    """Everything that is wrong with a spec; nothing: it can be registered."""
    return lint(read_bytes(path), path.name).faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a spec would run, and on what."""

    spec: Spec
    units: tuple[Unit, ...]
    estimate_s: float
    enforcement: dict[str, Any]


def planned(path: Path) -> Planned:
    """The units of a sound spec in their order, its estimate, and what this machine enforces; nothing is run."""
    raw, spec = registration.sound(path)
    listed = units(spec, of_bytes(raw))
    seconds = sum(spec.protocol.unit_estimate for unit in listed if unit.phase != "sanity") / spec.protocol.workers
    return Planned(spec=spec, units=listed, estimate_s=seconds, enforcement=dict(_host().enforcement))


def register(path: Path) -> Registered:
    """Bind a spec to its bytes before anything is measured."""
    return registration.register(path, now=now())


def amend(path: Path, why: str) -> Registered:
    """Bind an edited spec as the next version."""
    return registration.amend(path, why, now=now())


def preflight(path: Path, host: Host | None = None) -> list[str]:
    """Why a registered spec cannot run there, on this machine without a host; nothing: it can."""
    return faults_here(registered(path), (host or _host()).enforcement)


def run(
    path: Path,
    *,
    host: Host | None = None,
    tell: Callable[[State], None] = lambda state: None,
    most_s: float = math.inf,
) -> State:
    """Run a registered spec to its sealed end, from wherever it stands, for so many seconds at most."""
    return experiment.run(path, host or _host(), tell=tell, most_s=most_s)


def folder_of(path: Path, run: str | None = None) -> Path:
    """The results of a spec: of its first run, or of a replicate by its name."""
    folder = results_of(path)
    return folder if run is None else folder / "runs" / run


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


def status(path: Path, run: str | None = None) -> Status:
    """How far a run is, from its journal. BadInput where none has begun."""
    folder = folder_of(path, run)
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


def ran(path: Path, spec_sha256: str, run: str | None = None) -> Spec:
    """The version of a spec that a run is of, by its digest."""
    return registration.ran(path, folder_of(path, run), spec_sha256)


def stop(path: Path, run: str | None = None) -> None:
    """Ask the runner at work to let its units end and stop; the run can be resumed. BadInput where none is at work."""
    folder = folder_of(path, run)
    if not is_held(folder):
        raise BadInput(f"{folder}: no runner is at work")
    RunFolder(folder).stop_request.touch()


def justify(path: Path, axis: str, text: str) -> None:
    """Allow a run that is not under way to go beyond its budget on an axis, for a reason that stands in its results."""
    if axis not in AXES[:3]:
        raise BadInput(f"{axis!r}: expected {', '.join(AXES[:3])}; money is never justified afterwards")
    _add(path, "overage_justified", text, axis=axis)


def note(path: Path, text: str, *, is_strict: bool = False) -> list[str]:
    """Add a fact to the notes of a run; returns the phrases of it that interpret, which `is_strict` refuses."""
    found = list(interpretations(text))
    if found and is_strict:
        raise BadInput(f"notes are facts; this interprets: {', '.join(map(repr, found))}")
    _add(path, "note", text)
    return found


def _add(path: Path, kind: str, text: str, **fields: Any) -> None:
    """A record of a person's in the journal of a run that is not sealed."""
    if not text.strip():
        raise BadInput(f"{path}: a text is expected")
    found = registered(path)
    place, state = RunFolder(results_of(found.path)), State()
    if not place.journal.exists():
        raise BadInput(f"{place.path}: no run yet; `gnomon exp run {path}` begins one")
    with Lease(place.path), Journal(place.journal, state.take) as journal:
        if state.is_sealed:
            raise BadInput(f"{place.path}: sealed already")
        journal.append(kind, time=utc(now()), mono=time.monotonic(), text=text.strip(), **fields)


def replay(
    path: Path, unit: str, *, host: Host | None = None, begun: Callable[[Unit], None] = lambda unit: None
) -> Replayed:
    """Run one unit alone, with nothing recorded; unit: its id, or phase/arm/cell/seed. BadInput where there is none."""
    return replaying.replay(path, unit, host or _host(), begun=begun)


def attempts(path: Path, unit: str) -> list[Path]:
    """The folders of what a unit left in the first run of a spec, in order."""
    return sorted((folder_of(path) / "units" / unit).glob("attempt-*"))


def verify(path: Path, run: str | None = None) -> Verified:
    """Check every sealed byte of a run, and what anchors it."""
    return verification.verify(path, folder_of(path, run))


def salvage(path: Path, into: Path, run: str | None = None) -> Salvaged:
    """Copy what is sound of a broken run into a new folder; the run stays as it is."""
    from gnomon.lab.salvage import salvage as copied

    return copied(folder_of(path, run), into)


def read(path: Path, run: str | None = None) -> Reading:
    """The verdict on each criterion, from sealed numbers; written beside them."""
    return reading.read(path, folder_of(path, run))


def replicate(
    path: Path,
    *,
    host: Host | None = None,
    tell: Callable[[State], None] = lambda state: None,
) -> tuple[str, State]:
    """Run a spec again that has a sealed run, with a folder of its own below it; the replicate's name and its end."""
    place = folder_of(path, next_replicate(path))
    return place.name, experiment.run(path, host or _host(), tell=tell, folder=place)


def next_replicate(path: Path) -> str:
    """The replicate that is under way, or the name of the next. BadInput where the first run is not sealed."""
    folder = results_of(path)
    if not is_sealed(RunFolder(folder)):
        raise BadInput(f"{folder}: the first run is not sealed; `gnomon exp run {path}` ends it")
    runs = folder / "runs"
    under_way = [one for one in sorted(runs.glob("*")) if one.is_dir() and not is_sealed(RunFolder(one))]
    return under_way[0].name if under_way else f"run-{len(list(runs.glob('run-*'))) + 2}"


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
    path: Path,
    to: str,
    place: str | Path,
    run: str | None = None,
    *,
    gnomon: str | None = None,
    runs_on: tuple[str, ...] = (),
) -> Exported:
    """Write a sealed run for other programs, or a workflow file that runs a registered spec.

    to: one of EXPORTS. place: a file; of ro-crate a folder; of mlflow a tracking URI. gnomon: of a workflow, what pip
    installs Gnomon from; runs_on: the labels of its machine. Tampered where the run is not what was sealed.
    """
    if to not in EXPORTS:
        raise BadInput(f"unknown format {to!r}{near_match(to, EXPORTS)}; there are {', '.join(EXPORTS)}")
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
