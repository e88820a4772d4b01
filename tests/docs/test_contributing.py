"""What CONTRIBUTING.md says is there, is there; the hooks before a commit are the checks of `make test`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))


def test_every_page_it_links_to_is_there() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", TEXT)
    assert len(links) >= 6
    assert [link for link in links if not (ROOT / link).is_file()] == []


def test_its_table_names_every_folder_of_the_package_and_no_other() -> None:
    named = re.findall(r"`(?:src/gnomon/)?(\w+)/`", TEXT.split("| --- |")[1].split("| `tests/`")[0])
    folders = {path.parent.name for path in (ROOT / "src" / "gnomon").glob("*/__init__.py")}
    assert set(named) == folders


def test_the_hooks_are_the_checks_that_make_test_runs_before_the_tests() -> None:
    (repository,) = HOOKS["repos"]
    assert repository["repo"] == "local"
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").split("\ntest: ")[1].split("-m pytest")[0]
    checks = re.findall(r"@(\.venv/bin/(?!python)[^&\n]*[^& \n])", recipe)  # of mypy & documents: mypy
    assert [hook["entry"] for hook in repository["hooks"]] == checks


def test_every_hook_is_a_program_of_the_environment_and_sees_the_whole_tree() -> None:
    for hook in HOOKS["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["pass_filenames"] is False
        program = Path(hook["entry"].split()[0]).name
        assert (Path(sys.executable).parent / program).is_file(), program
