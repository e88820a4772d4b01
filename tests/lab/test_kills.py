"""A run that is killed anywhere, as often as may be, comes to what an undisturbed one comes to: each unit once, nothing lost."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gnomon.lab.runs.experiment import run
from gnomon.lab.specs.registration import register
from gnomon.lab.store.journal import scan
from gnomon.lab.units.local import local_host
from tests.lab.plain_worker import HOST
from tests.lab.samples import bytes_of, changed
from tests.lab.waiting import until
from tests.long import LONG

KILLS = int(os.environ.get("GNOMON_KILLS", "4"))  # `make test-long`: 200
TRANSCRIPTS = os.environ.get("GNOMON_TRANSCRIPTS", "")  # folder where what happened is written down; empty: nowhere
VARYING = {"timestamp", "run_id", "journal_head", "gpu_hours", "wall_clock_seconds", "attempts"}
SPEC = changed(
    protocol__arms__1__command="sleep 0.02; echo share=0.$(( ({seed} * 7 + {size}) % 50 ))",
    protocol__seeds=list(range(29)),
    mve__seeds=[0, 1],
    mve__pass_if="count(half.share) == 2",
    criteria__0__expr="mean(half.share) < 1",
    budget__max_seeds_per_config=29,
    budget__max_runs=61,  # as many as there are units: one that is lost with its runner costs none
    budget__wall_clock="1 h",
    protocol__cells=[{"name": "small", "size": 10}],
    variables__independent__0__levels=[10],
    protocol__arms__0__command="echo share=1.0",
)
HOSTS = {"plain": lambda: HOST, "local": local_host}
CASES = [(signal.SIGKILL, "local"), (signal.SIGINT, "plain")]
if LONG:
    CASES += [(signal.SIGKILL, "plain"), (signal.SIGINT, "local")]
_RUN = """
import sys
from pathlib import Path
from tests.lab.test_kills import HOSTS
from gnomon.lab.runs.experiment import run
try:
    run(Path(sys.argv[1]), HOSTS[sys.argv[2]]())
except KeyboardInterrupt:
    sys.exit(130)
"""


def _experiment(folder):
    path = folder / "experiments" / "exp-001-halves.md"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes_of(SPEC))
    register(path, now=datetime(2026, 1, 1, tzinfo=UTC))
    return path


def _without(value):
    if isinstance(value, dict):
        return {key: _without(item) for key, item in value.items() if key not in VARYING}
    return [_without(item) for item in value] if isinstance(value, list) else value


def _results(path):
    folder = path.parent.parent / "results" / path.stem
    return folder, _without(json.loads((folder / "metrics.json").read_text()))


def _undisturbed(folder, host="plain"):
    path = _experiment(folder)
    run(path, HOSTS[host]())
    return _results(path)[1]


def _is_sealed(path):
    return (path.parent.parent / "results" / path.stem / "MANIFEST.sha256").exists()


def _start(path, host="plain"):
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([root, *sys.path])}
    return subprocess.Popen([sys.executable, "-c", _RUN, str(path), host], env=env, stderr=subprocess.PIPE)


def _await(process, journal, count, every_s=0.01):
    """Wait until a runner's journal has so many bytes."""

    def is_there():
        if journal.exists() and journal.stat().st_size >= count:
            return True
        assert process.poll() is None, process.stderr.read().decode()
        return False

    until(is_there, every_s=every_s)


def _last(path):
    """The last record of a run and how many units were done by then."""
    records = []
    scan(path.parent.parent / "results" / path.stem / "journal.jsonl", records.append)
    done = sum(record["kind"] == "unit_done" for record in records)
    last = f"{records[-1]['seq']}: {records[-1]['kind']}" if records else "none"
    return f"{done:2d} units done, last record {last}"


