"""A run that is killed anywhere, as often as may be, comes to what an undisturbed one comes to: each unit once, nothing lost."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gnomon.lab.experiment import run
from gnomon.lab.journal import scan
from gnomon.lab.local import local_host
from gnomon.lab.registration import register
from tests.lab.plain_worker import HOST
from tests.lab.specs import bytes_of, changed
from tests.lab.waiting import until

KILLS = int(os.environ.get("GNOMON_KILLS", "20"))
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
if KILLS > 20:
    CASES += [(signal.SIGKILL, "plain"), (signal.SIGINT, "local")]
_RUN = """
import sys
from pathlib import Path
from tests.lab.test_kills import HOSTS
from gnomon.lab.experiment import run
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


def _ended_at_its_first_record(path, number, host):
    """The time from the start of a runner to its first record, at which it is ended."""
    begun, process = time.monotonic(), _start(path, host)
    journal = path.parent.parent / "results" / path.stem / "journal.jsonl"
    _await(process, journal, 1, every_s=0.002)
    process.send_signal(number)
    process.wait()
    process.stderr.close()
    return time.monotonic() - begun


def _await(process, journal, count, every_s=0.01):
    """Wait until a runner's journal has so many bytes."""

    def is_there():
        if journal.exists() and journal.stat().st_size >= count:
            return True
        assert process.poll() is None, process.stderr.read().decode()
        return False

    until(is_there, every_s=every_s)


def _start(path, host="plain"):
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([root, *sys.path])}
    return subprocess.Popen([sys.executable, "-c", _RUN, str(path), host], env=env, stderr=subprocess.PIPE)


def _last(path):
    """The last record of a run and how many units were done by then."""
    records = []
    scan(path.parent.parent / "results" / path.stem / "journal.jsonl", records.append)
    done = sum(record["kind"] == "unit_done" for record in records)
    return f"{done:2d} units done, last record {records[-1]['seq']}: {records[-1]['kind']}"


@pytest.mark.slow
@pytest.mark.parametrize(("number", "host"), CASES, ids=lambda value: getattr(value, "name", value))
def test_a_run_that_is_ended_at_random_moments_comes_to_the_same(tmp_path, number, host):
    first = 0.5 if number == signal.SIGKILL else 1.0  # Python's own start knows no SIGINT
    path = _experiment(tmp_path / "ended")
    chance = random.Random(KILLS)
    begins_s = _ended_at_its_first_record(path, number, host)
    told = [f"{number.name} at the first record, {begins_s:.3f} s after the start: {_last(path)}"]
    for _ in range(KILLS - 1):
        if _is_sealed(path):
            break
        process, after_s = _start(path, host), chance.uniform(first * begins_s, begins_s + 0.08)
        time.sleep(after_s)
        process.send_signal(number)
        code = process.wait()
        error = process.stderr.read().decode()
        process.stderr.close()
        assert code in (0, 130, -number), error
        told.append(f"{number.name} after {after_s:.3f} s, exit code {code}: {_last(path)}")
    kills = len(told)
    if not _is_sealed(path):
        run(path, HOSTS[host]())
    folder, found = _results(path)
    assert found == _undisturbed(tmp_path / "undisturbed", host)
    records = []
    assert scan(folder / "journal.jsonl", records.append).fault == ""
    done = [record["unit"] for record in records if record["kind"] == "unit_done"]
    assert len(done) == len(set(done)) == found["_protocol"]["units"]["planned"]
    attempts = {(record["unit"], record["attempt"]) for record in records if record["kind"] == "unit_done"}
    for unit, attempt in attempts:
        assert (folder / "units" / unit / f"attempt-{attempt}" / "stdout.log").exists()
    starts = [record["resumed"] for record in records if record["kind"] == "run_started"]
    assert sum(starts) >= min(KILLS // 4, 20)  # the others were ended before they could take up the journal
    if TRANSCRIPTS:
        kinds = [record["kind"] for record in records]
        told += [
            f"resumed to its end: {_last(path)}",
            f"{kills} times ended, {sum(starts)} of the starts came to a record; {len(done)} units, each done once; "
            f"{kinds.count('unit_lost')} attempts lost and begun anew; metrics.json equal to that of an undisturbed run",
        ]
        name = f"{number.name.lower()}-{host}.txt"
        Path(TRANSCRIPTS).mkdir(parents=True, exist_ok=True)
        (Path(TRANSCRIPTS) / name).write_text("\n".join(told) + "\n")


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
