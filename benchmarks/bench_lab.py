"""What the whole runner costs for each trivial unit, against one bare sandbox of bubblewrap and one record on the disk."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from tests.lab.samples import bytes_of, changed

from benchmarks.conftest import median_ratio
from gnomon.lab import doors
from gnomon.lab.specs.registration import register
from gnomon.lab.units.sandbox import Level, reachable

_UNITS = 200  # of one run, half of them of the baseline


def _spec(number: int) -> dict:
    return changed(
        id=f"exp-{number:03d}-trivial",
        protocol__arms__0__command=["/bin/echo", "share=1.0"],
        protocol__arms__1__command=["/bin/echo", "share=0.5"],
        protocol__cells=[{"name": "one", "size": 10}],
        variables__independent__0__levels=[10],
        protocol__seeds=list(range(_UNITS // 2)),
        protocol__unit_estimate="0.01 s",
        mve=...,
        budget__max_runs=_UNITS + 1,
        budget__max_seeds_per_config=_UNITS,
    )


@pytest.mark.skipif(reachable().level < Level.SANDBOX, reason="; ".join(reachable().missing))
def test_a_unit_of_an_experiment_takes_twice_a_bare_sandbox_and_a_record_at_most(report, tmp_path: Path) -> None:
    bwrap, true = shutil.which("bwrap"), shutil.which("true")
    assert bwrap
    assert true
    bare = (bwrap, "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", true)
    (tmp_path / "experiments").mkdir()
    specs = []
    for number in range(1, 6):
        spec = _spec(number)
        path = tmp_path / "experiments" / f"{spec['id']}.md"
        path.write_bytes(bytes_of(spec))
        register(path, now=datetime.now(UTC))
        specs.append(path)
    numbers = count()

    def ours() -> None:
        assert doors.run(specs[next(numbers)]).done == _UNITS + 1  # and the sanity check

    def peer() -> None:
        with (tmp_path / "peer.jsonl").open("ab") as journal:
            for _ in range(_UNITS):
                subprocess.run(bare, check=True)
                journal.write(b'{"unit": "x"}\n')
                journal.flush()
                os.fsync(journal.fileno())

    ratio = median_ratio(ours, peer, rounds=3)
    report(
        f"an experiment of {_UNITS} trivial units, from preflight to seal: {ratio:.2f} times bwrap and fsync for each (bar: 2)"
    )
    assert ratio <= 2
