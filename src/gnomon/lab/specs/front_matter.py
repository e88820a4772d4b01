"""A Markdown file with YAML between `---` lines at its top: the fields with their places, and the headings of the prose.

The YAML is the plain part of the language: no anchors, aliases, tags or merge keys, no key twice, words as YAML 1.2 reads
them. A byte order mark and CRLF are taken as they come; the digest of a file is that of its bytes all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from gnomon.core.errors import BadInput, near_match
from gnomon.formats.strict import FieldPath, Lines
from gnomon.lab.specs.broken_yaml import hint

_FENCE = re.compile(r" {0,3}(```|~~~)")
_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a file: its place, counted from 1, the field where one is meant, and what to do."""

    line: int
    column: int
    where: str  # the field's path, like metrics.primary.0.unit; empty: the file's form
    text: str
    source: str = ""  # the line as it is written, where the fault is one of the file's form

    def shown(self, file: str) -> str:
        """file:line:column: field: text, and of a fault of form the line with a caret below the place."""
        place = f"{file}:{self.line}:{self.column}" if self.line else file
        told = ": ".join(part for part in (place, self.where, self.text) if part)
        if not self.source:
            return told
        begin = max(self.column - _LONGEST, 0)
        before = re.sub(r"[^\t]", " ", self.source[begin : self.column - 1])
        return f"{told}\n  {self.source[begin : begin + _LONGEST + 10]}\n  {before}^"


_LONGEST = 90  # characters of a line that are shown up to its fault


class Malformed(Exception):
    """The file cannot be read as front matter and prose."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(faults[0].text)
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file of front matter and prose."""

    data: dict[str, Any]
    places: dict[FieldPath, tuple[int, int]] = field(repr=False)  # of every field path: line and column of its key
    headings: tuple[tuple[str, int], ...]  # of the prose, with their lines
    prose: str
    text_lines: tuple[tuple[int, str], ...] = field(
        repr=False
    )  # of the prose, those outside of code, with their numbers
    faults: tuple[Fault, ...] = ()  # of form, that let the rest be read: keys given twice, of which the first counts

    def place(self, path: FieldPath) -> tuple[int, int]:
        """Where a field stands, or the nearest one around it that does."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))


def read_bytes(path: Path) -> bytes:
    """The file as it stands; BadInput where it cannot be read."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise BadInput(f"{path}: a pipe or a device, not a file")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        there = [one.name for one in path.parent.glob("*.md")]
        raise BadInput(f"{path}: no such file{near_match(path.name, there)}") from None
    except IsADirectoryError:
        raise BadInput(f"{path}: a folder, not a file") from None
    except OSError as fault:
        raise BadInput(f"{path}: {fault.strerror}") from None


def document(raw: bytes) -> Document:
    """The front matter and prose in a file's bytes. Malformed with the places of what is wrong with its form."""
    lines = raw.decode("utf-8-sig", "replace").replace("\r\n", "\n").split("\n")
    try:
        raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        before = raw[: fault.start].decode("utf-8-sig").split("\n")
        told = Fault(len(before), len(before[-1]) + 1, "", f"not text in UTF-8 (byte {fault.start}); save it as UTF-8")
        raise Malformed(_pointed(told, lines)) from None
    if lines[0].rstrip() != "---":
        what = "a spec begins with a line `---`, then YAML, then another `---`"
        if "\r" in lines[0]:
            what = "lines end in a bare carriage return; save it with the line ends of Unix or Windows"
        raise Malformed(_pointed(Fault(1, 1, "", what), lines))
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        raise Malformed(Fault(len(lines), 1, "", "the line `---` that ends the YAML is missing"))
    try:
        data, places, faults = _yaml("\n".join(lines[1:end]) + "\n")
    except Malformed as fault:
        raise Malformed(*(_pointed(one, lines) for one in fault.faults)) from None
    prose = lines[end + 1 :]
    text = tuple(_outside_of_code(prose, end + 2))
    return Document(
        data=data,
        places=places,
        headings=tuple((found[2], number) for number, line in text if (found := _HEADING.match(line))),
        prose="\n".join(prose),
        text_lines=text,
        faults=tuple(_pointed(one, lines) for one in faults),
    )


def _pointed(fault: Fault, lines: list[str]) -> Fault:
    """The fault with the line that it is on."""
    if fault.line > len(lines):
        return fault
    line = lines[fault.line - 1].rstrip()
    return replace(
        fault, source="".join(one if one.isprintable() or one == "\t" else "\N{REPLACEMENT CHARACTER}" for one in line)
    )


