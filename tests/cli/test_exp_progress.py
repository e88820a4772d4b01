"""What a run shows while it goes on: a bar on a terminal, lines elsewhere, `watch` in JSON lines."""

import json
import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gnomon.cli import progress
from gnomon.cli.main import main
from gnomon.lab import doors
from gnomon.lab.runs.outlook import outlook
from gnomon.lab.specs.registration import sound
from gnomon.lab.store.state import State
from tests.lab.exports.runs import registered_spec
from tests.lab.samples import bytes_of, changed
from tests.lab.waiting import until

SLOW = {
    "mve": ...,
    "protocol__arms__1__command": "sleep 0.5; echo share=0.5",
    "protocol__cells": [{"name": "small", "size": 10}],
    "variables__independent__0__levels": [10],
}


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "experiments" / "exp-001-halves.md"
    path.parent.mkdir()
    path.write_bytes(bytes_of(changed(**SLOW)))
    doors.register(path)
    return path


def _command(*words):
    source = Path(__file__).parents[2] / "src"
    paths = os.pathsep.join(filter(None, (str(source), os.environ.get("PYTHONPATH"))))
    env = {**os.environ, "PYTHONPATH": paths, "COLUMNS": "100", "LINES": "24", "TERM": "xterm"}
    return [sys.executable, "-m", "gnomon", "exp", *map(str, words)], env


def _on_a_terminal(words):
    """Exit code, standard output and what a terminal was sent on standard error."""
    command, env = _command(*words)
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(command, env=env, stderr=theirs, stdout=subprocess.PIPE)
    os.close(theirs)
    shown = b""
    while True:
        try:
            if not (chunk := os.read(terminal, 65536)):
                break
        except OSError:  # Linux: nobody holds the other end any more
            break
        shown += chunk
    os.close(terminal)
    out, _ = process.communicate()
    return process.returncode, out.decode(), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


@pytest.mark.slow
def test_a_terminal_shows_units_phase_budget_and_the_time_left_with_its_basis(spec):
    code, out, shown = _on_a_terminal(["run", spec])
    assert code == 0
    assert ": completed, 7 units in " in out
    assert "━" in shown
    assert re.search(r"full +━.*[456] of 7 units", shown)
    assert re.search(
        r"runs [567] of 40, wall clock \S+ m?s of 600 s, about \S+ m?s left by the median of [345] units", shown
    )
    drawn = [line for line in re.split(r"[\r\n]+", shown) if not line.startswith("gnomon: ")]
    assert max(map(len, drawn)) <= 100


@pytest.mark.slow
def test_without_a_terminal_a_line_says_the_same_every_30_s(spec, monkeypatch, capsys):
    assert progress.LINE_EVERY_S == 30.0
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.1)
    assert main(["exp", "run", str(spec)]) == 0
    said = capsys.readouterr().err
    assert re.search(
        r"^gnomon: full: [3456] of 7 units; runs \d of 40, wall clock \S+ m?s of 600 s, about \S+ m?s left by the median of \d units$",
        said,
        re.MULTILINE,
    )
    assert "\x1b" not in said
    assert "\r" not in said


def test_the_basis_is_the_spec_s_estimate_until_units_have_ended(spec):
    state = State(planned=7, done=1)
    assert outlook(sound(spec)[1], State()).left_s is None
    ahead = outlook(sound(spec)[1], state)
    assert (ahead.left_s, ahead.basis) == (6.0, "the spec's estimate of a unit")
    state.durations_s, state.done = [2.0], 2
    ahead = outlook(sound(spec)[1], state)
    assert (ahead.left_s, ahead.basis) == (10.0, "the median of 1 unit")


@pytest.mark.slow
def test_watch_in_json_is_one_object_a_line_until_the_run_ends(tmp_path):
    open_gate = tmp_path / "open"
    wait = f"for i in $(seq 400); do [ -e {open_gate} ] && break; sleep 0.02; done; echo share=0.5"
    spec = registered_spec(tmp_path, **SLOW | {"protocol__arms__1__command": wait})
    command, env = _command("watch", spec, "--json")
    runner = threading.Thread(target=main, args=(["exp", "run", str(spec)],))
    runner.start()
    until((doors.folder_of(spec) / "journal.jsonl").exists)
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        first = watch.stdout.readline()
        open_gate.touch()  # the run ends after the first line
        lines = [first, *watch.stdout]
    runner.join()
    documents = [json.loads(line) for line in lines]
    assert watch.returncode == 0
    assert len(documents) >= 2
    assert {one["schema"] for one in documents} == {"gnomon/exp-status/1"}
    assert [one["is_running"] for one in documents] == [True] * (len(documents) - 1) + [False]
    assert (documents[-1]["end"], documents[-1]["is_sealed"], documents[-1]["done"]) == ("completed", True, 7)
    assert documents[-1]["left_s"] is documents[-1]["left_by"] is None
    assert {axis["axis"] for axis in documents[0]["budget"]} == {"runs", "gpu_hours", "wall_clock", "usd"}


def test_a_spec_that_cannot_run_is_told_as_without_a_bar(spec):
    spec.write_bytes(b"\xff")
    code, _, shown = _on_a_terminal(["run", spec])
    assert (code, "was edited after it was registered" in shown) == (15, True)