def _ended_after(path, host, number, count, more_s):
    """Start a runner, end it so many seconds after it has written so many records, or let it come to its end; its code."""
    journal = path.parent.parent / "results" / path.stem / "journal.jsonl"
    before = journal.read_bytes().count(b"\n") if journal.exists() else 0
    process = _start(path, host)
    until(
        lambda: (
            (journal.exists() and journal.read_bytes().count(b"\n") >= before + count) or process.poll() is not None
        ),
        every_s=0.002,
    )
    time.sleep(more_s)
    process.send_signal(number)
    code = process.wait()
    error = process.stderr.read().decode()
    process.stderr.close()
    assert code in (0, 130, -number), error
    return code


@pytest.mark.slow
@pytest.mark.parametrize(("number", "host"), CASES, ids=lambda value: getattr(value, "name", value))
def test_a_run_that_is_ended_at_random_moments_comes_to_the_same(tmp_path, number, host):
    chance, told, kills, kinds = random.Random(KILLS), [], 0, Counter()
    undisturbed = _undisturbed(tmp_path / "undisturbed", host)
    while kills < KILLS:
        path = _experiment(tmp_path / f"ended-{kills}")
        while kills < KILLS and not _is_sealed(path):
            count, more_s = chance.randint(1, 5), chance.uniform(0, 0.03)
            code = _ended_after(path, host, number, count, more_s)
            if code != 0:
                kills += 1
                moment = f"{1000 * more_s:.1f} ms after its record {count}"
                told.append(f"{number.name} {kills}, {moment}: exit code {code}, {_last(path)}")
        if not _is_sealed(path):
            run(path, HOSTS[host]())
        kinds += _checked(path, undisturbed)
        told.append(f"through: {_last(path)}")
    assert kinds["unit_lost"] > 0 or number == signal.SIGINT  # some were ended in the midst of a unit
    if TRANSCRIPTS:
        told.append(
            f"{kills} times ended by {number.name}, {host}; {kinds['unit_done']} units of {sum(line.startswith('through') for line in told)} "
            f"runs, each done once; {kinds['unit_lost']} attempts lost and begun anew; every metrics.json equal to that of "
            f"an undisturbed run"
        )
        Path(TRANSCRIPTS).mkdir(parents=True, exist_ok=True)
        (Path(TRANSCRIPTS) / f"{number.name.lower()}-{host}.txt").write_text("\n".join(told) + "\n")


def _checked(path, undisturbed):
    """A run that was ended again and again has what an undisturbed one has, each unit once; its records by kind."""
    folder, found = _results(path)
    assert found == undisturbed
    records = []
    assert scan(folder / "journal.jsonl", records.append).fault == ""
    done = [(record["unit"], record["attempt"]) for record in records if record["kind"] == "unit_done"]
    assert len(done) == len({unit for unit, _ in done}) == found["_protocol"]["units"]["planned"]
    for unit, attempt in done:
        assert (folder / "units" / unit / f"attempt-{attempt}" / "stdout.log").exists()
    return Counter(record["kind"] for record in records)


@pytest.mark.slow
def test_a_torn_last_line_is_cut_and_the_run_goes_on(tmp_path):
    path = _experiment(tmp_path / "torn")
    process = _start(path)
    journal = path.parent.parent / "results" / path.stem / "journal.jsonl"
    _await(process, journal, 20_000)
    process.kill()
    process.wait()
    process.stderr.close()
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-37])
    run(path, HOST)
    folder, found = _results(path)
    assert found == _undisturbed(tmp_path / "undisturbed")
    records = []
    scan(folder / "journal.jsonl", records.append)
    assert [record["kind"] for record in records].count("journal_cut") == 1


@pytest.mark.slow
def test_two_runners_do_not_meet(tmp_path):
    path = _experiment(tmp_path)
    process = _start(path)
    journal = path.parent.parent / "results" / path.stem / "journal.jsonl"
    _await(process, journal, 2_000)
    second = _start(path)
    told = second.communicate()[1].decode()
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    process.stderr.close()
    assert "another runner is at work" in told
    assert str(process.pid) in told
