"""A fault is told in the words of the door that it came through: Python's and a file's field, the command line's flag."""

from __future__ import annotations

from pathlib import Path

import pytest

import gnomon as package
from gnomon.api.questions import Options
from gnomon.cli.flags import FLAGS, dest
from gnomon.cli.predict import parser
from gnomon.core.errors import BadInput
from gnomon.formats.scenario_file import OverridesShape, ScenarioFile
from gnomon.formats.traffic_shape import TrafficShape

WRONG = [
    ("kv_dtype", "fp8", "--kv", "resnet-50 is an image model, it has no KV cache"),
    ("weight_dtype", "fp9", "--weights", "unknown dtype 'fp9'; did you mean"),
    ("sizes", {"frames": 3}, "--size", "resnet-50 is no traced graph"),
    ("head", "lm", "--head", "resnet-50 has no head 'lm'"),
    ("overrides", {"memory_bandwidth": "3 TBs"}, "--memory-bandwidth", "'3 TBs': unknown unit 'TBs'"),
]


@pytest.mark.parametrize(("field", "value", "flag", "text"), WRONG)
def test_a_fault_is_named_as_its_door_names_it(gnomon, tmp_path: Path, field, value, flag, text):
    path = f"overrides.{next(iter(value))}" if field == "overrides" else field
    given = package.Overrides(**value) if field == "overrides" else value
    with pytest.raises(BadInput) as in_python:
        package.predict("resnet-50", "t4", **{field: given})
    assert str(in_python.value).startswith(f"{path}: {text}")

    word = {"sizes": "frames=3", "overrides": "3 TBs"}.get(field, value)
    assert gnomon("predict", "resnet-50", "--on", "t4", flag, word).err.startswith(f"gnomon: {flag}: {text}")

    file = tmp_path / "s.yaml"
    file.write_text(f"schema: gnomon/scenario/1\nmodel: resnet-50\non: t4\n{field}: {value}\n")
    assert gnomon("predict", str(file)).err.startswith(f"gnomon: {file}:4: {path}: {text}")


@pytest.mark.parametrize(("model", "on", "line", "field"), [("resnet-5", "t4", 2, "model"), ("gpt2", "t5", 3, "on")])
def test_an_unknown_name_in_a_file_has_its_line(gnomon, tmp_path: Path, model, on, line, field):
    file = tmp_path / "s.yaml"
    file.write_text(f"schema: gnomon/scenario/1\nmodel: {model}\non: {on}\n")
    assert gnomon("check", str(file)).err.startswith(
        f"gnomon: {file}:{line}: {field}: unknown {'model' if line == 2 else 'device'}"
    )


def test_every_field_of_a_question_has_one_flag_and_every_flag_is_one_of_predict():
    fields = (set(Options.__annotations__) - {"overrides"}) | {f"overrides.{f}" for f in OverridesShape.model_fields}
    assert {field for field in FLAGS if not field.startswith("traffic.")} == fields
    traffic = {field.split(".")[1] for field in FLAGS if field.startswith("traffic.")}
    assert traffic <= set(TrafficShape.model_fields)
    assert fields >= set(ScenarioFile.model_fields) - {"schema_", "title", "model", "on", "overrides"}
    flags = parser().flags
    assert all(flags[flag].dest == dest(flag) for flag in FLAGS.values())


def test_the_how_to_names_the_flags_of_the_table():
    page = (Path(__file__).parents[2] / "docs/how-to/write-a-scenario.md").read_text()
    for field, flag in FLAGS.items():
        if "." not in field:
            assert f"| `{field}` |" in page
            assert flag in next(line for line in page.splitlines() if line.startswith(f"| `{field}` |"))
