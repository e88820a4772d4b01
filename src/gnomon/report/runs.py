"""A run of an experiment as a page tells it: sealed or not, whole or tampered with, read from its journal.

The journal is the authority: a run whose journal does not fit together has no page. Every other file is told only where
it is as it was sealed, and a verdict only where it is what the registered criteria say of the journal's numbers.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from gnomon.core.errors import BadInput
from gnomon.lab.claims.claim import EXPERIMENT
from gnomon.lab.errors import Tampered
from gnomon.lab.repository import results_of
from gnomon.lab.results.reading import VERDICT, Reading, Verdict, verdicts
from gnomon.lab.results.verification import Finding, Verified, manifest_lines, read_manifest, verify
from gnomon.lab.runs.documents import ConfigDocument
from gnomon.lab.specs.plan import Unit, units
from gnomon.lab.specs.registration import Lock, locks_of, ran
from gnomon.lab.specs.spec import Spec
from gnomon.lab.store.journal import Record, scan
from gnomon.lab.store.lease import is_held
from gnomon.lab.store.seal import MANIFEST
from gnomon.lab.store.state import State

Outcome = Literal["done", "failed", "cut short", "not ended"]
_FILES = ("journal.jsonl", "metrics.json", "config.json", "observations.csv", VERDICT, MANIFEST)


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One try of a unit, on the clock of the runner at work."""

    unit: str
    label: str  # arm/cell/seed
    phase: str
    number: int
    start_s: float
    end_s: float
    outcome: Outcome = "not ended"
    failure: str = ""


@dataclass(slots=True, kw_only=True)
class Span:
    """One phase of the protocol."""

    phase: str
    began: str  # time, UTC
    work_s: float = 0.0  # while a runner was at work
    is_done: bool = False


