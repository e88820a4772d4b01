"""The error tables in results/ are what their commands print now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLES = sorted((ROOT / "results").rglob("*.txt"))


def _printed(command: str) -> str:
    program, *words = command.removeprefix("$ ").split()
    assert program == "gnomon"
    done = subprocess.run(
        [sys.executable, "-m", "gnomon", *words], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.mark.parametrize("table", [t for t in TABLES if t.name != "kernels.txt"], ids=lambda t: t.name)
def test_a_table_is_what_its_command_prints(table: Path) -> None:
    command, _, kept = table.read_text(encoding="utf-8").partition("\n")
    if "../shared" in command and not (ROOT / "../shared").exists():
        pytest.skip("shared data folder is missing")
    assert _printed(command) == kept


@pytest.mark.slow
def test_the_table_of_operators_is_what_its_command_prints() -> None:
    if not (ROOT / "../shared").exists():
        pytest.skip("shared data folder is missing")
    command, _, kept = (ROOT / "results/roofline/kernels.txt").read_text(encoding="utf-8").partition("\n")
    assert _printed(command) == kept
