"""gnomon train compare, as a user calls it, with a program in ASTRA-sim's place that prints what it printed."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from gnomon.cli.main import main
from gnomon.testing.adapter_contract import program

GOLDEN = Path(__file__).parents[1] / "golden" / "astrasim" / "switch_all_gather"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "json.md"
ENDED = "".join(
    f"[workload] [info] sys[{rank}] finished, 94390 cycles, exposed communication 94390 cycles.\n" for rank in range(4)
)


@pytest.fixture
def step(tmp_path, monkeypatch):
    """A case, with both programs in place; the words of its files."""
    shutil.copytree(GOLDEN, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    Path("ended.txt").write_text(ENDED)
    (tmp_path / "cat").symlink_to(shutil.which("cat", path=os.defpath))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("GNOMON_TOOLS", str(tmp_path / "tools"))
    for name in ("Unaware", "Aware"):
        program(tmp_path / f"AstraSim_Analytical_Congestion_{name}", f"cat {tmp_path}/ended.txt")
    files = {"workload": "workload.json", "system": "system.json", "network": "network.yml", "memory": "memory.json"}
    return [word for name, file in files.items() for word in (f"--{name}", file)]


def _compared(capsys, *words):
    assert main(["train", "compare", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_both_stand_side_by_side_with_their_ratio(step, capsys):
    found = _compared(capsys, *step)
    unaware, aware = found["rows"]
    assert (unaware["cycles"], unaware["tool_cycles"]) == ([94390] * 4, [94390] * 4)
    assert (unaware["ratio"], unaware["ranks_alike"]) == (1, 4)
    assert aware["ratio"] == pytest.approx(188140 / 94390)
    assert aware["ranks_alike"] == 0


def test_one_backend_alone_can_be_asked_for_and_a_step_changed(step, capsys):
    (row,) = _compared(capsys, *step, "--backend", "unaware", "--injection-scale", "2", "--num-queues-per-dim", "2")[
        "rows"
    ]
    assert row["cycles"] == [94390 + 4 * 10] * 4


def test_the_reference_describes_every_field(step, capsys):
    (section,) = re.findall(r"^## gnomon/training-comparison/1\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S)
    found = _compared(capsys, *step)
    assert ({*found, *found["tool"], *found["rows"][0]} - {"schema"}) <= set(re.findall(r"`(\w+)`", section))


def test_what_the_tool_cannot_do_is_told_beside_ours(step, capsys):
    Path("ended.txt").write_text("[HardwareResource] [critical] !!!Hardware Resource sys.id=2 has unreleased nodes!!!")
    rows = _compared(capsys, *step, "--rendezvous-protocol")["rows"]
    assert all(row["tool_cycles"] is row["ratio"] is None and "rank 2 wait" in row["declined"] for row in rows)
    assert main(["train", "compare", *step]) == 0
    out, err = capsys.readouterr()
    assert "94,390" in out
    assert "4 of 4 ranks never ended" in err


def test_a_run_that_takes_too_long_is_ended(step, capsys, tmp_path):
    (tmp_path / "sleep").symlink_to(shutil.which("sleep", path=os.defpath))
    program(tmp_path / "AstraSim_Analytical_Congestion_Unaware", "exec sleep 60")
    (row,) = _compared(capsys, *step, "--backend", "unaware", "--time-limit", "0.5")["rows"]
    assert "no answer within 0.5 s" in row["declined"]


def test_a_tool_that_is_not_there_is_an_error_of_its_own(step, capsys, tmp_path):
    (tmp_path / "AstraSim_Analytical_Congestion_Aware").unlink()
    assert main(["train", "compare", *step]) == 5
    assert "astra-sim is not installed (AstraSim_Analytical_Congestion_Aware)" in capsys.readouterr().err
