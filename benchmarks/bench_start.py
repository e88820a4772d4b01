"""How soon the command line answers, against an interpreter that imports argparse."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.conftest import median_ratio


def _program() -> str:
    beside = Path(sys.executable).with_name("gnomon")
    found = str(beside) if beside.exists() else shutil.which("gnomon")
    assert found, "gnomon is not installed beside this interpreter"
    return found


def test_help_takes_5_times_an_import_of_argparse_at_most(report) -> None:
    program = _program()
    ratio = median_ratio(
        lambda: subprocess.run([program, "--help"], check=True, capture_output=True),
        lambda: subprocess.run([sys.executable, "-c", "import argparse"], check=True),
        rounds=15,
    )
    report(f"gnomon --help: {ratio:.2f} times `python -c 'import argparse'` (bar: 5)")
    assert ratio <= 5
