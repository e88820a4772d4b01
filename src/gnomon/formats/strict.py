"""YAML and JSON read strictly: no duplicate or unknown key, every fault with file, line and field path."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from gnomon.core.errors import BadInput, near_match


class Strict(BaseModel):
    """A shape that a file must have, nothing more and nothing less."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Shape = TypeVar("Shape", bound=BaseModel)
FieldPath = tuple[str | int, ...]  # of a field: keys and positions from the top


class Lines(yaml.SafeLoader):
    """The safe loader, refusing a key given twice and keeping the line of every field."""


def unique_mapping(loader: Lines, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
    """The mapping at a node; refused where it has a key twice."""
    seen: dict[Any, int] = {}
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if not isinstance(key, Hashable):
            raise yaml.constructor.ConstructorError(None, None, "a key must be plain text", key_node.start_mark)
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"key {key!r} is given twice, first on line {seen[key]}", key_node.start_mark
            )
        seen[key] = line
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


Lines.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, unique_mapping)


def _decimal(loader: Lines, node: yaml.ScalarNode) -> int:
    return int(str(loader.construct_scalar(node)))


# Plain words as YAML 1.2's core schema reads them: `on` is a word, not true; 3.35e12 is a number, not a word; 010 is ten;
# `<<` is a key like another.
_REPLACED = {f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "merge")}
Lines.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _REPLACED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _kind, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$", "-+0123456789."),
):
    Lines.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(_pattern), list(_first))
Lines.add_constructor("tag:yaml.org,2002:int", _decimal)


def load_yaml(text: str, where: str, loading: type[Lines] = Lines) -> tuple[Any, dict[FieldPath, int]]:
    """The document in `text` and the line of every field path. BadInput naming `where` for anything malformed.

    loading: `Lines`, or a loader on top of it that knows tags.
    """
    try:
        loader = loading(text)
    except yaml.YAMLError as fault:  # a character that no YAML may hold
        raise BadInput(f"{where}: {str(fault).splitlines()[0]}") from None
    try:
        node = loader.get_single_node()
        if node is None:
            raise BadInput(f"{where}: the file is empty")
        return loader.construct_document(node), dict(_lines(node, (), set()))
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark
        line = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise BadInput(f"{where}{line}: {fault.problem}") from None
    except (yaml.YAMLError, ValueError) as fault:
        raise BadInput(f"{where}: {str(fault).splitlines()[0]}") from None
    except RecursionError:
        raise BadInput(f"{where}: nested too deeply") from None
    finally:
        loader.dispose()


def _lines(node: yaml.Node, path: FieldPath, seen: set[int]) -> Iterator[tuple[FieldPath, int]]:
    """The line of every field path; a node that an alias uses again is followed once."""
    yield path, node.start_mark.line + 1
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, str(key.value))
            yield from _lines(value, below, seen)
            yield below, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, (*path, index), seen)


def read_text(path: Path) -> str:
    """The file as text; BadInput when there is none or it is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except IsADirectoryError:
        raise BadInput(f"{path}: a folder, not a file") from None
    except UnicodeDecodeError as fault:
        raise BadInput(f"{path}: not text in UTF-8 (byte {fault.start})") from None
    except OSError as fault:
        raise BadInput(f"{path}: {fault.strerror}") from None


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text:.40} is too large a number")
    return value


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {key!r} is given twice")
        found[key] = value
    return found


def read_json(path: Path) -> Any:
    """The JSON document in a file; BadInput with line and column where it is malformed."""
    try:
        return json.loads(
            read_text(path), object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite
        )
    except json.JSONDecodeError as fault:
        raise BadInput(f"{path}:{fault.lineno}:{fault.colno}: not JSON: {fault.msg}") from None
    except ValueError as fault:  # a key given twice, a number of thousands of digits, NaN
        raise BadInput(f"{path}: {str(fault).split(';')[0]}") from None
    except RecursionError:
        raise BadInput(f"{path}: nested too deeply") from None


def shaped(
    shape: type[Shape], data: Any, where: str, lines: Mapping[FieldPath, int] | None = None, within: FieldPath = ()
) -> Shape:
    """`data` as `shape`. BadInput naming file, line, field, and the near match of an unknown key; first fault first.

    within: where in the file `data` stands, when it is a part of it.
    """
    try:
        return shape.model_validate(data)
    except ValidationError as faults:
        found: dict[str, BadInput] = {}  # what is told of one field under two forms is told once
        places = [fault["loc"] for fault in faults.errors()]
        for fault in faults.errors():
            loc = fault["loc"]
            if fault["type"] == "too_short" and any(
                len(place) > len(loc) and place[: len(loc)] == loc for place in places
            ):
                continue  # a list whose items are told of
            path = (*within, *fault["loc"])
            name, text = ".".join(map(str, path)) or "the document", _explain(shape, dict(fault))
            told = BadInput(text, field=name, where=place_of(where, lines or {}, path))
            found.setdefault(str(told), told)
        first, *further = found.values()
        raise BadInput(first.text, field=first.field, where=first.where, further=further) from None


def place_of(where: str, lines: Mapping[FieldPath, int], path: FieldPath) -> str:
    """File and line of a field, or of the nearest above it that has a line; `where` alone when none has."""
    while path and path not in lines:
        path = path[:-1]
    return f"{where}:{lines[path]}" if path in lines else where


def _explain(shape: type[BaseModel], fault: dict[str, Any]) -> str:
    """What is wrong, in words."""
    path: FieldPath = tuple(fault["loc"])
    match fault["type"]:
        case "extra_forbidden":
            return f"unknown key{near_match(str(path[-1]), _keys_at(shape, path[:-1]))}"
        case "missing":
            return "missing"
        case "too_short" | "too_long" as kind:
            limit = fault["ctx"]["min_length" if kind == "too_short" else "max_length"]
            return f"{'at least' if kind == 'too_short' else 'at most'} {limit} expected, not {len(fault['input'])}"
        case "literal_error":
            known = re.findall(r"'([^']*)'", str(fault["ctx"]["expected"]))
            return f"{fault['msg']}, not {fault['input']!r:.60}{near_match(str(fault['input']), known)}"
        case "model_type" | "dict_type":
            return f"expected a mapping of keys, not {fault['input']!r}"
    message = str(fault["msg"]).removeprefix("Value error, ")
    return message if fault["type"] == "value_error" else f"{message}, not {fault['input']!r:.60}"


def _keys_at(shape: type[BaseModel], location: FieldPath) -> tuple[str, ...]:
    """Keys that the shape knows at a field path; a position in a list says nothing about them."""
    current: Any = shape
    for part in location:
        if isinstance(part, int) or current is None:
            continue
        by_key = {info.alias or name: info for name, info in current.model_fields.items()}
        current = _shape_within(by_key[part].annotation) if part in by_key else None
    return tuple(info.alias or name for name, info in current.model_fields.items()) if current else ()


def _shape_within(annotation: Any) -> Any:
    """The shape that an annotation holds: itself, or one of what a list, a tuple or an alternative is of."""
    if hasattr(annotation, "model_fields"):
        return annotation
    return next((found for part in get_args(annotation) if (found := _shape_within(part))), None)
