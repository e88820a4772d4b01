"""What a held unit costs, against one bare sandbox of bubblewrap and one record made safe on the disk."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from benchmarks.conftest import median_ratio
from gnomon.lab.units.sandbox import Command, Ended, Level, Rooms, Worker, reachable

_UNITS = 200  # of one run


@pytest.mark.skipif(reachable().level < Level.SANDBOX, reason="; ".join(reachable().missing))
def test_a_unit_takes_twice_a_bare_sandbox_and_a_record_at_most(report, tmp_path: Path) -> None:
    spec = tmp_path / "experiments" / "spec.md"
    spec.parent.mkdir()
    spec.write_text("registered\n")
    rooms = Rooms(protected=(spec.parent,), work=tmp_path / "results" / "work", visible=(tmp_path,))
    bwrap, true = shutil.which("bwrap"), shutil.which("true")
    assert bwrap
    assert true
    bare = (bwrap, "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", true)
    numbers = count()

    def record(journal) -> None:
        journal.write(b'{"unit": "x"}\n')
        journal.flush()
        os.fsync(journal.fileno())

    def ours() -> None:
        with Worker(rooms, reachable()) as worker, (tmp_path / "ours.jsonl").open("ab") as journal:
            for _ in range(_UNITS):
                unit = f"unit-{next(numbers)}"
                worker.start(Command(unit=unit, argv=(true,), room=rooms.work / unit))
                ended = worker.poll(60.0)
                assert isinstance(ended, Ended)
                assert ended.exit_code == 0
                record(journal)

    def peer() -> None:
        with (tmp_path / "peer.jsonl").open("ab") as journal:
            for _ in range(_UNITS):
                subprocess.run(bare, check=True)
                record(journal)

    ratio = median_ratio(ours, peer, rounds=3)
    report(
        f"{_UNITS} units held and recorded, the worker's start among them: {ratio:.2f} times bwrap and fsync (bar: 2)"
    )
    assert ratio <= 2


@pytest.mark.skipif(reachable().level < Level.SANDBOX, reason="; ".join(reachable().missing))
def test_ten_thousand_files_written_under_watch_take_ten_times_those_without_at_most(report, tmp_path: Path) -> None:
    """Each open for writing, rename and unlink waits for the zygote: what a unit that writes many small files pays."""
    rooms = Rooms(protected=(), work=tmp_path / "work")
    code = (
        "import os\n"
        "for i in range(10_000):\n"
        "    os.close(os.open('a', os.O_WRONLY | os.O_CREAT)); os.rename('a', 'b'); os.unlink('b')\n"
    )
    numbers = count()
    python = shutil.which("python3")
    assert python

    def run(reach) -> None:
        unit = f"unit-{next(numbers)}"
        with Worker(rooms, reach) as worker:
            worker.start(Command(unit=unit, argv=(python, "-I", "-S", "-c", code), room=rooms.work / unit))
            ended = worker.poll(600.0)
            assert isinstance(ended, Ended)
            assert ended.exit_code == 0, (rooms.work / unit / "stderr.log").read_text()

    watched = reachable()
    ratio = median_ratio(lambda: run(watched), lambda: run(replace(watched, watch=False)), rounds=3)
    report(f"10,000 files made, renamed and removed: {ratio:.2f} times as long under watch (bar: 10)")
    assert ratio <= 10
