"""Clocks that lie: a wall clock that jumps changes the stamps of records and nothing else; a monotonic clock that begins anew
after a reboot makes no time negative or huge.
"""

import itertools
import json
import random
import time
from datetime import UTC, datetime, timedelta

import pytest

from gnomon.lab.runs.collect import metrics_document
from gnomon.lab.runs.runner import Interrupted, Runner
from gnomon.lab.specs.registration import register
from gnomon.lab.store.journal import scan
from gnomon.lab.store.run_folder import RunFolder
from gnomon.lab.store.state import State
from tests.lab.plain_worker import HOST
from tests.lab.samples import bytes_of, changed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
# Every decision that looks at a time: a limit of a unit, of the run, at each check, a budget, and one that is waived.
TIMED = changed(
    abort=[
        {"id": "unit_slow", "kind": "time", "expr": "elapsed > 9 s"},
        {"id": "live_slow", "kind": "time", "check": "live", "expr": "elapsed > 9 s"},
        {"id": "run_slow", "kind": "time", "check": "phase", "expr": "wall_clock > 500 s"},
        {"id": "waived", "kind": "time", "expr": "wall_clock > 1 s"},
    ]
)


def _jumping(seed):
    """A wall clock that goes forth and back by up to 60 years."""
    source = random.Random(seed)
    while True:
        yield NOW + timedelta(days=source.uniform(-20_000, 20_000))


def _going_backwards():
    return (NOW - timedelta(hours=number) for number in itertools.count())


def _still():
    return itertools.repeat(NOW)


def _runner(root, **clocks):
    """A runner on the experiment in a folder, as it stands."""
    path = root / "experiments" / "exp-001-halves.md"
    if not path.exists():
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes_of(TIMED))
    folder = RunFolder(root / "results" / path.stem)
    folder.make()
    return Runner(
        folder=folder,
        registered=register(path, now=NOW),
        workers=HOST.workers(None, root, folder, 1),
        enforcement=HOST.enforcement,
        run="run-0",
        **clocks,
    )


def _metrics(runner):
    """What was measured and decided; without digests and times, which no two runs share."""
    found = metrics_document(
        runner.registered.spec, runner.planned, runner.state, time="", head="", executor=HOST.executor
    )
    del found["resource_usage"]["wall_clock_seconds"]
    return json.loads(json.dumps(found))


def _told(runner):
    """What happened, in order, without the clocks."""
    records = []
    assert not scan(runner.folder.journal, records.append).fault
    of_clocks = {
        "time",
        "mono",
        "prev",
        "hash",
        "wall_s",
        "cpu_s",
        "maxrss_bytes",
        "gpu_hours",
        "result_sha256",
        "estimate",
        "reason",
    }
    return [{key: value for key, value in record.items() if key not in of_clocks} for record in records]


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    runner = _runner(tmp_path_factory.mktemp("steady"))
    runner.go()
    return _metrics(runner), _told(runner)


@pytest.mark.parametrize("clock", [_jumping(1), _jumping(2), _going_backwards(), _still()])
def test_a_wall_clock_that_jumps_changes_no_decision_and_no_metric(tmp_path, steady, clock):
    runner = _runner(tmp_path, wall=lambda: next(clock))
    state = runner.go()
    assert state.end == "completed"
    assert (_metrics(runner), _told(runner)) == steady
    assert 0 < state.wall_s < 60


def test_a_wall_clock_that_jumps_between_an_interruption_and_its_resumption_changes_nothing(tmp_path, steady):
    first = _runner(tmp_path, wall=lambda: NOW + timedelta(days=9000))
    first.tell = lambda state: setattr(first, "interrupts", int(state.done >= 9))
    with pytest.raises(Interrupted):
        first.go()
    second = _runner(tmp_path, wall=lambda: NOW - timedelta(days=9000))
    second.go()
    assert _metrics(second)["treatment"] == steady[0]["treatment"]
    assert _metrics(second)["per_seed"] == steady[0]["per_seed"]
    assert 0 < second.state.wall_s < 60


@pytest.mark.parametrize("restart_s", [0.0, 5.0, 1e7])
def test_a_monotonic_clock_that_begins_anew_after_a_reboot_gives_no_negative_and_no_huge_time(
    tmp_path, steady, restart_s
):
    begun = time.monotonic()

    def clock(from_s):
        return lambda: from_s + time.monotonic() - begun

    first = _runner(tmp_path, mono=clock(1e6))
    first.tell = lambda state: setattr(first, "interrupts", int(state.done >= 9))
    with pytest.raises(Interrupted):
        first.go()
    before_s = first.state.wall_s
    second = _runner(tmp_path, mono=clock(restart_s))
    second.go()
    state = State()
    seen = []
    scan(second.folder.journal, lambda record: (state.take(record), seen.append(state.wall_s)))
    assert state.end == "completed"
    assert state.interruptions == 1
    assert seen == sorted(seen)
    assert before_s <= state.wall_s < before_s + 60
    assert _metrics(second)["treatment"] == steady[0]["treatment"]
    assert _metrics(second)["_protocol"]["waived_criteria"][0]["id"] == "waived"


def test_a_unit_under_way_when_the_machine_went_down_is_begun_anew_and_its_time_is_not_counted(tmp_path):
    first = _runner(tmp_path, mono=lambda: 1e6 + time.monotonic())

    class Killed(BaseException):
        pass

    def kill(state):
        if any(unit.under_way is not None for unit in state.units.values()) and state.done == 8:
            raise Killed

    first.tell = kill
    with pytest.raises(Killed):
        first.go()
    second = _runner(tmp_path, mono=lambda: time.monotonic() / 1e3)
    state = second.go()
    assert state.end == "completed"
    assert (state.done, state.attempts) == (14, 15)
    assert 0 <= state.wall_s < 60
    assert all(unit.under_way is None for unit in state.units.values())
