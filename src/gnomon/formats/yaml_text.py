"""Plain data as YAML text that reads back as the same data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from gnomon.formats.strict import Lines


class _Dumper(yaml.SafeDumper):
    """Quotes exactly the words that the reader here would take for something else: `on` needs none, "1e5" does."""


_Dumper.yaml_implicit_resolvers = Lines.yaml_implicit_resolvers


def yaml_text(data: Mapping[str, Any], kind: str) -> str:
    """`data` as YAML, a key a line, below the line by which editors find the schema of its kind."""
    text: str = yaml.dump(dict(data), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6)
    return f"{schema_comment(kind)}\n{text}"


def schema_comment(kind: str) -> str:
    """The line that the YAML language server of editors reads; the file is that of `gnomon schema KIND`."""
    return f"# yaml-language-server: $schema=gnomon-{kind}.schema.json"
