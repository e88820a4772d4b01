"""The parts of an accelerator as a file lists them, before their attributes are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

from gnomon.core.errors import nearest
from gnomon.formats.timeloop.node import Node

Kind = Literal["memory", "units"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A memory, or the multiply-accumulate units."""

    name: str
    kind: Kind
    class_name: str
    attributes: Node
    mesh_x: int  # instances in all, along x
    mesh_y: int
    fans_out: str | None = None  # stands for the fan-out of a part of this name, and keeps nothing
    dataspaces: Node | None = None  # the constraint on what it keeps, where the file says it beside the part
    is_beside: bool = False  # one of several next to each other, each with data spaces of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """The parts of one accelerator, and how they lie."""

    name: str
    units: Part
    memories: tuple[Part, ...]  # the innermost first


# What is part of a class's name tells what it is; the first that fits decides.
_MEMORIES = ("DRAM", "SRAM", "regfile", "smartbuffer", "storage")
_UNITS = ("mac", "compute")
_CLASSES = ("intmac", "fpmac", "compute", *_MEMORIES)  # that are near what is misspelt


def kind_of(class_name: str) -> Kind | None:
    """What a component of this class is; None for one that nothing is known of, such as wires."""
    if any(part in class_name for part in _MEMORIES):
        return "memory"
    return "units" if any(part in class_name for part in _UNITS) else None


def assembled(name: str, parts: Sequence[Part], node: Node, others: Sequence[str] = ()) -> Hardware:
    """The parts of a list from outside in: memories, and units inside of them all. BadInput where it is not so.

    others: classes of what is left out, one of which may be misspelt.
    """
    near = next(
        (f"; {other!r}: did you mean {meant!r}?" for other in others if (meant := nearest(other, _CLASSES))), ""
    )
    units = [part for part in parts if part.kind == "units"]
    memories = [part for part in parts if part.kind == "memory"]
    if len(units) != 1:
        told = ", ".join(part.name for part in units) or "none"
        raise node.fault(f"expected one component whose class is of multiply-accumulate units, found {told}{near}")
    if not memories:
        raise node.fault(f"expected at least one component whose class is of a memory, found none{near}")
    for index, part in enumerate(parts):
        if any(other.name == part.name for other in parts[:index]):
            raise part.attributes.fault(f"two components are named {part.name!r}")
    for outer, inner in zip(memories, [*memories[1:], units[0]], strict=True):
        for axis, around, within in (("x", outer.mesh_x, inner.mesh_x), ("y", outer.mesh_y, inner.mesh_y)):
            if within % around:
                raise inner.attributes.fault(
                    f"{within} instances of {inner.name} along {axis} cannot be shared evenly by {around} of {outer.name}"
                )
    return Hardware(name=name, units=units[0], memories=tuple(reversed(memories)))


def mesh(attributes: Node, name: str, instances: int | None) -> tuple[int, int]:
    """Instances along x and y; by default all along x. BadInput where they do not make up the instances."""
    given = attributes.get("instances")
    if given:
        instances = given.whole()
    x, y = (found.whole() if (found := attributes.get(key)) else None for key in ("meshX", "meshY"))
    if instances is None:
        if x is None or y is None:
            raise attributes.fault(f"{name}: instances are missing; give instances, or meshX and meshY")
        return x, y
    if x is None:
        x = instances // y if y else instances
    if y is None:
        y = instances // x
    if prod((x, y)) != instances:
        raise attributes.fault(f"{name}: meshX {x} times meshY {y} does not make its {instances} instances")
    return x, y
