"""Puts every key of a spec where a page asks for it, a table for each part, from the JSON Schema that editors check by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sphinx.application import Sphinx

from gnomon.lab.specs.spec import WORD, Spec

HERE = "<!-- every key of a spec -->"
_LIMITS = {
    "minimum": "{} or more",
    "maximum": "{} at most",
    "minItems": "{} at least",
    "maxItems": "{} at most",
}


def tables() -> str:
    """Every part in the order in which the keys name it: where it stands, what it is, and a row for each of its keys."""
    schema = Spec.model_json_schema(by_alias=True)
    known: dict[str, Any] = schema["$defs"]
    places: dict[str, list[str]] = {}
    for place, part in _parts(schema, known, ""):
        places.setdefault(part, []).append(place)
    below = (_table(", ".join(f"`{one}`" for one in where), known[part], known) for part, where in places.items())
    return "\n\n".join([_table("At the top", schema, known), *below])


def _parts(shape: dict[str, Any], known: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Place and name of every part below a shape; an item of a list is `[]`, a key of any name is `.*`."""
    for key, value in shape["properties"].items():
        for place, part in _references(value, f"{path}.{key}".lstrip(".")):
            yield place, part
            yield from _parts(known[part], known, place)


def _references(value: dict[str, Any], place: str) -> Iterator[tuple[str, str]]:
    if "$ref" in value:
        yield place, value["$ref"].rpartition("/")[2]
    for option in value.get("anyOf", ()):
        yield from _references(option, place)
    if isinstance(value.get("items"), dict):
        yield from _references(value["items"], f"{place}[]")
    if isinstance(value.get("additionalProperties"), dict):
        yield from _references(value["additionalProperties"], f"{place}.*")


def _table(heading: str, shape: dict[str, Any], known: dict[str, Any]) -> str:
    rows = "\n".join(
        _row(key, value, key in shape.get("required", ()), known) for key, value in shape["properties"].items()
    )
    return f"### {heading}\n\n{shape['description']}\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n{rows}"


def _row(key: str, value: dict[str, Any], is_required: bool, known: dict[str, Any]) -> str:
    part = known.get(value.get("$ref", "").rpartition("/")[2], {})
    meaning = value.get("description") or part["description"]  # the schema leaves out what the part says itself
    return f"| `{key}` | {_value(value)} | {'**required**' if is_required else _default(value)} | {meaning} |"


def _default(value: dict[str, Any]) -> str:
    """What counts where the key is not there; a part's own keys say theirs."""
    match value.get("default"):
        case None | "" | []:
            return "nothing"
        case dict():
            return "of each key"
        case str() as word:
            return f"`{word}`"
        case default:
            return f"`{json.dumps(default).removesuffix('.0')}`"


def _value(value: dict[str, Any]) -> str:
    """What may stand there, in words."""
    limits = ", ".join(text.format(value[key]) for key, text in _LIMITS.items() if key in value)
    return _kind(value) + (f", {limits}" if limits and "prefixItems" not in value else "")


def _kind(value: dict[str, Any]) -> str:
    match value:
        case {"$ref": _}:
            return "mapping"
        case {"anyOf": options} if {"type": "boolean"} in options:
            return "text, number, `true` or `false`"
        case {"anyOf": options}:
            return " or ".join(_value(one) for one in options if one != {"type": "null"})
        case {"enum": words}:
            return ", ".join(f"`{word}`" for word in words)
        case {"const": word}:
            return f"`{word}`"
        case {"examples": examples}:
            return "with its unit, like " + ", ".join(f"`{one}`" for one in examples)
        case {"pattern": pattern}:
            return "name" if pattern == WORD else f"text of the form `{pattern}`"
        case {"prefixItems": items}:
            return f"list of {len(items)}: " + ", ".join(map(_value, items))
        case {"type": "array", "items": items}:
            return f"list of {_value(items)}"
        case {"type": "object", "additionalProperties": items}:
            return "mapping" if items is False else f"mapping of name to {_value(items)}"
    return {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}[
        value["type"]
    ]


def insert(app: Sphinx, docname: str, source: list[str]) -> None:
    """Fill the page in."""
    source[0] = source[0].replace(HERE, tables())


def setup(app: Sphinx) -> dict[str, bool]:
    """Register it."""
    app.connect("source-read", insert)
    return {"parallel_read_safe": True}
