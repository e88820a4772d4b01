"""What a user writes for a model, a device, a system or a scenario: a name or a file, and for a system a count."""

from __future__ import annotations

import re

COUNT = re.compile(r"-?[0-9]+")

TABLES = (".csv", ".gz", ".parquet")  # endings of measurements


def is_path(text: str) -> bool:
    """Whether it is a file rather than a name: by its ending, or because a folder is named."""
    return text.lower().endswith((".yaml", ".yml", ".json", ".onnx")) or "/" in text


def split_count(text: str) -> tuple[str, str]:
    """What `--on` names without its count, and the count with its colon: "x.yaml:4" -> ("x.yaml", ":4")."""
    name, colon, count_text = text.rpartition(":")
    return (name, f":{count_text}") if colon and COUNT.fullmatch(count_text) else (text, "")
