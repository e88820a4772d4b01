"""gnomon sweep: the table it prints, what it says when it cannot, and that no kill loses or doubles a row."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.long import LONG

SWEEP = """\
schema: gnomon/sweep/1
title: three batches
base: {model: gpt2, on: t4}
vary:
  batch: [1, 2, 4]
objectives: {tpot_s: min, tpot_items_per_s: max}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "three.yaml"
    path.write_text(SWEEP)
    return path


def test_it_prints_the_pareto_set_and_where_the_rows_are(gnomon: Any, file: Path) -> None:
    found = gnomon("sweep", "three.yaml")
    assert found.code == 0
    assert "three: 3 rows, 3 answered" in found.out
    assert "Pareto set of tpot_s (min), tpot_items_per_s (max): 3 of the rows that fit into memory" in found.out
    assert found.out.endswith("rows: three.sweep/rows.csv, three.sweep/rows.parquet\n")
    assert len(pl.read_csv("three.sweep/rows.csv")) == 3


def test_json_is_the_document_of_the_folder(gnomon: Any, file: Path) -> None:
    found = gnomon("sweep", "three.yaml", "--json", "--out", "o")
    assert found.json == {**json.loads(Path("o/sweep.json").read_text()), "folder": "o"}
    assert found.json["schema"] == "gnomon/sweep-result/1"
    assert found.json["complete"] is True


@pytest.mark.slow
def test_a_second_run_wants_resume(gnomon: Any, file: Path) -> None:
    first = gnomon("sweep", "three.yaml")
    again = gnomon("sweep", "three.yaml")
    assert (again.code, again.out) == (3, "")
    assert again.err == "gnomon: three.sweep: holds a finished sweep: --resume shows it, --out names another folder\n"
    assert gnomon("sweep", "three.yaml", "--resume").out == first.out


