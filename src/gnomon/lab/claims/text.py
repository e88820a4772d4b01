"""Claims as the text of a file: a claim is put into its place, and everything around it stays as it was written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from gnomon.formats.strict import Lines
from gnomon.lab.claims.claim import SCHEMA, Claim

WIDTH = 116


def file_text(tool: str, claims: Sequence[Claim]) -> str:
    """A whole file."""
    head = yaml.safe_dump({"schema": SCHEMA, "tool": tool}, sort_keys=False, allow_unicode=True)
    return head + "claims:\n" + "".join(_item(claim, 2) for claim in claims)


def with_claim(text: str, claim: Claim) -> str:
    """The file with a claim in the place of the one of its id, or at its end where there is none.

    Comments inside the claim that is replaced go with it; all others stay.
    """
    found, before = _spliced(text, claim), _data(text)
    others = [one for one in before["claims"] if one["id"] != claim.id]
    try:
        if [one for one in _data(found)["claims"] if one["id"] != claim.id] == others:
            return found
    except yaml.YAMLError:
        pass  # a list in braces, of which a claim's lines are no lines of its own: the file is written whole
    claims = [Claim.model_validate(one) for one in before["claims"]]
    places = [index for index, one in enumerate(claims) if one.id == claim.id] or [len(claims)]
    claims[places[0] : places[0] + 1] = [claim]
    return file_text(before["tool"], claims)


def _spliced(text: str, claim: Claim) -> str:
    """The lines of the claim replaced by new ones."""
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    loader = Lines(text)
    try:
        root = loader.get_single_node()
        assert root is not None  # it was read as a file of claims
        items = next(value.value for key, value in root.value if key.value == "claims")
        ids = [loader.construct_object(item, deep=True)["id"] for item in items]
    finally:
        loader.dispose()
    indent = lines[items[0].start_mark.line].index("-") if "-" in lines[items[0].start_mark.line] else 2
    if claim.id not in ids:
        place = _end(lines, items[-1].end_mark.line + (items[-1].end_mark.column > 0))
        return "".join([*lines[:place], _item(claim, indent), *lines[place:]])
    index = ids.index(claim.id)
    first = items[index].start_mark.line
    last = items[index + 1].start_mark.line if index + 1 < len(items) else items[index].end_mark.line
    last = max(_end(lines, min(last, len(lines))), first + 1)
    return "".join([*lines[:first], _item(claim, indent), *lines[last:]])


def _end(lines: Sequence[str], place: int) -> int:
    """The line after the last one with content before a place: comments between two claims belong to the second."""
    place = min(place, len(lines))
    while place and (not lines[place - 1].strip() or lines[place - 1].lstrip().startswith("#")):
        place -= 1
    return place


def _item(claim: Claim, indent: int) -> str:
    """A claim as an item of the list."""
    data = {**claim.model_dump(mode="json", exclude_defaults=True), "status": claim.status}
    ordered = {name: data[name] for name in type(claim).model_fields if name in data}
    dumped = yaml.dump(ordered, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)
    first, *rest = dumped.splitlines()
    space = " " * indent
    return "\n".join([f"{space}- {first}", *(f"{space}  {line}" for line in rest)]) + "\n"


def _data(text: str) -> dict[str, Any]:
    loader = Lines(text)
    try:
        found: dict[str, Any] = loader.get_single_data()
        return found
    finally:
        loader.dispose()


class _Dumper(yaml.SafeDumper):
    """The safe dumper, with lists on one line, and quoting what Gnomon's reader would not take for a word."""

    yaml_implicit_resolvers = Lines.yaml_implicit_resolvers


_Dumper.add_representer(
    list, lambda dumper, value: dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True)
)
_Dumper.add_representer(
    float,
    lambda dumper, value: (
        dumper.represent_int(int(value)) if value.is_integer() and abs(value) < 1e15 else dumper.represent_float(value)
    ),
)
