"""Whether a spec can be run as it stands: every fault in one pass, each with its place.

The shape of each part is checked first; rules (`spec_rules`) then hold what is sound of it against each other, down to single
fields, so that one broken field hides no fault of another: a rule tells what it can until it comes to a field that is not
there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from gnomon.core.errors import BadInput, near_match
from gnomon.formats.strict import FieldPath, shaped
from gnomon.lab.specs.front_matter import Document, Fault, Malformed, document
from gnomon.lab.specs.open_items import is_open, open_fields
from gnomon.lab.specs.spec import SECTIONS, Spec
from gnomon.lab.specs.spec_rules import RULES, Told

_STILL_OPEN = "still TODO"


@dataclass(frozen=True, slots=True, kw_only=True)
class Linted:
    """What a spec's bytes come to: the spec, or what is wrong with it."""

    spec: Spec | None
    document: Document | None
    faults: tuple[Fault, ...]


def lint(raw: bytes, name: str) -> Linted:
    """Read a spec; `name` is its file's, without folders."""
    try:
        read = document(raw)
    except Malformed as fault:
        return Linted(spec=None, document=None, faults=fault.faults)
    found = [*read.faults, *_open_items(read), *_shape_faults(read), *_section_faults(read)]
    parts = _as_far_as_sound(Spec, _mended(read.data)).__dict__
    for rule in RULES:
        told = _until_a_gap(rule(parts))
        found += [Fault(*read.place(path), ".".join(map(str, path)), text) for path, text in told]
    if "id" in parts and Path(name).stem != parts["id"]:
        found.append(Fault(*read.place(("id",)), "id", f"the file is called {name}; call it {parts['id']}.md"))
    found.sort(key=lambda fault: (fault.line, fault.column))
    faults = tuple(dict.fromkeys(found))
    return Linted(spec=None if faults else Spec.model_validate(read.data), document=read, faults=faults)


def _shape_faults(read: Document) -> Iterator[Fault]:
    still_open = set(open_fields(read.data))
    try:
        shaped(Spec, read.data, "")
    except BadInput as fault:
        for one in (fault, *fault.further):
            path = _path(one.field)
            if any(path[:depth] in still_open for depth in range(1, len(path) + 1)):
                continue  # it is told already
            yield Fault(*read.place(_path(one.field)), one.field, one.text)


def _open_items(read: Document) -> Iterator[Fault]:
    """Fields and lines of prose that are still TODO."""
    for path in open_fields(read.data):
        yield Fault(*read.place(path), ".".join(map(str, path)), f"{_STILL_OPEN}: fill it in")
    for number, line in read.text_lines:
        if is_open(line):
            yield Fault(number, 1, "", f"{_STILL_OPEN}: write this section, or take the line out")


def is_told_open(fault: Fault) -> bool:
    """Whether a fault says of a field, or of a line of a section, that it is still to be filled in."""
    return fault.text.startswith(_STILL_OPEN)


def _section_faults(read: Document) -> Iterator[Fault]:
    there = {heading.lower(): line for heading, line in read.headings}
    for section in SECTIONS:
        if section.lower() not in there:
            near = near_match(section, [h for h, _ in read.headings if h.lower() not in map(str.lower, SECTIONS)])
            yield Fault(0, 0, "", f"section {section!r} is missing: write a heading `## {section}`{near}")


def _mended(data: dict[str, Any]) -> dict[str, Any]:
    """The data with misspelt keys taken as meant, so that a slip hides no other fault."""
    kept: dict[str, Any] = deepcopy(data)
    for _ in range(_ROUNDS):
        try:
            shaped(Spec, kept, "")
        except BadInput as fault:
            for one in (fault, *fault.further):
                if meant := re.search(r"unknown key; did you mean '(\w+)'", one.text):
                    _rename(kept, _path(one.field), meant.group(1))
    return kept


_ROUNDS = 3  # a key that is taken as meant may hold another that is misspelt


def _rename(data: dict[str, Any], path: FieldPath, meant: str) -> None:
    """Give a field the name that is meant, where that is not there."""
    place: Any = data
    for part in path[:-1]:
        try:
            place = place[part]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(place, dict) and path[-1] in place and meant not in place:
        place[meant] = place.pop(path[-1])


def _path(field: str) -> FieldPath:
    return tuple(int(part) if part.isdigit() else part for part in field.split("."))


_GAP: Any = object()  # in place of a value that its shape refuses


def _as_far_as_sound(shape: Any, raw: Any) -> Any:
    """What a shape makes of a value: all of it, or what is sound of it, fields that are not left out; _GAP for nothing."""
    if next(open_fields(raw), None) is None:
        try:
            adapter: TypeAdapter[Any] = TypeAdapter(shape)
            return adapter.validate_python(raw)
        except ValidationError:
            pass
    is_limited = get_origin(shape) is Annotated  # to a length, say
    shape = get_args(shape)[0] if is_limited else shape
    within = next((one for one in (shape, *get_args(shape)) if _is_part(one)), None)
    if within is None or not raw:
        return _GAP
    if is_limited:
        return _as_far_as_sound(shape, raw)
    if get_origin(shape) is tuple and isinstance(raw, list):
        items = tuple(_as_far_as_sound(within, item) for item in raw)
        return _GAP if _GAP in items else items
    return _partial(within, raw) if isinstance(raw, dict) and get_origin(shape) not in (dict, tuple) else _GAP


def _is_part(shape: Any) -> bool:
    """Whether a shape is a mapping with fields of its own."""
    return isinstance(shape, type) and issubclass(shape, BaseModel)


def _partial(shape: type[BaseModel], raw: Mapping[str, Any]) -> BaseModel:
    """A part without its faulty fields: who asks for one of them is told AttributeError."""
    made = shape.model_construct()
    for name, field in shape.model_fields.items():
        key = field.alias or name
        kind: Any = field.annotation
        for limit in field.metadata:
            kind = Annotated[kind, limit]
        value = _as_far_as_sound(kind, raw[key]) if key in raw else _GAP
        if value is not _GAP:
            made.__dict__[name] = value
        elif key in raw or field.is_required():
            made.__dict__.pop(name, None)
    return made


def _until_a_gap(told: Told) -> Told:
    """What a rule tells before it needs a part or a field that is not sound, whose own fault is told."""
    try:
        yield from told
    except KeyError:
        return
    except AttributeError as gap:
        if not isinstance(gap.obj, BaseModel):
            raise