@dataclass(slots=True, kw_only=True)
class Story:
    """What became of a run, and when."""

    state: State = field(default_factory=State)
    attempts: list[Attempt] = field(default_factory=list)
    spans: dict[str, Span] = field(default_factory=dict)  # by phase, in their order
    resumed_s: list[float] = field(default_factory=list)  # where a runner went on, on the same clock
    host: dict[str, Any] = field(default_factory=dict)  # what the last runner could enforce
    _since: tuple[str, float] | None = None  # the phase under way, and when it was entered

    def take(self, record: Record) -> None:
        """Fold one record in."""
        self.state.take(record)
        now = self.state.wall_s
        match record["kind"]:
            case "run_started":
                self.host = dict(record["host"])
                if record["resumed"]:
                    self.resumed_s.append(now)
            case "phase_entered":
                self._close(now)
                self.spans.setdefault(record["phase"], Span(phase=record["phase"], began=record["time"]))
                self._since = (record["phase"], now)
            case "phase_done":
                self._close(now)
                if record["phase"] in self.spans:
                    self.spans[record["phase"]].is_done = True
            case "unit_started":
                told = {name: record[name] for name in ("unit", "label", "phase")}
                self.attempts.append(Attempt(**told, number=record["attempt"], start_s=now, end_s=now))
            case "unit_done":
                self._end(record, "done", now)
            case "unit_failed":
                self._end(record, "failed", now)
            case "unit_lost" | "unit_stopped":
                self._end(record, "cut short", now)

    def close(self) -> None:
        """What is under way lasts until the last record."""
        self._close(self.state.wall_s)
        for one in self.attempts:
            if one.outcome == "not ended":
                one.end_s = self.state.wall_s

    def _close(self, now: float) -> None:
        if self._since is not None:
            phase, since = self._since
            self.spans[phase].work_s += now - since
        self._since = None

    def _end(self, record: Record, outcome: Outcome, now: float) -> None:
        for one in reversed(self.attempts):
            if (one.unit, one.number) == (record["unit"], record["attempt"]):
                one.outcome, one.end_s, one.failure = outcome, now, str(record.get("failure", ""))
                return


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run, and everything that is known of it."""

    path: Path  # of the spec, whether or not it is still there
    folder: Path
    name: str  # of a replicate; empty: the first run
    spec: Spec  # as it ran
    locks: tuple[Lock, ...]  # empty: the registration is gone
    planned: tuple[Unit, ...]
    story: Story
    head: str  # digest of the last record
    records: int
    is_running: bool
    verified: Verified | None  # None: not sealed, so there is nothing to hold it against yet
    findings: tuple[Finding, ...]  # what is not as it was sealed or registered
    verdicts: tuple[Verdict, ...]  # as `gnomon exp read` gave them; empty: see `unread`
    unread: str  # why there is no verdict; empty: there is
    config: ConfigDocument | None  # None: not written yet, or not as it was sealed
    files: tuple[tuple[str, str], ...]  # name and digest of what was sealed

    @property
    def state(self) -> State:
        """What became of it so far."""
        return self.story.state

    @property
    def lock(self) -> Lock | None:
        """The registration of the version that ran; None: it is gone."""
        return next((lock for lock in self.locks if lock.spec_sha256 == self.state.spec_sha256), None)

    def command(self, step: str) -> str:
        """A step of `gnomon exp` on this run, as it is typed in its repository."""
        return f"gnomon exp {step} experiments/{self.path.name}{f' --run {self.name}' if self.name else ''}"


def is_run(path: Path) -> bool:
    """Whether this is a folder of results, one of the files in it, or the spec of an experiment."""
    if path.suffix == ".md":
        return path.resolve().parent.name == "experiments" and bool(re.fullmatch(EXPERIMENT, path.stem))
    if path.is_dir():
        is_placed = path.resolve().parent.name == "results" and re.fullmatch(EXPERIMENT, path.resolve().name)
        return bool(is_placed) or any((path / name).exists() for name in ("journal.jsonl", MANIFEST))
    return path.name in _FILES and (path.parent / "journal.jsonl").exists()


def read_run(source: Path) -> Run:
    """The run that a path names.

    BadInput where there is none, Tampered where its journal or the spec that ran cannot be read.
    """
    path, folder, name = _place(source)
    journal = folder / "journal.jsonl"
    story = Story()
    if not journal.is_file():
        text = (
            f"begin one with `gnomon exp run experiments/{path.name}`" if path.exists() else "give the folder of a run"
        )
        raise BadInput(f"{folder}: no run: there is no journal.jsonl; {text}")
    try:
        found = scan(journal, story.take)
    except OSError as fault:
        raise BadInput(f"{journal}: cannot be read: {fault.strerror or fault}") from None
    if found.fault:
        raise Tampered(f"{journal}: {found.fault}; what became of the run cannot be told: restore the file")
    if not story.state.run:
        raise BadInput(
            f"{journal}: the run has not begun: no record is whole; `gnomon exp run experiments/{path.name}`"
        )
    story.close()
    locks, findings = _locks(path)
    verified = verify(path, folder) if story.state.is_sealed or (folder / MANIFEST).exists() else None
    findings = verified.findings if verified is not None else findings
    spec = ran(path, folder, story.state.spec_sha256)
    planned = units(spec, story.state.spec_sha256)
    is_whole = not findings
    given, unread = _verdicts(spec, planned, story.state, folder) if is_whole and verified else ((), "")
    return Run(
        path=path,
        folder=folder,
        name=name,
        spec=spec,
        locks=locks,
        planned=planned,
        story=story,
        head=found.head,
        records=found.count,
        is_running=is_held(folder),
        verified=verified,
        findings=findings,
        verdicts=given,
        unread=unread,
        config=_config(folder, findings) if verified is not None else None,
        files=_files(folder),
    )


def _place(source: Path) -> tuple[Path, Path, str]:
    """The spec, the folder of the run and the name of a replicate."""
    if source.suffix == ".md":
        folder = results_of(source)
        if not source.exists() and not folder.exists():
            raise BadInput(f"{source}: no such file")
        return source, folder, ""
    folder = (source if source.is_dir() else source.parent).resolve()
    is_replicate = folder.parent.name == "runs" and folder.parent.parent.parent.name == "results"
    first = folder.parent.parent if is_replicate else folder
    if first.parent.name != "results":
        raise BadInput(
            f"{source}: a run is held against its registration: put the folder into results/ of its repository, beside experiments/"
        )
    path = first.parent.parent / "experiments" / f"{first.name}.md"
    return path, folder, folder.name if is_replicate else ""


def _locks(path: Path) -> tuple[tuple[Lock, ...], tuple[Finding, ...]]:
    try:
        return locks_of(path), ()
    except Tampered as fault:
        return (), (Finding(kind="spec", name=path.name, text=str(fault)),)


def _verdicts(spec: Spec, planned: tuple[Unit, ...], state: State, folder: Path) -> tuple[tuple[Verdict, ...], str]:
    """The verdict that was read, or why there is none: one that the numbers do not give is none."""
    try:
        written = json.loads((folder / VERDICT).read_bytes())
    except FileNotFoundError:
        return (), "none"
    except (OSError, ValueError):
        written = None
    given = verdicts(spec, planned, state)
    is_given = written == Reading(experiment=spec.id, status=state.end or "", verdicts=given).to_dict()
    return (given, "") if is_given else ((), "other")


def _config(folder: Path, findings: tuple[Finding, ...]) -> ConfigDocument | None:
    if any(one.name in ("config.json", MANIFEST) for one in findings):
        return None
    try:
        return ConfigDocument.model_validate_json((folder / "config.json").read_bytes())
    except (OSError, ValidationError):
        return None


def _files(folder: Path) -> tuple[tuple[str, str], ...]:
    try:
        raw = (folder / MANIFEST).read_bytes()
    except OSError:
        return ()
    return tuple(sorted(read_manifest(manifest_lines(raw)).items()))
