"""Experiments on this machine under real enforcement: what a unit tries is denied, recorded, and the run goes on."""

import json
import os
import re
import subprocess
from datetime import UTC, datetime

import pytest

from gnomon.lab import errors
from gnomon.lab.results.verification import verify
from gnomon.lab.runs.experiment import run
from gnomon.lab.specs.registration import register
from gnomon.lab.units.local import local_host
from gnomon.lab.units.sandbox import Level, reachable
from tests.lab.samples import SOUND, bytes_of, changed

pytestmark = pytest.mark.slow  # whole commands, again and again


NOW = datetime(2026, 1, 1, tzinfo=UTC)
REACH = reachable()


def _at(level):
    why = "; ".join(REACH.missing) or "not reached here"
    return pytest.param(str(level), marks=pytest.mark.skipif(REACH.level < level, reason=f"{level}: {why}"))


LEVELS = [_at(level) for level in Level]
DENYING = [_at(level) for level in (Level.LANDLOCK, Level.SANDBOX)]


def _experiment(tmp_path, spec=SOUND):
    path = tmp_path / "experiments" / f"{spec['id']}.md"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes_of(spec))
    register(path, now=NOW)
    return path, tmp_path / "results" / path.stem


def _metrics(folder):
    return json.loads((folder / "metrics.json").read_text())


def _same(one, other):
    varying = ("timestamp", "run_id", "journal_head", "gpu_hours", "wall_clock_seconds", "attempts")
    first, second = (
        re.sub(rf'"({"|".join(varying)})": [^\n]*', "", json.dumps(each, indent=1)) for each in (one, other)
    )
    return first == second


@pytest.mark.parametrize("level", LEVELS)
def test_an_experiment_comes_to_the_same_at_every_level(tmp_path, level):
    path, folder = _experiment(tmp_path)
    assert run(path, local_host(level)).end == "completed"
    found = _metrics(folder)
    assert found["_protocol"]["enforcement"] == level
    assert found["treatment"] == {"share": 0.5, "twice": 1.0}
    assert found["_protocol"]["enforcement_violations"] == []
    assert verify(path, folder).is_whole


@pytest.mark.parametrize("level", DENYING)
def test_a_unit_that_goes_for_the_spec_is_denied_recorded_and_survived(tmp_path, level):
    attack = (
        "echo tampered >> experiments/exp-001-halves.md; rm -f experiments/exp-001-halves.lock.json; "
        "mv results/exp-000-earlier results/gone; echo x > RESEARCH_LOG.md; echo share=0.5"
    )
    path, folder = _experiment(tmp_path, changed(protocol__arms__1__command=attack))
    earlier = tmp_path / "results" / "exp-000-earlier"
    earlier.mkdir(parents=True)
    (earlier / "metrics.json").write_text("{}")
    (tmp_path / "RESEARCH_LOG.md").write_text("a log\n")
    before = {
        file: (file.read_bytes(), file.stat().st_mode) for file in (*tmp_path.rglob("*.md"), *tmp_path.rglob("*.json"))
    }
    state = run(path, local_host(level))
    assert state.end == "completed"
    assert all((file.read_bytes(), file.stat().st_mode) == was for file, was in before.items())
    told = {
        (event["call"].rstrip("at0123456789"), event["target"].split("/")[-1])
        for event in _metrics(folder)["_protocol"]["enforcement_violations"]
    }
    targets = {target for _, target in told}
    assert {"exp-001-halves.md", "exp-001-halves.lock.json", "exp-000-earlier", "RESEARCH_LOG.md"} <= targets
    assert verify(path, folder).is_whole


@pytest.mark.parametrize("level", DENYING)
def test_a_unit_leaves_results_in_its_own_room_alone(tmp_path, level):
    spec = changed(
        protocol__arms__1__command='cp /dev/null "$GNOMON_ROOM/mine" && ! touch "$GNOMON_ROOM/../theirs" && echo share=0.5'
    )
    path, folder = _experiment(tmp_path, spec)
    run(path, local_host(level))
    assert len(list(folder.glob("units/*/attempt-1/mine"))) == 7


_SECRET = "0.12345678987654321"  # as long as no measured time is

