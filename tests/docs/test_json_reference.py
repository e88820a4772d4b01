"""docs/reference/json.md describes every field that the steps of experiments and claims print with --json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from gnomon.cli import claims, exp
from gnomon.cli.main import main
from gnomon.lab.specs.registration import Lock
from tests.lab.claims.samples import TEST, write
from tests.lab.exports.runs import sealed

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "json.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL))
SPEC = "experiments/exp-001-halves.md"
NEW = "experiments/exp-002-squares.md"
STEPS = [
    ("exp", "new", "squares"),
    ("exp", "lint", NEW),
    ("exp", "plan", NEW),
    ("exp", "register", NEW),
    ("exp", "preflight", NEW),
    ("exp", "run", NEW),
    ("exp", "status", SPEC),
    ("exp", "watch", SPEC),
    ("exp", "replay", SPEC, "full/half/small/1"),
    ("exp", "verify", SPEC),
    ("exp", "read", SPEC),
    ("exp", "replicate", SPEC),
    ("exp", "export", SPEC, "--to", "csv", "-o", "o.csv"),
    ("exp", "export", SPEC, "--to", "junit", "-o", "o.xml"),
    ("exp", "export", SPEC, "--to", "ro-crate", "-o", "crate"),
    ("exp", "export", SPEC, "--to", "github-workflow", "-o", "o.yml", "--gnomon", "gnomon"),
    ("exp", "doctor"),
    ("claims", "add", "vidur-latency-error", "--shipped"),
    ("claims", "list"),
    ("claims", "check", "--update"),
    ("claims", "report"),
]
# Steps that need a run under way, and those that print what another does.
APART = {"amend", "resume", "stop", "justify", "note", "import-md"}
CLAIM = "A claim"


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """What the steps print, one after another, in a repository with a sealed run and a claim about it."""
    root = tmp_path_factory.mktemp("lab")
    sealed(root)
    (root / "claims").mkdir()
    write(root, {"test": TEST, "note": "see there"})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        yield [_printed(words) for words in STEPS]


def _printed(words: tuple[str, ...]) -> dict[str, Any]:
    with redirect_stdout(StringIO()) as out:
        assert main([*words, "--json"]) == 0, words
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def _fields(section: str) -> set[str]:
    rows = re.findall(r"^\| (`.*?) \|", SECTIONS[section], re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_every_step_is_tried_or_known_to_print_what_another_does() -> None:
    tried = {words[1] for words in STEPS}
    assert tried | APART == {*exp.STEPS, *claims.STEPS}
    assert not tried & APART


@pytest.mark.slow
def test_every_field_that_is_printed_is_described(printed: list[dict[str, Any]]) -> None:
    for words, document in zip(STEPS, printed, strict=True):
        schema = document.pop("schema")
        described = _fields(CLAIM) if schema == "gnomon/claims-add/1" else _fields(schema)
        assert set(document) <= described, (words, schema)
        if words[1] not in ("add", "export"):
            assert described <= set(document), (words, schema)
        for row in document.get("rows", ()) if words[0] == "claims" else ():
            assert set(row) <= _fields(CLAIM) | {"why", "changes"}, words


def test_a_registration_is_described_as_its_lock_has_it() -> None:
    assert _fields("gnomon/exp-register/1") == {"spec", *Lock.model_fields} - {"schema_", "text"}


@pytest.mark.parametrize("step", sorted(APART - {"amend", "resume"}))
def test_a_step_of_a_run_under_way_has_its_section(step: str) -> None:
    assert _fields(f"gnomon/exp-{step}/1")
