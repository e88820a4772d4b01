"""The schemas of the catalogue are those of the code, and every file of the catalogue obeys them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnomon import catalogue
from gnomon.cli.schema import KINDS, text_of
from gnomon.formats.json_schema import json_schema
from gnomon.formats.strict import load_yaml

PAGES = Path(__file__).parents[2] / "docs/how-to"
FILES = [
    (kind, f"{kind}s/{name}.yaml", catalogue.text(f"{kind}s", name))
    for kind in ("device", "system", "scenario", "accelerator")
    for name in catalogue.names(f"{kind}s")
]
FILES += [
    (kind, name, (PAGES / name).read_text())
    for kind, name in (
        ("device", "my-gpu.yaml"),
        ("accelerator", "my-accelerator.yaml"),
        ("scenario", "my-scenario.yaml"),
        ("sweep", "my-sweep.yaml"),
    )
]


def _valid(kind: str, text: str) -> bool:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed (the extra dev has it)")
    return bool(jsonschema.Draft202012Validator(json_schema(kind)).is_valid(load_yaml(text, "f.yaml")[0]))


@pytest.mark.parametrize("kind", KINDS)
def test_the_committed_schema_is_what_the_code_gives(kind: str) -> None:
    """Mend by `gnomon schema KIND > src/gnomon/catalogue/schemas/KIND.json`."""
    pytest.importorskip("pydantic", minversion="2.10", reason="earlier pydantic words the same schema otherwise")
    assert (catalogue.ROOT / "schemas" / f"{kind}.json").read_text(encoding="utf-8") == text_of(kind)


@pytest.mark.parametrize(("kind", "name", "text"), FILES, ids=[name for _, name, _ in FILES])
def test_every_file_obeys_the_schema_of_its_kind(kind: str, name: str, text: str) -> None:
    assert _valid(kind, text)


SCENARIO = "schema: gnomon/scenario/1\nmodel: gpt2\non: t4\n"


@pytest.mark.parametrize("line", ["bacth: 8", "batch: 0", "mode: decoding", "overrides: {power: 3 W}"])
def test_a_faulty_scenario_does_not(line: str) -> None:
    assert _valid("scenario", SCENARIO)
    assert not _valid("scenario", SCENARIO + line)


@pytest.mark.parametrize("peak", ["300 TFLOP/s", "[bf16=1 PFLOP/s]"])
def test_both_ways_of_writing_a_peak_obey_it(peak: str) -> None:
    assert _valid("scenario", SCENARIO + f"overrides: {{device_peak: {peak}}}")


@pytest.mark.parametrize("field", ["dtype", "weight_dtype", "kv_dtype"])
def test_a_number_format_is_one_of_those_known_in_any_spelling(field: str) -> None:
    for written in ("fp16", "FP16", "half", "NVFP4", "null"):
        assert _valid("scenario", SCENARIO + f"{field}: {written}")
    for written in ("bf61", "fp166", "16"):
        assert not _valid("scenario", SCENARIO + f"{field}: {written}")
