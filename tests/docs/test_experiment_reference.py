"""docs/reference/experiment.md tells every key of a spec, every file of a run and every record of its journal."""

from __future__ import annotations

import json
import re
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from gnomon.lab.specs.spec import Spec
from gnomon.lab.store import records
from gnomon.lab.store.seal import is_sealed_file
from tests.lab.exports.runs import ONE_SEED_FAILS, sealed

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "experiment.md").read_text(encoding="utf-8")
FIELDS_OF_ALL = {"seq", "prev", "time", "mono", "kind", "hash"}


def _rows(heading: str) -> dict[str, tuple[str, ...]]:
    """First cell, without its backticks -> the others, of the first table below a heading."""
    table = PAGE.split(f"{heading}\n", 1)[1].split("\n| --- ", 1)[1].split("\n\n", 1)[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[1:]]
    return {row[0].strip("`"): tuple(row[1:]) for row in rows}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run with a unit that fails left."""
    root = tmp_path_factory.mktemp("lab")
    return root / "results" / sealed(root, protocol__arms__1__command=ONE_SEED_FAILS).stem


def test_every_part_of_a_spec_has_its_table_and_every_key_its_row() -> None:
    pytest.importorskip("sphinx", reason="sphinx comes with the docs extra")
    sys.path.insert(0, str(ROOT / "docs" / "_ext"))
    from experiment_reference import HERE, tables

    assert HERE in PAGE
    schema = Spec.model_json_schema(by_alias=True)
    rows = [re.findall(r"^\| `(\w+)` \| (.+) \|$", part, re.MULTILINE) for part in tables().split("### ")]
    tables_by_keys = {tuple(key for key, _ in part): dict(part) for part in rows}
    for shape in (schema, *schema["$defs"].values()):
        table = tables_by_keys[tuple(shape["properties"])]
        for key, value in shape["properties"].items():
            _, default, meaning = table[key].split(" | ")
            assert meaning, key
            assert (default == "**required**") == (key in shape.get("required", ())), key
            if isinstance(value.get("default"), bool | int | str) and value["default"] != "":
                assert default == f"`{str(value['default']).lower().removesuffix('.0')}`", key


def test_keys_that_nothing_enforces_are_said_to_be_so() -> None:
    told = PAGE.split("Nothing enforces these keys")[1].split("\n\n")[0]
    assert all(key in told for key in ("`compute_profile.cloud`", "`budget.max_usd`", "`on: reproducibility`"))


def test_every_file_of_a_run_is_told_with_whether_it_is_sealed(run: Path) -> None:
    told = {re.sub(r"\b(ID|N|NAME)\b", "*", name): cells for name, cells in _rows("## What a run leaves").items()}
    files = [path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()]
    assert len(files) > 10
    for name in files:
        (meaning, is_sealed), *_ = [cells for pattern, cells in told.items() if fnmatch(name, pattern)]
        assert meaning
        assert (is_sealed == "yes") == is_sealed_file(name), name


def test_every_kind_of_record_is_told_with_its_fields(run: Path) -> None:
    told = {kind: " ".join(cells) for kind, cells in _rows("### The journal").items()}
    assert records._RECORDS.keys() <= told.keys()
    written: list[dict[str, Any]] = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    assert {"unit_failed", "unit_done", "sealed"} <= {record["kind"] for record in written}
    for record in written:
        lacking = [name for name in record.keys() - FIELDS_OF_ALL if f"`{name}`" not in told[record["kind"]]]
        assert lacking == [], record["kind"]
