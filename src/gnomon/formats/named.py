"""What a user writes for a model, a device, a system or a scenario: a name or a file, and for a system a count."""

from __future__ import annotations

import re

COUNT = re.compile(r"-?[0-9]+")
NODES = re.compile(rf"({COUNT.pattern})(?:x({COUNT.pattern}))?")  # of a system: devices of each node, and nodes

TABLES = (".csv", ".gz", ".parquet")  # endings of measurements


def is_path(text: str) -> bool:
    """Whether it is a file rather than a name: by its ending, or because a folder is named."""
    return text.lower().endswith((".yaml", ".yml", ".json", ".onnx")) or "/" in text


def split_count(text: str) -> tuple[str, str]:
    """What `--on` names without its count, and that with its colon: "x.yaml:4" -> ("x.yaml", ":4"), "x:8x4" -> ("x", ":8x4")."""
    name, colon, count_text = text.rpartition(":")
    return (name, f":{count_text}") if colon and NODES.fullmatch(count_text) else (text, "")
