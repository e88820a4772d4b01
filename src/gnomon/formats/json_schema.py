"""JSON Schema of the files that users write, from the shapes that read them: editors complete and check by it."""

from __future__ import annotations

import json
from typing import Any

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
}


def json_schema(kind: str) -> dict[str, Any]:
    """The schema of one kind of file, JSON Schema draft 2020-12."""
    shape = SHAPES[kind].model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"gnomon/{kind}/{READ[kind]}",
        **{key: value for key, value in shape.items() if key != "title"},
    }


def json_schema_text(kind: str) -> str:
    """That schema as the text that stands in the catalogue."""
    return json.dumps(json_schema(kind), indent=2, ensure_ascii=False) + "\n"
