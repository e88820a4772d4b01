"""A Markdown file with YAML between `---` lines at its top: the fields with their places, and the headings of the prose.

The YAML is the plain part of the language: no anchors, aliases, tags or merge keys, no key twice, words as YAML 1.2 reads
them. A byte order mark and CRLF are taken as they come; the digest of a file is that of its bytes all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gnomon.core.errors import BadInput
from gnomon.formats.strict import FieldPath, Lines

_FENCE = re.compile(r" {0,3}(```|~~~)")
_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a file: its place, counted from 1, the field where one is meant, and what to do."""

    line: int
    column: int
    where: str  # the field's path, like metrics.primary.0.unit; empty: the file's form
    text: str

    def shown(self, file: str) -> str:
        """file:line:column: field: text."""
        place = f"{file}:{self.line}:{self.column}" if self.line else file
        return ": ".join(part for part in (place, self.where, self.text) if part)


class Malformed(Exception):
    """The file cannot be read as front matter and prose."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text)
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file of front matter and prose."""

    data: dict[str, Any]
    places: dict[FieldPath, tuple[int, int]] = field(repr=False)  # of every field path: line and column of its key
    headings: tuple[tuple[str, int], ...]  # of the prose, with their lines
    prose: str

    def place(self, path: FieldPath) -> tuple[int, int]:
        """Where a field stands, or the nearest one around it that does."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))


def read_bytes(path: Path) -> bytes:
    """The file as it stands; BadInput where it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except IsADirectoryError:
        raise BadInput(f"{path}: a folder, not a file") from None
    except OSError as fault:
        raise BadInput(f"{path}: {fault.strerror}") from None


def document(raw: bytes) -> Document:
    """The front matter and prose in a file's bytes. Malformed with the place of the first fault."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = raw[: fault.start].count(b"\n") + 1
        raise Malformed(Fault(line, 1, "", f"not text in UTF-8 (byte {fault.start})")) from None
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != "---":
        raise Malformed(Fault(1, 1, "", "a spec begins with a line `---`, then YAML, then another `---`"))
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        raise Malformed(Fault(len(lines), 1, "", "the line `---` that ends the YAML is missing"))
    data, places = _yaml("\n".join(lines[1:end]) + "\n")
    prose = lines[end + 1 :]
    return Document(data=data, places=places, headings=tuple(_headings(prose, end + 2)), prose="\n".join(prose))


def _yaml(text: str) -> tuple[dict[str, Any], dict[FieldPath, tuple[int, int]]]:
    loader = None
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            _refuse_special(event)
        loader = Lines(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise Malformed(Fault(2, 1, "", "the front matter holds no `key: value` lines"))
        return loader.construct_document(node), dict(_places(node, ()))
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        line, column = (mark.line + 2, mark.column + 1) if mark else (1, 1)
        raise Malformed(Fault(line, column, "", _problem(fault, text))) from None
    except (yaml.YAMLError, ValueError) as fault:  # a character that YAML may not hold
        raise Malformed(Fault(1, 1, "", str(fault).splitlines()[0])) from None
    except RecursionError:
        raise Malformed(Fault(2, 1, "", "nested too deeply")) from None
    finally:
        if loader is not None:
            loader.dispose()


def _problem(fault: yaml.MarkedYAMLError, text: str) -> str:
    problem = str(fault.problem)
    mark = fault.problem_mark
    if mark is not None and "'\\t'" in problem:
        return "a tab: YAML is indented with spaces"
    if mark is not None and mark.line < len(text.splitlines()) and "mapping values are not allowed" in problem:
        return "a `: ` inside a value; put the value into quotes"
    return problem


def _refuse_special(event: Any) -> None:
    """No anchors, aliases and tags: what stands in a field is what is written there."""
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        word = "an alias" if isinstance(event, yaml.AliasEvent) else "an anchor"
        raise yaml.MarkedYAMLError(problem=f"{word}: write the value out", problem_mark=event.start_mark)
    implicit = getattr(event, "implicit", True)
    if getattr(event, "tag", None) is not None and implicit in (False, (False, False)):
        raise yaml.MarkedYAMLError(problem=f"a tag ({event.tag}): leave it out", problem_mark=event.start_mark)


def _places(node: yaml.Node, path: FieldPath) -> Iterator[tuple[FieldPath, tuple[int, int]]]:
    yield path, (node.start_mark.line + 2, node.start_mark.column + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, str(key.value))
            yield from _places(value, below)
            yield below, (key.start_mark.line + 2, key.start_mark.column + 1)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _places(value, (*path, index))


def _headings(lines: list[str], first: int) -> Iterator[tuple[str, int]]:
    """Headings outside of code, with their lines in the file."""
    fence = ""
    for number, line in enumerate(lines, first):
        if mark := _FENCE.match(line):
            fence = "" if fence == mark.group(1) else fence or mark.group(1)
        elif not fence and (heading := _HEADING.match(line)):
            yield heading.group(2), number
