"""Files that the pages include, and outputs that they show."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gnomon.api.scenarios import read_scenario
from gnomon.api.sweeps import job_of, read_sweep
from gnomon.formats.device_file import read_device
from gnomon.formats.strict import load_yaml
from gnomon.lab.specs.spec import Metrics
from gnomon.lab.units.observe import observed

from .shown import COLUMNS, again

ROOT = Path(__file__).parents[2]


def test_the_device_and_the_scenario_of_the_pages_are_sound() -> None:
    assert read_device(ROOT / "docs/how-to/my-gpu.yaml").name
    assert read_scenario(str(ROOT / "docs/how-to/my-scenario.yaml")).question.scenarios()


def test_the_sweeps_of_the_pages_are_sound() -> None:
    found = read_sweep(ROOT / "docs/how-to/my-sweep.yaml")
    assert job_of(found).size == 5 * 7 * 3
    plans = read_sweep(ROOT / "docs/how-to/my-plans.yaml")
    assert job_of(plans).size == 2 * 2 * 3 * 2


PAGES = (
    "README.md",
    "docs/index.md",
    "docs/tutorial/first-number.md",
    "docs/how-to/bring-a-config.md",
    "docs/how-to/bring-an-onnx-file.md",
    "docs/how-to/compare-with-measurements.md",
    "docs/how-to/keep-a-ledger-of-claims.md",
    "docs/how-to/evaluate-a-mapping.md",
    "docs/how-to/export-an-experiment.md",
    "docs/how-to/map-a-network.md",
    "docs/how-to/predict-a-service.md",
    "docs/how-to/predict-training.md",
    "docs/how-to/search-for-a-mapping.md",
    "docs/how-to/simulate-a-cluster.md",
    "docs/how-to/sweep.md",
    "docs/how-to/run-an-experiment.md",
    "docs/how-to/run-another-tool.md",
    "docs/how-to/write-a-scenario.md",
)
COMPILED = (
    "docs/how-to/evaluate-a-mapping.md",
    "docs/how-to/map-a-network.md",
    "docs/how-to/predict-a-service.md",
    "docs/how-to/search-for-a-mapping.md",
)
# Their programs and numbers are the same with packages of any version; the other pages are shown with each.
LONG = (
    "docs/how-to/export-an-experiment.md",
    "docs/how-to/keep-a-ledger-of-claims.md",
    "docs/how-to/predict-training.md",
    "docs/how-to/run-an-experiment.md",
    "docs/how-to/sweep.md",
)
MARKS = {
    **{page: [pytest.mark.slow] for page in LONG},
    "docs/how-to/bring-an-onnx-file.md": [pytest.mark.torch, pytest.mark.xdist_group("torch")],
    # What is compiled takes a minute: once, and by one worker.
    **{page: [pytest.mark.slow, pytest.mark.xdist_group("compiled")] for page in COMPILED},
}


def _criteria(file: Path) -> list[dict[str, Any]]:
    criteria: list[dict[str, Any]] = json.loads(file.read_bytes())["criteria"]
    return criteria


def test_the_program_of_the_page_leaves_the_numbers_that_the_metrics_beside_it_read(tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/run-an-experiment.md").read_text(encoding="utf-8")
    below = page.split("## Read numbers from JSON")[1]
    written, program = (found[1] for found in re.finditer(r"```(?:yaml|python)\n(.*?)```", below, re.DOTALL))
    stdout, lines = tmp_path / "stdout.log", tmp_path / "observations.jsonl"
    with stdout.open("wb") as printed, lines.open("wb") as told:
        given = os.environ | {"GNOMON_ROOM": str(tmp_path), "GNOMON_FD": str(told.fileno())}
        words = [sys.executable, "-c", program]
        subprocess.run(words, env=given, stdout=printed, pass_fds=[told.fileno()], check=True)
    metrics = Metrics.model_validate(load_yaml(written, "the page")[0]["metrics"])
    found = observed(metrics.every, tmp_path, stdout, lines)
    assert (found.values, found.facts) == ({"loss": 1 / 3, "accuracy": 0.9, "batches": 3.0}, [])


def test_what_a_page_tells_to_save_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "It is long. Save this as\n`a.txt`:\n\n```text\none\n```\n\nThen save this as `b.txt`:\n\n```text\ntwo\n```\n"
    )
    monkeypatch.chdir(tmp_path)
    again(page)
    assert [Path(name).read_text() for name in ("a.txt", "b.txt")] == ["one\n", "two\n"]


@pytest.mark.parametrize("page", [pytest.param(page, marks=MARKS.get(page, [])) for page in PAGES])
def test_a_page_shows_what_its_commands_print(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if pytest.mark.torch in MARKS.get(page, []):
        for package in ("torch", "onnxscript"):
            pytest.importorskip(package, reason=f"{package} is not installed (make test EXTRAS=torch)")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text(encoding="utf-8")
    assert again(ROOT / page) == text, f"if the page is to change: python -m tests.docs.shown {page}"
    assert [
        str(log) for log in tmp_path.glob("results/**/stderr.log") if log.stat().st_size
    ] == []  # it measured what it says
    assert {one["verdict"] for file in tmp_path.glob("results/**/verdict.json") for one in _criteria(file)} <= {"pass"}


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_fits_a_terminal_of_100_columns(page: str) -> None:
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if not line.startswith("$ ")]
    assert [line for line in lines if len(line) > COLUMNS] == []
