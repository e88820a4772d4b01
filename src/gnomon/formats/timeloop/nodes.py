"""`architecture: {nodes}`, the description that Timeloop's front end lowers to a tree -> Hardware.

A fan-out becomes a memory of its own, `inter_<name>_spatial`, that keeps nothing: what is mapped over its children are
loops at that memory. [Accelergy-Project/timeloopfe at 5603893: what it writes for Timeloop to read]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gnomon.core.errors import near_match
from gnomon.formats.timeloop.hardware import Hardware, Part, assembled, kind_of
from gnomon.formats.timeloop.node import Node

_LEAF = ("name", "attributes", "spatial", "constraints", "sparse_optimizations")
_KEYS = {
    "Container": (*_LEAF, "networks"),
    "Component": (*_LEAF, "class", "subclass", "required_actions", "area_scale", "energy_scale", "enabled"),
    "Parallel": ("nodes",),
    "Hierarchical": ("nodes",),
}
_TAGS = (*_KEYS, "Nothing")
_MEMORY_DEFAULTS = {"cluster_size": 1, "reduction_supported": True}
_PLACEHOLDER = {"width": 1, "depth": 1, "datawidth": 1}
_GATING = "has_power_gating"


@dataclass(slots=True)
class _Around:
    """What the nodes so far lay around the next one."""

    mesh_x: int
    mesh_y: int
    attributes: dict[str, Any]  # of the containers; what is inside has them too


def hardware(node: Node) -> Hardware:
    """The parts from outside in, a container's attributes handed to all that is inside it."""
    for key in node.mapping():
        if key not in ("version", "nodes"):
            raise node.child(key).fault(f"unknown key{near_match(str(key), ('version', 'nodes'))}")
    around = _Around(1, 1, {})
    parts: list[Part] = []
    seen: dict[str, Node] = {}
    for leaf, is_beside in _leaves(node.need("nodes"), False):
        name = leaf.need("name")
        if name.text() in seen:
            raise name.fault(f"{name.text()!r} is given twice, first in {seen[name.text()].place}")
        seen[name.text()] = leaf
        if parts and parts[-1].kind == "units":
            raise leaf.fault(f"nothing comes after the multiply-accumulate units, {parts[-1].name}")
        parts.extend(_parts(leaf, is_beside, around))
    return assembled(next(iter(seen), "accelerator"), parts, node.need("nodes"))


def level_constraints(node: Node) -> dict[str, Node]:
    """The constraints of each container and component that has some, by its name."""
    leaves = (leaf for leaf, _ in _leaves(node.need("nodes"), False))
    return {leaf.need("name").text(): found for leaf in leaves if (found := leaf.get("constraints"))}


def _leaves(nodes: Node, is_beside: bool) -> Iterator[tuple[Node, bool]]:
    """Containers and components in their order, and whether they lie beside others."""
    for node in nodes.items():
        tag = getattr(node.data, "tag", "")
        if tag not in _TAGS:
            if tag:
                raise node.unsupported(f"!{tag}{near_match(tag, _TAGS)}")
            raise node.fault(f"a tag is missing; one of {', '.join('!' + known for known in _TAGS)}")
        if tag == "Nothing":
            continue
        for key in node.mapping():
            if key not in _KEYS[tag]:
                raise node.child(key).fault(f"unknown key{near_match(str(key), _KEYS[tag])}")
        if tag in ("Parallel", "Hierarchical"):
            yield from _leaves(node.need("nodes"), tag == "Parallel")
        elif not (enabled := node.get("enabled")) or enabled.truth():
            yield node, is_beside


def _parts(leaf: Node, is_beside: bool, around: _Around) -> Iterator[Part]:
    """What a container or a component puts on the chip; it goes on `around` what comes next."""
    for key in ("sparse_optimizations", "networks"):
        if (found := leaf.get(key)) and found.data:
            raise found.unsupported("sparse data" if key == "sparse_optimizations" else "networks of their own")
    name, is_container = leaf.need("name").text(), leaf.data.tag == "Container"
    own = leaf.get("attributes")
    _refuse_gating(own)
    if is_container and own:
        around.attributes = {**around.attributes, **own.mapping()}
    x, y = _fanout(leaf)
    if is_beside and (is_container or x * y > 1):
        raise leaf.unsupported(f"{name}: a container or a fan-out beside others")
    if x * y > 1:
        attributes = _attributes(leaf, own, {**around.attributes, **_PLACEHOLDER, **_MEMORY_DEFAULTS})
        placeholder = _part(f"inter_{name}_spatial", "dummy_storage", attributes, around)
        yield replace(placeholder, fans_out=name)
        around.mesh_x, around.mesh_y = around.mesh_x * x, around.mesh_y * y
    if is_container:
        return
    class_name = leaf.need("class").text()
    kind = kind_of(class_name)
    if kind is None:
        raise leaf.need("class").unsupported(f"components of class {class_name!r}: neither a memory nor units")
    defaults = _MEMORY_DEFAULTS if kind == "memory" else {}
    written = own.mapping() if own else {}
    attributes = _attributes(leaf, own, {**around.attributes, **defaults, **written})
    constraints = leaf.get("constraints")
    dataspaces = constraints.get("dataspace") if constraints else None
    yield replace(_part(name, class_name, attributes, around), dataspaces=dataspaces, is_beside=is_beside)


def _part(name: str, class_name: str, attributes: Node, around: _Around) -> Part:
    kind = kind_of(class_name)
    assert kind is not None
    return Part(
        name=name,
        kind=kind,
        class_name=class_name,
        attributes=attributes,
        mesh_x=around.mesh_x,
        mesh_y=around.mesh_y,
    )


def _attributes(leaf: Node, own: Node | None, together: Mapping[str, Any]) -> Node:
    """Its attributes with all that it takes over, each of them a name in the expressions of the others."""
    place = own or leaf
    return replace(place, data=dict(together), variables={**leaf.variables, **together})


def _fanout(leaf: Node) -> tuple[int, int]:
    spatial = leaf.get("spatial")
    if spatial is None:
        return 1, 1
    spatial.known_keys(("meshX", "meshY"), "direction of a fan-out")
    x, y = (found.whole() if (found := spatial.get(key)) else 1 for key in ("meshX", "meshY"))
    return x, y


def _refuse_gating(attributes: Node | None) -> None:
    found = attributes.get(_GATING) if attributes else None
    if found and found.truth():
        raise found.unsupported("power gates; name the memory that switches off others as its 'power_gated_at'")
