"""The references made from the code leave nothing out."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

from gnomon import lab
from gnomon.cli import claims, exp
from gnomon.cli.complete import parser_of
from gnomon.cli.main import VERBS

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "_ext"))
pytest.importorskip("sphinx", reason="sphinx comes with the docs extra")

from command_line import page, steps_of
from python_reference import HERE, entries


@pytest.mark.parametrize("verb", VERBS)
def test_the_reference_names_every_flag_of_every_verb(verb: str) -> None:
    section = page().split(f"## gnomon {verb}\n")[1].split("\n## ")[0]
    parser = parser_of(verb)
    assert parser is not None
    assert all(f"`{flag}" in section for flag in parser.flags if flag not in ("-h", "--help"))
    assert f"$ {parser.example}\n" in section


@pytest.mark.parametrize(("verb", "steps"), [("exp", exp.STEPS), ("claims", claims.STEPS)])
def test_the_reference_names_every_flag_of_every_step(verb: str, steps: dict[str, object]) -> None:
    parsers = steps_of(verb)
    assert set(parsers) == set(steps)
    for step, parser in parsers.items():
        section = page().split(f"\n### gnomon {verb} {step}\n")[1].split("\n### ")[0].split("\n## ")[0]
        assert all(f"`{flag}" in section for flag in parser.flags if flag not in ("-h", "--help")), step
        assert f"$ {parser.example}\n" in section, step


@pytest.mark.parametrize("module", ["gnomon", "gnomon.lab", "gnomon.lab.claims"])
def test_the_reference_names_everything_public(module: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    assert module in HERE.findall(page)
    assert all(f":: {module}.{name}\n" in entries(module) for name in import_module(module).__all__)


def test_no_door_of_the_lab_is_hidden_by_a_file_of_its_name() -> None:
    files = {path.stem for path in Path(lab.__file__).parent.glob("*.py")}
    assert files & set(lab.__all__) == set()


def test_the_map_of_the_lab_names_every_file() -> None:
    folder = Path(lab.__file__).parent
    whole = {"claims", "exports", "sandbox"}  # folders that the map names as one
    files = [path for path in folder.rglob("*.py") if not whole & set(path.relative_to(folder).parts)]
    folders = [f"{path.parent.name}/" for path in folder.glob("**/__init__.py") if path.parent != folder]
    names = [*(path.stem for path in files if path.stem != "__init__"), *folders]
    assert len(names) > 50
    assert [name for name in names if not re.search(rf"[`.]{name}`", lab.__doc__ or "")] == []
