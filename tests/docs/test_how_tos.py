"""The pages that tell how to add something: their commands, run on a copy of the tree with their examples applied."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("hatchling", reason="hatchling is not installed: plug-ins cannot be built (pip install hatchling)")

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "how-to"
FOLDERS = ("src", "tests", "docs/how-to")
LITTER = shutil.ignore_patterns("__pycache__", "*.egg-info")

# Page, from which heading on its commands are run, and what they print between them.
PROMISES = {
    "add-a-gpu": ("## To add it to the catalogue", [r"^device a2: sound", r"^resnet-50 +a2 ", r"\d+ passed"]),
    "add-a-model": ("# Add a model", [r"^vgg-13 +t4 +1 ", r"^vgg-13 +t4 +64 ", r"\d+ passed"]),
    "add-an-operator-rule": ("## For everyone to have the rule", [r"^1 passed"]),
    "add-an-engine": ("# Add an engine", [r"^resnet-50 +t4 +roofline ", r"^resnet-50 +t4 +bytes ", r"\d+ passed"]),
    "add-an-adapter": ("# Add an adapter", [r"^awk +gnomon-awk 0.1.0 +ok", r"^resnet-50 +t4 +awk ", r"\d+ passed"]),
    "add-a-format": ("# Add a format", [r"^digits +t4 +1 ", r"^digits +t4 +1024 ", r"\d+ passed"]),
}
IS_IN_THE_TREE = ("add-a-gpu", "add-a-model", "add-an-operator-rule")  # a plug-in's page applies its example itself


@dataclass(frozen=True)
class Clone:
    """A copy of what the pages use, with the commands `gnomon` and `python` of an environment of its own."""

    folder: Path
    environment: dict[str, str]

    def run(self, script: str) -> str:
        """What the commands print; the first that fails ends them, and the test."""
        done = subprocess.run(
            ["sh", "-e", "-c", script],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    top = tmp_path_factory.mktemp("how-to")
    folder, installed, programs = top / "gnomon", top / "installed", top / "bin"
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=LITTER)
    shutil.copy(ROOT / "pyproject.toml", folder)
    programs.mkdir()
    for name, words in (("python", ""), ("gnomon", " -m gnomon")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable}{words} "$@"\n')
        (programs / name).chmod(0o755)
    changes = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": f"{folder / 'src'}:{installed}",
        "GIT_CEILING_DIRECTORIES": str(top.parent),
        "COLUMNS": "200",
        "NO_COLOR": "1",
        # pip installs into the copy alone, from what is here: no network.
        "PIP_TARGET": str(installed),
        "PIP_NO_INDEX": "1",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip's spelling of: build without an environment of its own
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    return Clone(folder, os.environ | changes)


def test_every_page_that_tells_how_to_add_something_has_its_example_and_its_promise() -> None:
    pages = {page.stem for page in PAGES.glob("add-a*.md")}
    assert pages == set(PROMISES) == {example.stem for example in (PAGES / "examples").glob("*.diff")}


@pytest.mark.parametrize("page", PROMISES)
def test_a_page_shows_its_example_whole(page: str) -> None:
    assert f"{{literalinclude}} examples/{page}.diff\n" in (PAGES / f"{page}.md").read_text(encoding="utf-8")


@pytest.mark.slow  # which versions are installed is no matter to what the pages say
@pytest.mark.parametrize("page", PROMISES)
def test_the_commands_of_a_page_do_what_it_says(clone: Clone, page: str) -> None:
    if page == "add-an-operator-rule":
        pytest.importorskip("onnx", reason="onnx is not installed (the extra dev has it)")
    if page == "add-an-adapter" and shutil.which("awk") is None:
        pytest.skip("the program awk is missing: the adapter has nothing to drive")
    heading, promises = PROMISES[page]
    if page in IS_IN_THE_TREE:
        example = f"docs/how-to/examples/{page}.diff"  # already in a tree where someone followed the page to the letter
        clone.run(f"git apply --reverse --check {example} 2>/dev/null || git apply {example}")
    _, found, text = (PAGES / f"{page}.md").read_text(encoding="utf-8").partition(f"{heading}\n")
    assert found, heading
    commands = re.findall(r"^ *\$ (.*)$", text, re.MULTILINE)
    assert commands
    printed = clone.run("\n".join(commands))
    for promise in promises:
        assert re.search(promise, printed, re.MULTILINE), f"{promise} is not in:\n{printed}"
