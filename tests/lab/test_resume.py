"""A run that ends anywhere is taken up at the record that it left: same numbers, same judgements, same end."""

import json
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from gnomon.core.errors import GnomonError
from gnomon.lab import doors, errors
from gnomon.lab.results.verification import verify
from gnomon.lab.runs import experiment, packages
from gnomon.lab.runs.experiment import run
from gnomon.lab.runs.runner import Runner
from gnomon.lab.specs.registration import register
from gnomon.lab.store.journal import scan
from gnomon.lab.store.run_folder import RunFolder
from gnomon.lab.store.seal import MANIFEST
from tests.lab.plain_worker import HOST
from tests.lab.samples import SOUND, bytes_of, changed
from tests.long import LONG

EVERY = (
    1 if LONG else 15
)  # of the records, a run goes on from one in so many, and from each that is followed as none before
VARYING = {"timestamp", "run_id", "journal_head", "gpu_hours", "wall_clock_seconds", "attempts"}
SMALL = {
    "protocol__cells": [{"name": "small", "size": 10}],
    "variables__independent__0__levels": [10],
    "budget__max_runs": 8,  # as many as an undisturbed run takes: what is lost with its runner costs none
}
FAILING = "[ {seed} = 1 ] && exit 3; echo share=0.5"  # twice where it may be tried again
# Undisturbed runs, each of which has something to remember across its records.
KEPT = {
    "completed": SMALL,
    "with a unit given up after a second try": SMALL
    | {"protocol__arms__1__command": FAILING, "protocol__retries": 1, "budget__max_runs": 9},
    "aborted after three units in a row": SMALL
    | {
        "protocol__arms__1__command": "echo share=0.{seed}5",
        "abort__0": {"id": "row", "expr": "share < 0.9", "for_consecutive": 3},
    },
    "aborted after the second phase that holds": SMALL
    | {"abort__0": {"id": "often", "expr": "runs > 0", "check": "phase", "for_consecutive": 2, "kind": "resource"}},
    "stopped by its budget": SMALL | {"protocol__arms__1__command": FAILING, "protocol__retries": 1},
}


def _experiment(root, spec=SOUND):
    path = root / "experiments" / f"{spec['id']}.md"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes_of(spec))
    register(path, now=datetime(2026, 1, 1, tzinfo=UTC))
    return path, root / "results" / path.stem


def _records(folder):
    found = []
    scan(folder / "journal.jsonl", found.append)
    return found


def _without(value):
    if isinstance(value, dict):
        return {key: _without(item) for key, item in value.items() if key not in VARYING}
    return [_without(item) for item in value] if isinstance(value, list) else value


def _outcome(path, folder):
    """What a run comes to: its end as an error or none, and its numbers."""
    told = ""
    try:
        run(path, HOST)
    except GnomonError as fault:
        told = str(fault).removeprefix(str(folder))
    return told, _without(json.loads((folder / "metrics.json").read_text()))


def _cut(folder, count, *, is_placed):
    """Leave what stood when `count` records were written.

    is_placed: the attempt that ended last had come to its place already, and the one at work has left nothing.
    """
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)[:count]
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (folder / "journal.jsonl").write_bytes(b"".join(lines))
    (folder / MANIFEST).unlink()
    place = RunFolder(folder)
    place.make()
    ended, at_work = [], set()
    for record in map(json.loads, lines):
        match record["kind"]:
            case "unit_started":
                at_work.add((record["unit"], record["attempt"]))
            case "unit_done" | "unit_failed":
                at_work.remove((record["unit"], record["attempt"]))
                ended.append((record["unit"], record["attempt"]))
    for path in folder.glob("units/*/attempt-*"):
        attempt = (path.parent.name, int(path.name.removeprefix("attempt-")))
        if attempt not in ended:
            shutil.rmtree(path)
    if is_placed:
        return
    for attempt in ended[-1:] if not at_work else ():
        place.open_room(*attempt).rmdir()
        place.attempt(*attempt).rename(place.slot(0) / f"{attempt[0]}-{attempt[1]}")
    for attempt in at_work:
        (place.open_room(*attempt) / "result.json").write_text('{"record": {"metrics": {"share": 0.0001}}}')


def _places(folder):
    """How many records stand where a run is taken up."""
    kinds = [record["kind"] for record in _records(folder)]
    first = {pair: place for place, pair in reversed(list(enumerate(pairwise(kinds), start=1)))}
    return sorted({*range(1, len(kinds), EVERY), *first.values(), len(kinds) - 1})


@pytest.mark.slow
@pytest.mark.parametrize("fields", KEPT.values(), ids=KEPT)
def test_a_run_goes_on_from_its_records_to_the_same_end(tmp_path, fields):
    path, folder = _experiment(tmp_path / "undisturbed", changed(**fields))
    undisturbed, kept = _outcome(path, folder), tmp_path / "kept"
    shutil.copytree(path.parent.parent, kept)
    for place in _places(folder):
        for is_placed in (True, False):
            shutil.rmtree(path.parent.parent)
            shutil.copytree(kept, path.parent.parent)
            _cut(folder, place, is_placed=is_placed)
            assert _outcome(path, folder) == undisturbed, (place, is_placed)
            assert verify(path, folder).findings == (), (place, is_placed)


