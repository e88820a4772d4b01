"""Outside tools: which there are, installing and removing them, their semantics cards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from gnomon.api import plugins
from gnomon.core.errors import BadInput, near_match
from gnomon.core.tool import MappingTool, OutsideTool
from gnomon.tools import environments
from gnomon.tools.home import tools_home
from gnomon.tools.interpreters import interpreter

_Tool = TypeVar("_Tool")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolState:
    """A tool that an adapter is made for, and whether it is there."""

    name: str
    version: str  # that the adapter is made for
    licence: str
    installed: str | None  # the version that is there; None: it is not
    place: str  # where; where it would be, of one that is not
    by_hand: str  # what to do where `gnomon tools install` cannot


def tool(name: str) -> OutsideTool:
    """The adapter of that name. BadInput."""
    return _chosen(name, plugins.tools())


def mapping_tool(name: str) -> MappingTool:
    """The same of a tool for mappings. BadInput."""
    if name in plugins.tools() and name not in plugins.mapping_tools():
        raise BadInput(f"{name} is no tool for mappings (those are {', '.join(plugins.mapping_tools())})")
    return _chosen(name, plugins.mapping_tools())


def _chosen(name: str, known: Mapping[str, _Tool]) -> _Tool:
    if name not in known:
        told = ", ".join(known) or "none installed"
        raise BadInput(f"unknown tool {name!r}{near_match(name, known)} (known: {told})")
    return known[name]


def tool_states() -> list[ToolState]:
    """Every tool."""
    return [_state(one) for one in plugins.tools().values()]


def _state(one: OutsideTool) -> ToolState:
    found = one.installed()
    return ToolState(
        name=one.name,
        version=one.pin.version,
        licence=one.pin.licence,
        installed=found.version if found else None,
        place=found.place if found else str(tools_home() / one.name) if one.pin.package else "",
        by_hand=one.pin.by_hand,
    )


def install_tool(name: str, python: str | None = None) -> ToolState:
    """Install a tool in an environment of its own, made with the Python that is named, or one that fits. ToolError, BadInput.

    One that is there in the right version stays as it is.
    """
    one = tool(name)
    if not one.pin.package:
        raise BadInput(f"{name} is no Python package: {one.pin.by_hand}")
    there = one.installed()
    if there is not None and there.version == one.pin.version:
        return _state(one)
    environments.make(name, one.pin, tools_home(), interpreter(name, one.pin.python, python))
    return _state(one)


def remove_tool(name: str) -> bool:
    """Remove it; False where it was not installed. BadInput."""
    one = tool(name)
    if not one.pin.package:
        raise BadInput(f"{name} was not installed by gnomon, and is not removed by it")
    return environments.remove(name, tools_home())
