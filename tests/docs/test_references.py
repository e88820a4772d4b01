"""The references made from the code leave nothing out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import gnomon
from gnomon.cli import claims, exp
from gnomon.cli.complete import parser_of
from gnomon.cli.main import VERBS

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "_ext"))
pytest.importorskip("sphinx", reason="sphinx comes with the docs extra")

from command_line import page, steps_of
from python_reference import entries


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


def test_the_reference_names_everything_public() -> None:
    assert all(f":: gnomon.{name}\n" in entries() for name in gnomon.__all__)
