"""`architecture:` of nodes, or of older versions a tree, and `arch:` of the first version, two lists -> Hardware."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gnomon.formats.timeloop import nodes
from gnomon.formats.timeloop.hardware import Hardware, Part, assembled, kind_of, mesh
from gnomon.formats.timeloop.node import Node

_RANGE = re.compile(r"^(?P<name>[^\[\]]+)(?:\[(?P<first>\d{1,15})\.\.(?P<last>\d{1,15})\])?$")

_COMPONENT = ("name", "class", "attributes", "local", "subtree")


def hardware(node: Node) -> Hardware:
    """The parts of the accelerator, whichever way they are listed."""
    if node.get("nodes"):
        return nodes.hardware(node)
    if node.get("subtree"):
        return _tree(node)
    if node.get("storage", "arithmetic"):
        return _two_lists(node)
    told = node.misspelt("nodes", "subtree", "storage")
    raise node.fault(f"expected 'nodes', 'subtree', or 'storage' and 'arithmetic'{told}")


def counted(node: Node) -> tuple[str, int]:
    """A name and how many there are: `PE[0..15]` is sixteen of PE."""
    written = _RANGE.match(node.text())
    if written is None:
        raise node.fault(f"{node.text()!r} is no name like 'PE' or 'PE[0..15]'")
    if written["first"] is None:
        return written["name"], 1
    count = int(written["last"]) - int(written["first"]) + 1
    if count < 1:
        raise node.fault(f"{node.text()!r} ends before it begins")
    return written["name"], count


def _tree(node: Node) -> Hardware:
    """One subtree within the other; each holds its local components, from outside in."""
    name, parts, others = "accelerator", list[Part](), list[str]()
    for depth, (branch, copies) in enumerate(_branches(node)):
        if depth == 0:
            name = counted(branch.need("name"))[0]
        local = branch.get("local")
        for component in local.items() if local else ():
            found = _component(component, copies)
            if found:
                parts.append(found)
            else:
                others.append(component.need("class").text())
    return assembled(name, parts, node.need("subtree"), others)


def _branches(node: Node) -> Iterator[tuple[Node, int]]:
    """Each subtree and how many there are of it in all."""
    copies = 1
    while subtree := node.get("subtree"):
        branches = list(subtree.items())
        if len(branches) != 1:
            raise subtree.unsupported(f"{len(branches)} subtrees side by side; one is covered")
        node = branches[0]
        copies *= counted(node.need("name"))[1]
        yield node, copies


def _component(node: Node, copies: int) -> Part | None:
    name, count = counted(node.need("name"))
    class_name = node.need("class").text()
    kind = kind_of(class_name)
    if kind is None:
        return None
    node.refuse_slips(_COMPONENT)
    attributes = node.get("attributes") or node
    x, y = mesh(attributes, name, copies * count)
    return Part(name=name, kind=kind, class_name=class_name, attributes=attributes, mesh_x=x, mesh_y=y)


def _two_lists(node: Node) -> Hardware:
    """Storage from inside out, and arithmetic; each component holds its attributes itself."""
    parts = []
    units, storage = node.need("arithmetic"), list(node.need("storage").items())
    for item in (*reversed(storage), units):
        given = item.get("name")
        name = counted(given)[0] if given else "__ARITH__" if item is units else counted(item.need("name"))[0]
        attributes = item.get("attributes") or item
        x, y = mesh(attributes, name, None)
        technology = item.get("class", "technology")
        parts.append(
            Part(
                name=name,
                kind="units" if item is units else "memory",
                class_name=str(technology.data) if technology else "",
                attributes=attributes,
                mesh_x=x,
                mesh_y=y,
            )
        )
    title = node.get("name")
    return assembled(title.text() if title else "accelerator", parts, node)
