"""The error tables in results/ are what their commands print now."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLES = sorted((ROOT / "results").rglob("*.txt"))
SHARED = "../shared"  # where the tables say that the measurements lie


def _printed(command: str) -> str:
    program, *words = command.removeprefix("$ ").split()
    assert program == "gnomon"
    done = subprocess.run(
        [sys.executable, "-m", "gnomon", *words], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.mark.parametrize(
    "table", [pytest.param(t, id=t.name, marks=[pytest.mark.slow] * (t.name != "published.txt")) for t in TABLES]
)
def test_a_table_is_what_its_command_prints(table: Path, request: pytest.FixtureRequest) -> None:
    text = table.read_text(encoding="utf-8")
    if SHARED in text:
        request.getfixturevalue("shared")  # skips where it is missing
        text = text.replace(SHARED, os.environ.get("GNOMON_SHARED", SHARED))
    command, _, kept = text.partition("\n")
    assert _printed(command) == kept
