"""Files that the pages include, and outputs that they show."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnomon.api.scenarios import read_scenario
from gnomon.api.sweeps import job_of, read_sweep
from gnomon.formats.device_file import read_device

from .shown import again

ROOT = Path(__file__).parents[2]


def test_the_device_and_the_scenario_of_the_pages_are_sound() -> None:
    assert read_device(ROOT / "docs/how-to/my-gpu.yaml").name
    assert read_scenario(str(ROOT / "docs/how-to/my-scenario.yaml")).question.scenarios()


def test_the_sweep_of_the_pages_is_sound() -> None:
    found = read_sweep(ROOT / "docs/how-to/my-sweep.yaml")
    assert job_of(found).size == 5 * 7 * 3


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial/first-number.md"])
def test_a_page_shows_what_its_commands_print(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert again(text) == text, f"if the page is to change: python -m tests.docs.shown {page}"
