"""What a unit prints and uses is bounded; the disk, the memory and the supervisor are not at its mercy."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gnomon.lab.units.sandbox import messages
from gnomon.lab.units.sandbox.logs import Log
from tests.lab.units.sandbox.conftest import Place

pytestmark = pytest.mark.slow  # whole sandboxes are started, some many times

Make = Callable[..., Place]


def test_a_log_keeps_its_head_and_its_tail(place: Make) -> None:
    at = place("detect-only")
    ended = at.python("for i in range(200_000): print(i)", log_head_bytes=100, log_tail_bytes=50)
    text = at.read(ended)
    assert text.startswith("0\n1\n2\n")
    assert text.endswith("199998\n199999\n")
    left_out = ended.left_out_bytes["stdout"]
    assert len(text.replace(f"\n[gnomon: {left_out} bytes left out here]\n", "")) == 150
    assert left_out + 150 == sum(len(f"{i}\n") for i in range(200_000))


@pytest.mark.parametrize("printed", [0, 1, 100, 149, 150, 151, 5000])
def test_a_log_is_whole_until_head_and_tail_are_full(tmp_path: Path, printed: int) -> None:
    import os

    log = Log(str(tmp_path / "log"), 100, 50)
    sent = bytes(i % 251 for i in range(printed))
    os.write(log.writer, sent)
    os.close(log.writer)
    log.close()
    kept = re.sub(rb"\n\[gnomon: \d+ bytes left out here\]\n", b"", (tmp_path / "log").read_bytes())
    assert kept == (sent if printed <= 150 else sent[:100] + sent[-50:])
    assert log.left_out_bytes == max(printed - 150, 0)


@pytest.mark.slow
def test_ten_gigabytes_of_log_leave_sixteen_megabytes(place: Make) -> None:
    at = place("detect-only")
    ended = at.shell("head -c 10000000000 /dev/zero", wall_s=300.0)
    assert ended.exit_code == 0
    defaults = messages.Limits()
    assert (
        at.work / ended.unit / "stdout.log"
    ).stat().st_size < defaults.log_head_bytes + defaults.log_tail_bytes + 100
    assert ended.left_out_bytes["stdout"] == 10_000_000_000 - (16 << 20)


def test_too_many_observations_end_the_unit(place: Make) -> None:
    at = place("detect-only")
    ended = at.shell("while :; do echo '{\"a\": 1}' >&3; done", observations_bytes=10_000)
    assert ended.how == "observations"
    assert ended.reason == "wrote more than 10000 bytes of observations"


def test_a_log_that_its_unit_removes_or_swaps_reaches_nothing_else(place: Make) -> None:
    at = place("detect-only")
    ended = at.shell(f"rm stdout.log; ln -s {at.spec} stdout.log; echo forged; sleep 0.3; echo forged")
    assert ended.exit_code == 0
    assert at.spec.read_text() == "registered\n"


def test_a_room_whose_log_is_a_link_already_is_refused(place: Make) -> None:
    at = place("detect-only")
    (at.work / "unit-0").mkdir()
    (at.work / "unit-0" / "stdout.log").symlink_to(at.spec)
    ended = at.shell("echo forged")
    assert ended.how == "not started"
    assert at.spec.read_text() == "registered\n"
    assert at.run("true").exit_code == 0


def test_a_unit_that_takes_too_much_memory_is_refused_it(place: Make) -> None:
    at = place("detect-only")
    ended = at.python("bytearray(1 << 30)", memory_bytes=256 << 20)
    assert ended.exit_code == 1
    assert "MemoryError" in at.read(ended, "stderr.log")


def test_a_unit_is_the_first_to_go_when_memory_runs_out(place: Make) -> None:
    at = place("detect-only")
    assert at.read(at.run("cat", "/proc/self/oom_score_adj")) == "500\n"


def test_a_unit_that_writes_too_large_a_file_is_stopped_by_the_kernel(place: Make) -> None:
    at = place("detect-only")
    ended = at.shell("head -c 100000 /dev/zero > large", file_bytes=10_000)
    assert (at.work / ended.unit / "large").stat().st_size == 10_000


def test_a_unit_that_attacks_in_a_loop_does_not_fill_the_record(place: Make) -> None:
    at = place("sandbox")
    code = f"""
import os
for i in range(1000):
    for path in (f"{at.spec}.{{i}}", "{at.spec}"):
        try: os.open(path, os.O_WRONLY | os.O_CREAT)
        except OSError: pass
"""
    ended = at.python(code)
    assert len(ended.events) == 256
    assert ended.events_left_out == 1000 - 255
    assert max(event.times for event in ended.events) == 1000