@pytest.mark.slow
@pytest.mark.parametrize("named", ["undisturbed", *KEPT])
def test_what_is_kept_in_the_examples_is_what_they_are_named_after(tmp_path, named):
    path, folder = _experiment(tmp_path, changed(**KEPT.get(named, {})))
    with suppress(GnomonError):
        run(path, HOST)
    last, kinds = _records(folder)[-2], [record["kind"] for record in _records(folder)]
    assert last["end"] == {"aborted": "aborted", "stopped": "budget_stopped"}.get(named.split()[0], "completed")
    assert kinds.count("unit_failed") == (2 if "second try" in named or "budget" in named else 0)
    if named == "aborted after the second phase that holds":
        assert [record["phase"] for record in _records(folder) if record["kind"] == "phase_done"][-1] == "mve"


def test_a_list_without_the_last_record_is_no_seal(tmp_path, monkeypatch):
    path, folder = _experiment(tmp_path)

    def killed(place):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "take_write_right", killed)
    with pytest.raises(KeyboardInterrupt):
        run(path, HOST)
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    assert json.loads(lines[-1])["kind"] == "sealed"
    (folder / "journal.jsonl").write_bytes(b"".join(lines[:-1]))
    assert (folder / MANIFEST).exists()
    monkeypatch.undo()
    with pytest.raises(errors.BadInput, match="not sealed"):
        doors.replicate(path, host=HOST)
    assert run(path, HOST).is_sealed
    assert verify(path, folder).is_whole


def test_what_was_installed_is_held_against_the_first_start_and_told_once(tmp_path, monkeypatch):
    path, folder = _experiment(tmp_path, changed(protocol__arms__0__command="sleep 0.05; echo share=1.0"))
    here = packages.versions()
    monkeypatch.setattr(packages, "versions", lambda: {**here, "a": "1"})
    with pytest.raises(errors.OutOfTime):
        run(path, HOST, most_s=0.15)
    monkeypatch.setattr(packages, "versions", lambda: {**here, "a": "2"})
    with pytest.raises(errors.ProtocolViolation, match="a 1 -> 2"):
        run(path, HOST)
    records = _records(folder)
    (folder / "journal.jsonl").chmod(0o644)
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "journal.jsonl").write_bytes(b"".join(lines[:-1]))  # killed before it was sealed
    with pytest.raises(errors.ProtocolViolation, match="a 1 -> 2"):
        run(path, HOST)
    assert [record["kind"] for record in _records(folder)].count("violation") == 1
    assert len(_records(folder)) == len(records)  # the seal again


def test_a_criterion_that_has_fired_on_a_unit_at_work_ends_the_run_after_a_crash_too(tmp_path, monkeypatch):
    script = 'echo "{{\\"name\\": \\"share\\", \\"value\\": 7}}" >&9; sleep 5'
    spec = changed(
        protocol__arms__1__command=script,
        metrics__primary__0__from={"observations": "share"},
        protocol__arms__0__command='echo "{{\\"name\\": \\"share\\", \\"value\\": 1}}" >&9',
        metrics__primary__0__bounds=[0, 9],
        abort__0={"id": "diverged", "check": "live", "expr": "share > 5"},
    )
    path, folder = _experiment(tmp_path, spec)
    take = Runner._ended

    def killed(runner, attempt, ended):
        if attempt.is_stopped:
            raise KeyboardInterrupt
        return take(runner, attempt, ended)

    monkeypatch.setattr(Runner, "_ended", killed)
    with pytest.raises(KeyboardInterrupt):
        run(path, HOST)
    monkeypatch.undo()
    started = sum(record["kind"] == "unit_started" for record in _records(folder))
    with pytest.raises(errors.Aborted, match="diverged: share > 5, at half/small/0"):
        run(path, HOST)
    assert sum(record["kind"] == "unit_started" for record in _records(folder)) == started


@pytest.mark.slow
def test_a_limit_on_wall_clock_is_seen_while_one_unit_is_at_work(tmp_path):
    spec = changed(
        protocol__arms__1__command="sleep 30",
        abort__0={"id": "late", "check": "live", "expr": "wall_clock > 1 s", "kind": "resource"},
    )
    path, folder = _experiment(tmp_path, spec)
    with pytest.raises(errors.Aborted, match="late: wall_clock > 1 s, at half/small/0"):
        run(path, HOST)
    assert _records(folder)[-2]["mono"] - _records(folder)[1]["mono"] < 20


def test_failures_count_for_criteria_on_units(tmp_path):
    spec = changed(
        protocol__arms__0__command="[ {seed} = 0 ] && echo share=1.0",
        abort__0={"id": "many", "expr": "failed >= 2", "kind": "resource"},
    )
    path, folder = _experiment(tmp_path, spec)
    with pytest.raises(errors.Aborted, match="many: failed >= 2, after whole/small/2"):
        run(path, HOST)
    assert json.loads((folder / "metrics.json").read_text())["_protocol"]["units"]["failed"] == 2


@pytest.mark.parametrize("mode", ["000", "111", "400"])
def test_whatever_rights_a_unit_takes_from_its_files_they_are_sealed(tmp_path, mode):
    command = f"mkdir -p $GNOMON_ROOM/in; echo 1 > $GNOMON_ROOM/in/a; echo share=0.5; chmod {mode} $GNOMON_ROOM/in/a $GNOMON_ROOM/in"
    path, folder = _experiment(tmp_path, changed(protocol__arms__1__command=command))
    assert run(path, HOST).end == "completed"
    assert len([file for file in folder.glob("units/*/attempt-1/in/a") if file.read_text() == "1\n"]) == 7
    assert all(file.stat().st_mode & 0o400 for file in Path(folder).glob("units/*/attempt-1/in/a"))
    assert verify(path, folder).is_whole
