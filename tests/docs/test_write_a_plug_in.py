"""The page on plug-ins, followed literally."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-plug-in.md"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gnomon_bytes.py").write_text(_blocks("python")[0])
    (tmp_path / "test_gnomon_bytes.py").write_text(_blocks("python")[1])
    (tmp_path / "pyproject.toml").write_text(_blocks("toml")[0])
    return tmp_path


def test_the_engine_of_the_page_installs_and_answers_beside_the_roofline(folder: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling is not installed: the plug-in cannot be built")
    target = folder / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*install, "--target", str(target), str(folder)], check=True, capture_output=True)
    words = [
        sys.executable,
        "-m",
        "gnomon",
        "predict",
        "resnet-50",
        "--on",
        "t4",
        "--engine",
        "roofline,bytes",
        "--csv",
    ]
    done = subprocess.run(
        words,
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(target)},
        cwd=folder.parent,
    )
    assert [line.split(",")[4] for line in done.stdout.splitlines()[1:]] == ["roofline", "bytes"]


def test_the_tests_of_the_page_pass(folder: Path) -> None:
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder / "test_gnomon_bytes.py")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
