"""JSON Schema of the files that users write, from the shapes that read them: editors complete and check by it."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from gnomon.formats.accelerator_shape import AcceleratorFile
from gnomon.formats.device_file import DeviceFile
from gnomon.formats.file_version import READ
from gnomon.formats.scenario_file import ScenarioFile
from gnomon.formats.strict import Strict
from gnomon.formats.sweep_file import SweepFile
from gnomon.formats.system_file import SystemFile

SHAPES: dict[str, type[Strict]] = {
    "scenario": ScenarioFile,
    "sweep": SweepFile,
    "device": DeviceFile,
    "system": SystemFile,
    "accelerator": AcceleratorFile,
}


def json_schema(kind: str) -> dict[str, Any]:
    """The schema of one kind of file, JSON Schema draft 2020-12."""
    return schema_of(SHAPES[kind], f"gnomon/{kind}/{READ[kind]}")


def schema_of(shape: type[BaseModel], title: str) -> dict[str, Any]:
    """The schema of a shape, JSON Schema draft 2020-12."""
    found = shape.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **{key: value for key, value in found.items() if key != "title"},
    }


def schema_text(schema: dict[str, Any]) -> str:
    """A schema as the text that stands in the catalogue."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