@pytest.mark.slow
def test_other_objectives_are_asked_of_a_finished_sweep_even_such_as_no_row_has(gnomon: Any, file: Path) -> None:
    file.write_text("schema: gnomon/sweep/1\nbase: {on: t4, classes: 10}\nvary: {model: [gpt2, resnet-50]}\n")
    assert gnomon("sweep", "three.yaml").code == 0
    file.write_text(file.read_text() + "objectives: {time_s: min}\n")
    assert "Pareto set of time_s (min): 1 of the rows" in gnomon("sweep", "three.yaml", "--resume").out
    file.write_text(file.read_text().replace("time_s", "tpot_s"))
    found = gnomon("sweep", "three.yaml", "--resume")
    assert (found.code, found.err) == (0, "")
    assert "Pareto set of tpot_s (min): empty: no row that fits into memory has them" in found.out


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            SWEEP.replace("  batch", "  bacth"),
            "three.yaml:5: vary.bacth: no such field of a scenario; did you mean 'batch'?",
        ),
        (SWEEP.replace("t4", "t44"), "three.yaml:3: base.on: unknown device 't44'; did you mean 't4'?"),
        (SWEEP.replace("[1, 2, 4]", "[1, 2, 4"), "three.yaml:6:11: "),
        ("", "three.yaml: the file is empty"),
    ],
)
def test_a_fault_is_one_line_and_nothing_is_begun(gnomon: Any, file: Path, written: str, said: str) -> None:
    file.write_text(written)
    found = gnomon("sweep", "three.yaml")
    assert (found.code, found.out) == (3, "")
    assert found.err.startswith(f"gnomon: {said}")
    assert found.err.count("\n") == 1
    assert not Path("three.sweep").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nowhere.yaml",), 3, "nowhere.yaml: no such file"),
        (("three.yaml", "--workers", "0"), 3, "--workers: '0' is not a whole number from 1"),
        (("three.yaml", "--wokers", "2"), 2, "unknown flag '--wokers'; did you mean '--workers'?"),
        (("three.yaml", "--out", "three.yaml"), 3, "three.yaml: cannot be written"),
    ],
)
def test_a_wrong_argument_is_one_line(
    gnomon: Any, file: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    found = gnomon("sweep", *arguments)
    assert (found.code, found.out) == (code, "")
    assert said in found.err
    assert found.err.count("\n") == 1


@pytest.mark.slow
def test_where_no_point_is_answered_it_says_why(gnomon: Any, file: Path) -> None:
    file.write_text(SWEEP.replace("t4", "'t4:2'"))
    found = gnomon("sweep", "three.yaml")
    assert found.code == 4
    assert "no point of three.yaml can be answered (three.sweep/rows.csv has the rows):" in found.err
    assert "3 rows: roofline answers for one device" in found.err


def test_check_says_how_many_points_a_sweep_has(gnomon: Any, file: Path) -> None:
    assert gnomon("check", "three.yaml").out == "sweep three.yaml: sound; 3 points over batch (3)\n"
    assert gnomon("check", "three.yaml", "--json").json["points"] == 3


def test_another_verb_names_the_kind_of_the_file(gnomon: Any, file: Path) -> None:
    found = gnomon("predict", "three.yaml")
    assert found.code == 3
    assert "three.yaml:1: schema: gnomon/sweep/1: this is a sweep, expected a scenario; `gnomon sweep" in found.err


LARGE = """\
schema: gnomon/sweep/1
base: {model: llama-2-7b}
vary:
  batch: {from: 1, to: 25, step: 1}
  seq: {from: 64, to: 2560, step: 64}
  on: [h100-sxm, t4]
objectives: {ttft_s: min, total_bytes: min}
"""
LARGE_ROWS = 25 * 40 * 2


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "gnomon", "sweep", "large.yaml", "--workers", "2", *arguments]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "stops"),
    [(signal.SIGKILL, 20 if LONG else 1), (signal.SIGINT, 5 if LONG else 1)],
    ids=["killed", "interrupted"],
)
def test_stopped_at_random_and_resumed_no_row_is_lost_or_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals, stops: int
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("large.yaml").write_text(LARGE)
    subprocess.run(_command("--out", "whole"), check=True, capture_output=True)
    draw, stopped = random.Random(20), 0
    while stopped < stops:
        with subprocess.Popen(
            _command("--out", "o", "--resume"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as running:
            _wait_for_a_further_chunk(running, Path("o/chunks"))
            time.sleep(draw.uniform(0.0, 0.1))
            if running.poll() is None:  # a terminal's Ctrl-C goes to the whole group, a kill to one process
                os.killpg(running.pid, how) if how == signal.SIGINT else running.send_signal(how)
            _, said = running.communicate(timeout=60)
        if running.returncode == 0:  # it was done before: once more from the beginning
            _same(Path("o"), Path("whole"))
            Path("o").rename(f"done-{len(list(Path().glob('done-*')))}")
            continue
        stopped += 1
        assert running.returncode == (-9 if how == signal.SIGKILL else 130), said
        assert "Traceback" not in said
    subprocess.run(_command("--out", "o", "--resume"), check=True, capture_output=True)
    _same(Path("o"), Path("whole"))


def _wait_for_a_further_chunk(running: subprocess.Popen[str], chunks: Path) -> None:
    """Until one more is there than when it began, or it has ended."""
    before = len(list(chunks.iterdir())) if chunks.exists() else 0
    while running.poll() is None and (not chunks.exists() or len(list(chunks.iterdir())) <= before):
        time.sleep(0.005)


def _same(folder: Path, whole: Path) -> None:
    for name in ("rows.parquet", "rows.csv", "sweep.json"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()
    assert sorted(entry.name for entry in folder.iterdir()) == ["rows.csv", "rows.parquet", "sweep.json"]
    assert pl.read_parquet(folder / "rows.parquet")["index"].to_list() == list(range(LARGE_ROWS))


@pytest.mark.slow
def test_terminated_it_keeps_a_table_of_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("large.yaml").write_text(LARGE)
    with subprocess.Popen(_command("--out", "o"), stderr=subprocess.PIPE, text=True) as running:
        for _ in range(5):  # the sweep has taken up the first of them by then
            _wait_for_a_further_chunk(running, Path("o/chunks"))
        running.terminate()
        _, said = running.communicate(timeout=60)
    assert running.returncode == 143, said
    assert said.startswith("gnomon: terminated: ") and said.endswith("the same command with --resume goes on\n")
    document = json.loads(Path("o/sweep.json").read_text())
    assert document["complete"] is False
    assert 0 < document["rows"] == len(pl.read_parquet("o/rows.parquet")) < LARGE_ROWS