def _too_deep(text: str) -> int | None:
    """The line, from 0, on which more brackets are open than anybody writes; the parser takes their square in time."""
    depth = 0
    for number, line in enumerate(text.split("\n")):
        depth = max(depth + line.count("[") + line.count("{") - line.count("]") - line.count("}"), 0)
        if depth > _DEEPEST:
            return number
    return None


_DEEPEST = 200
_FIRST = 2  # the line of the file on which the YAML begins
_Read = tuple[dict[str, Any], dict[FieldPath, tuple[int, int]], list[Fault]]


class _Watching(Lines):
    """A loader that notices what a spec must not hold; to find all of it takes another pass."""

    has_special = False

    def get_event(self) -> Any:
        event = super().get_event()  # type: ignore[no-untyped-call]
        self.has_special |= _special(event) is not None
        return event


def _yaml(text: str) -> _Read:
    """The fields, their places, and the keys that are given twice."""
    loader = None
    if (line := _too_deep(text)) is not None:
        raise Malformed(Fault(line + _FIRST, 1, "", "nested too deeply"))
    try:
        loader = _Watching(text)
        try:
            node = loader.get_single_node()
        except yaml.composer.ComposerError:  # of an anchor, of what refers to one, or of a second document
            if not loader.has_special:
                raise
        if loader.has_special:
            raise Malformed(
                *(found for event in yaml.parse(text, Loader=yaml.SafeLoader) if (found := _special(event)))
            )
        if not isinstance(node, yaml.MappingNode):
            raise Malformed(Fault(_FIRST, 1, "", "the front matter holds no `key: value` lines"))
        twice = list(_without_doubles(node))
        for scalar in _scalars(node):
            _readable(loader, scalar)
        return loader.construct_document(node), dict(_places(node, ())), twice
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        raise Malformed(Fault(*_place(mark), "", hint(fault, text, _FIRST))) from None
    except yaml.reader.ReaderError as fault:
        line, column = text.count("\n", 0, fault.position), fault.position - text.rfind("\n", 0, fault.position)
        what = f"the character U+{ord(text[fault.position]):04X} cannot stand in YAML; take it out"
        raise Malformed(Fault(line + _FIRST, column, "", what)) from None
    except RecursionError:
        raise Malformed(Fault(_FIRST, 1, "", "nested too deeply")) from None
    finally:
        if loader is not None:
            loader.dispose()


def _place(mark: yaml.Mark | None) -> tuple[int, int]:
    """Line and column in the file, counted from 1."""
    return (mark.line + _FIRST, mark.column + 1) if mark is not None else (1, 1)


def _without_doubles(node: yaml.Node) -> Iterator[Fault]:
    """Take every key that stands twice out of the mappings, but for its first place, and tell of it."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _without_doubles(item)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: dict[Any, int] = {}
    kept = []
    for key, value in node.value:
        name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)
        if name in seen:
            told = f"key {key.value!r} is given twice, first on line {seen[name]}; leave one of them"
            yield Fault(*_place(key.start_mark), "", told)
            continue
        seen[name] = key.start_mark.line + _FIRST
        kept.append((key, value))
        yield from _without_doubles(value)
    node.value = kept


def _scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _scalars(item)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _scalars(key)
            yield from _scalars(value)


def _readable(loader: Lines, scalar: yaml.ScalarNode) -> None:
    """Refuse a value that looks like a date or a number and is none that can be had."""
    try:
        loader.construct_object(scalar)
    except ValueError as fault:
        told = f"{scalar.value:.40}: {str(fault).split(';')[0]}; put it into quotes where a text is meant"
        raise yaml.MarkedYAMLError(problem=told, problem_mark=scalar.start_mark) from None


def _special(event: Any) -> Fault | None:
    """No anchors, aliases and tags: what stands in a field is what is written there."""
    place = _place(event.start_mark)
    if isinstance(event, yaml.AliasEvent):
        return Fault(*place, "", "an alias: write the value out")
    if getattr(event, "anchor", None):
        return Fault(*place, "", "an anchor: write the value out")
    if getattr(event, "tag", None) is not None and getattr(event, "implicit", True) in (False, (False, False)):
        return Fault(*place, "", f"a tag ({event.tag}): leave it out")
    return None


def _places(node: yaml.Node, path: FieldPath) -> Iterator[tuple[FieldPath, tuple[int, int]]]:
    yield path, _place(node.start_mark)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, str(key.value))
            yield from _places(value, below)
            yield below, _place(key.start_mark)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _places(value, (*path, index))


def _outside_of_code(lines: list[str], first: int) -> Iterator[tuple[int, str]]:
    """Lines outside of code, with their numbers in the file."""
    fence = ""
    for number, line in enumerate(lines, first):
        if mark := _FENCE.match(line):
            fence = "" if fence == mark.group(1) else fence or mark.group(1)
        elif not fence:
            yield number, line
