"""What the directives of a mapping and the constraints of a search have in common: a type, a memory, known keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gnomon.core.errors import near_match
from gnomon.formats.timeloop.hardware import Part
from gnomon.formats.timeloop.node import Node


def kind_of_directive(node: Node, types: Mapping[str, str]) -> str:
    """Its type, by the one name that all names of it stand for in `types`."""
    written = node.need("type")
    called = written.text()
    if called == "skew":
        raise written.unsupported("skewed loops")
    if called not in types:
        raise written.fault(f"{called!r} is no type{near_match(called, types)} (known: {', '.join(types)})")
    return types[called]


def check_keys(node: Node, kind: str, keys: Mapping[str, tuple[str, ...]], always: tuple[str, ...]) -> None:
    """BadInput for a key that directives of this type do not have; `keys` are those of each type."""
    for key in node.mapping():
        if key in always or key in keys[kind]:
            continue
        others = [other for other, known in keys.items() if key in known]
        if others:
            raise node.child(key).fault(f"belongs to a {others[0]} directive, not to a {kind} one")
        raise node.child(key).fault(f"unknown key{near_match(str(key), (*always, *keys[kind]))}")


def target(node: Node, parts: Sequence[Part], kind: str) -> str:
    """A memory by its name, or by its position from inside out; loops over a fan-out may name what is fanned out."""
    names = tuple(part.name for part in parts)
    if type(node.data) is int and 0 <= node.data < len(names):
        return names[node.data]
    called = str(node.data) if type(node.data) is int else node.text()
    fanned_out = {part.fans_out: part.name for part in parts if part.fans_out}
    if kind == "spatial" and called in fanned_out:
        return fanned_out[called]
    if called not in names:
        raise node.fault(f"{called!r} is no memory{near_match(called, names)} (known: {', '.join(names)})")
    return called
