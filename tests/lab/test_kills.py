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
from gnomon.lab.registration import register
from tests.lab.plain_worker import HOST
from tests.lab.specs import bytes_of, changed

KILLS = int(os.environ.get("GNOMON_KILLS", "20"))
VARYING = {"timestamp", "run_id", "journal_head", "gpu_hours", "wall_clock_seconds", "attempts"}
SPEC = changed(
    protocol__arms__1__command="sleep 0.02; echo share=0.$(( ({seed} * 7 + {size}) % 50 ))",
    protocol__seeds=list(range(20)),
    mve__seeds=[0, 1],
    mve__pass_if="count(half.share) == 2",
    criteria__0__expr="mean(half.share) < 1",
    budget__max_seeds_per_config=20,
    budget__max_runs=10_000,
    budget__wall_clock="1 h",
    protocol__cells=[{"name": "small", "size": 10}],
    variables__independent__0__levels=[10],
    protocol__arms__0__command="echo share=1.0",
)
_RUN = """
import sys
from pathlib import Path
from tests.lab.plain_worker import HOST
from gnomon.lab.experiment import run
try:
    run(Path(sys.argv[1]), HOST)
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


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = _experiment(tmp_path_factory.mktemp("undisturbed"))
    run(path, HOST)
    return _results(path)[1]


def _is_sealed(path):
    return (path.parent.parent / "results" / path.stem / "MANIFEST.sha256").exists()


def _ended_at_its_first_record(path, number):
    """The time from the start of a runner to its first record, at which it is ended."""
    begun, process = time.monotonic(), _start(path)
    journal = path.parent.parent / "results" / path.stem / "journal.jsonl"
    while not journal.exists() or not journal.stat().st_size:
        time.sleep(0.002)
    process.send_signal(number)
    process.wait()
    process.stderr.close()
    return time.monotonic() - begun


def _start(path):
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([root, *sys.path])}
    return subprocess.Popen([sys.executable, "-c", _RUN, str(path)], env=env, stderr=subprocess.PIPE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "first"), [(signal.SIGKILL, 0.5), (signal.SIGINT, 1.0)]
)  # Python's own start knows no SIGINT
def test_a_run_that_is_ended_at_random_moments_comes_to_the_same(tmp_path, undisturbed, number, first):
    path = _experiment(tmp_path)
    chance = random.Random(KILLS)
    begins_s = _ended_at_its_first_record(path, number)
    for _ in range(KILLS - 1):
        if _is_sealed(path):
            break
        process = _start(path)
        time.sleep(chance.uniform(first * begins_s, begins_s + 0.08))
        process.send_signal(number)
        code = process.wait()
        told = process.stderr.read().decode()
        process.stderr.close()
        assert code in (0, 130, -number), told
    if not _is_sealed(path):
        run(path, HOST)
    folder, found = _results(path)
    assert found == undisturbed
    records = []
    assert scan(folder / "journal.jsonl", records.append).fault == ""
    done = [record["unit"] for record in records if record["kind"] == "unit_done"]
    assert len(done) == len(set(done)) == found["_protocol"]["units"]["planned"]
    attempts = {(record["unit"], record["attempt"]) for record in records if record["kind"] == "unit_done"}
    for unit, attempt in attempts:
        assert (folder / "units" / unit / f"attempt-{attempt}" / "result.json").exists()
    starts = [record["resumed"] for record in records if record["kind"] == "run_started"]
    assert sum(starts) >= min(KILLS // 4, 20)  # the others were ended before they could take up the journal


def test_a_torn_last_line_is_cut_and_the_run_goes_on(tmp_path, undisturbed):
    path = _experiment(tmp_path)
    process = _start(path)
    journal = path.parent.parent / "results" / path.stem / "journal.jsonl"
    while not journal.exists() or journal.stat().st_size < 20_000:
        time.sleep(0.01)
    process.kill()
    process.wait()
    process.stderr.close()
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-37])
    run(path, HOST)
    folder, found = _results(path)
    assert found == undisturbed
    records = []
    scan(folder / "journal.jsonl", records.append)
    assert [record["kind"] for record in records].count("journal_cut") == 1


def test_two_runners_do_not_meet(tmp_path):
    path = _experiment(tmp_path)
    process = _start(path)
    journal = path.parent.parent / "results" / path.stem / "journal.jsonl"
    while not journal.exists() or journal.stat().st_size < 2_000:
        time.sleep(0.01)
    second = _start(path)
    told = second.communicate()[1].decode()
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    process.stderr.close()
    assert "another runner is at work" in told
    assert str(process.pid) in told