_HOSTILE = {
    "a link where the runner writes next": "ln -s {spec} .result.json.part; ln -s {spec} result.json",
    "a folder where the runner writes": "mkdir -p result.json/in .result.json.part/in; chmod 0 result.json/in",
    "a pipe for its output": "rm -f stdout.log; mkfifo stdout.log",
    "a pipe for its observations": "rm -f observations.jsonl stderr.log; mkfifo observations.jsonl stderr.log",
    "a link to a secret for its output": "ln -sf {secret} stdout.log; ln -sf {secret} stderr.log",
    "a device": "ln -sf /dev/zero observations.jsonl stdout.log; ln -sf /dev/zero stdout.log",
    "no room any more": "cd ..; rm -rf $GNOMON_ROOM; mkdir beside; touch beside/file",
    "a link for its room": "cd ..; rm -rf $GNOMON_ROOM; ln -s {secret} $GNOMON_ROOM",
    "rights for nobody": "chmod 0 $GNOMON_ROOM $(dirname $GNOMON_ROOM)",
    "folders without end": "deep=$(printf 'd/%.0s' $(seq 500)); mkdir -p $deep; touch $deep/f",
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("does", _HOSTILE)
def test_what_a_unit_leaves_in_its_room_leads_the_runner_nowhere(tmp_path, level, does):
    secret = tmp_path / "secret"
    secret.write_text(f"share={_SECRET}\n")
    spec = tmp_path / "experiments" / "exp-001-halves.md"
    command = f'cd "$GNOMON_ROOM"; {_HOSTILE[does].format(spec=spec, secret=secret)}; [ {{seed}} != 1 ] || exit 3'
    path, folder = _experiment(
        tmp_path,
        changed(
            protocol__arms__1__command=command,
            mve=...,
            protocol__cells=[{"name": "one", "size": 10}],
            variables__independent__0__levels=[10],
        ),
    )
    before = path.read_bytes()
    with pytest.raises(errors.MissingMetrics):
        run(path, local_host(level))
    assert path.read_bytes() == before
    assert secret.read_text() == f"share={_SECRET}\n"
    found = _metrics(folder)
    assert found["treatment"]["share"] is None
    assert _SECRET not in json.dumps(found)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("command", "failure"),
    [
        ("exit 3", "exit 3"),
        ("kill -9 $$", "ended by SIGKILL"),
        ("sleep 60", "timeout"),
        ("/no/such/program", "exit 127"),
    ],
)
def test_a_failed_unit_says_how_it_ended_and_the_rest_runs(tmp_path, level, command, failure):
    spec = changed(
        protocol__arms__1__command=f"if [ {{seed}} = 1 ]; then {command}; exit $?; fi; echo share=0.5",
        protocol__unit_timeout="1 s",
        protocol__unit_estimate="0.1 s",
        abort__0__expr="elapsed > 30 s",
    )
    path, folder = _experiment(tmp_path, spec)
    with pytest.raises(errors.MissingMetrics):
        run(path, local_host(level))
    found = _metrics(folder)["_protocol"]
    assert found["units"]["failed"] == 2
    assert {one["reason"].split(":")[0] for one in found["missing"] if one["metric"] is None} == {failure}


def test_observations_on_descriptor_3_are_seen_while_a_unit_runs(tmp_path):
    line = '{{\\"name\\": \\"share\\", \\"value\\": %s, \\"step\\": %s}}'
    loop = 'i=0; while :; do i=$((i+1)); echo "' + line % ("$i", "$i") + '" >&3; sleep 0.02; done'
    spec = changed(
        metrics__primary__0__from={"observations": "share"},
        metrics__primary__0__bounds=[0, 1e9],
        protocol__arms__0__command='echo "' + line % (1, 1) + '" >&3',
        protocol__arms__1__command=loop,
        mve__pass_if="max(half.share) < 1e9",
        abort__0={"id": "diverged", "check": "live", "expr": "share > 5"},
    )
    path, folder = _experiment(tmp_path, spec)
    with pytest.raises(errors.Aborted, match="diverged"):
        run(path, local_host())
    assert _metrics(folder)["abort_triggered"] is True


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system of one's own needs root")
def test_a_full_disk_stops_the_run_and_with_room_on_it_the_run_comes_to_the_same(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        fill = 'head -c 500000 /dev/zero > "$GNOMON_ROOM/fill" && echo share=0.5'
        path, folder = _experiment(small, changed(protocol__arms__1__command=fill, mve=...))
        (small / "other").write_bytes(b"\0" * 3_000_000)
        with pytest.raises(errors.OutOfSpace, match="the disk is full: make room on it, then `gnomon exp resume"):
            run(path, local_host())
        found = _metrics(folder)
        assert found["baseline"] == {"share": 1.0, "twice": 2.0}
        assert 7 <= found["_protocol"]["units"]["done"] < 13
        (small / "other").unlink()
        assert run(path, local_host()).end == "completed"
        undisturbed, kept = _experiment(tmp_path, changed(protocol__arms__1__command=fill, mve=...))
        run(undisturbed, local_host())
        assert _same(_metrics(folder), _metrics(kept))
        assert verify(path, folder).is_whole
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)


@pytest.mark.parametrize("level", DENYING)
def test_folders_that_are_there_may_be_asked_for(tmp_path, level):
    command = 'mkdir -p "$GNOMON_ROOM/a/b" && mkdir "$GNOMON_ROOM/c"; mkdir results 2>/dev/null; echo share=0.5'
    path, folder = _experiment(tmp_path, changed(protocol__arms__1__command=command))
    assert run(path, local_host(level)).end == "completed"
    assert _metrics(folder)["_protocol"]["enforcement_violations"] == []


@pytest.mark.parametrize("level", DENYING)
def test_what_git_tries_and_does_well_without_is_no_violation(tmp_path, level):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    path, folder = _experiment(
        tmp_path, changed(protocol__arms__1__command="git status -s >/dev/null; git diff --stat; echo share=0.5")
    )
    run(path, local_host(level))
    assert _metrics(folder)["_protocol"]["enforcement_violations"] == []
