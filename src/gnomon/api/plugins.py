"""Plug-ins: parts found by entry point, listed without importing them; a broken one is a report, never a crash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Literal

from gnomon.core.errors import BadInput, near_match
from gnomon.core.tell import Tell, silent

if TYPE_CHECKING:
    from gnomon.core.engine import Engine, OpTimer
    from gnomon.core.exchange import ExchangeTimer
    from gnomon.core.tool import MappingTool, OutsideTool
    from gnomon.tools.serving.services import Services

Group = Literal["engines", "adapters", "formats", "executors"]
GROUPS: tuple[Group, ...] = ("engines", "adapters", "formats", "executors")
# What a part of each group may be: module and name, imported when one is loaded, for a list of names needs none of them. An
# adapter drives an outside tool, and answers like an engine or, for a tool of mappings, a question about a tensor operation.
_PROTOCOLS: dict[Group, tuple[tuple[str, str], ...]] = {
    "engines": (("gnomon.core.engine", "Engine"),),
    "adapters": (("gnomon.core.engine", "Engine"), ("gnomon.core.tool", "MappingTool")),
    "formats": (("gnomon.formats.model_format", "ModelFormat"),),
    "executors": (("gnomon.lab.units.executor", "Executor"),),
}
OWN = "gnomon"  # the distribution whose parts no other replaces


@dataclass(frozen=True, slots=True, kw_only=True)
class PlugIn:
    """One entry point and what became of loading it."""

    group: Group
    name: str
    package: str  # distribution that brings it, with its version
    fault: str = ""  # why it cannot be used; empty: it can


def _found(group: Group) -> dict[str, EntryPoint]:
    """Entry points of a group by name; of two with one name Gnomon's own stays, else the first by its package."""
    found: dict[str, EntryPoint] = {}
    for point in _every(group):
        found.setdefault(point.name, point)
    return dict(sorted(found.items()))


@cache  # reading every installed package's metadata takes milliseconds
def _every(group: Group) -> tuple[EntryPoint, ...]:
    """Entry points of a group, Gnomon's own first."""

    def place(point: EntryPoint) -> tuple[bool, str, str]:
        package = point.dist.name if point.dist else ""
        return package != OWN, package, point.name

    return tuple(sorted(entry_points(group=f"gnomon.{group}"), key=place))


def names(group: Group) -> tuple[str, ...]:
    """Names in a group, from metadata alone."""
    return tuple(_found(group))


@cache
def load(group: Group, name: str) -> Any:
    """An instance of the part. BadInput when it is unknown or broken."""
    found = _found(group)
    kind = group.removesuffix("s")
    if name not in found:
        known = ", ".join(found) or "none installed"
        raise BadInput(f"unknown {kind} {name!r}{near_match(name, found)} (known: {known})")
    point = found[name]
    try:
        part = point.load()()
    except (Exception, SystemExit) as fault:  # whatever foreign code raises is the report
        raise BadInput(f"{kind} {name!r} of {_package(point)} is broken: {type(fault).__name__}: {fault}") from fault
    if getattr(part, "name", name) != name:
        raise BadInput(f"{kind} {name!r} of {_package(point)} is broken: it calls itself {part.name!r}")
    if not any(isinstance(part, getattr(import_module(module), protocol)) for module, protocol in _PROTOCOLS[group]):
        told = " or ".join(protocol for _, protocol in _PROTOCOLS[group])
        raise BadInput(f"{kind} {name!r} of {_package(point)} is broken: it lacks a part of the {told} protocol")
    return part


def working(group: Group) -> dict[str, Any]:
    """Every part of a group that can be used, by name; the broken ones are left to `inspect`."""
    return {part.name: load(group, part.name) for part in inspect(group) if not part.fault}


def inspect(group: Group) -> tuple[PlugIn, ...]:
    """Every part of a group, loaded, with the fault of each that is broken."""
    found = []
    for name, point in _found(group).items():
        fault = ""
        try:
            load(group, name)
        except BadInput as broken:
            fault = str(broken)
        found.append(PlugIn(group=group, name=name, package=_package(point), fault=fault))
    used = _found(group)
    for point in _every(group):
        if point != used[point.name]:
            fault = f"hidden: {_package(used[point.name])} has a part of that name"
            found.append(PlugIn(group=group, name=point.name, package=_package(point), fault=fault))
    return tuple(found)


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"


def engine(name: str) -> Engine:
    """The engine or adapter of that name, with sources of times where it takes them. BadInput."""
    from gnomon.core.engine import Composes  # numpy, which a list of names does not wait for
    from gnomon.tools.serving.services import SimulatesServices

    part = _engine(name)
    if isinstance(part, SimulatesServices):
        return part.of_services(_services)
    return part.composed(op_timer, exchange_timer) if isinstance(part, Composes) else part


def _services(settings: Mapping[str, str]) -> Services:
    """Services as the serving engine with these settings sets them up. BadInput."""
    serving: Any = tuned("serving", settings)
    source: Services = serving.service
    return source


def op_timer(name: str) -> OpTimer:
    """The engine of that name as a source of operator times. BadInput."""
    from gnomon.core.engine import OpTimer

    if name in (*names("engines"), *names("adapters")) and isinstance(part := _engine(name), OpTimer):
        return part
    known = [one for one, found in engines().items() if isinstance(found, OpTimer)]
    raise BadInput(
        f"no engine {name!r} gives times of single operators{near_match(name, known)} (those that do: {', '.join(known)})",
        field="timer",
    )


def exchange_timer(name: str) -> ExchangeTimer:
    """The source of times of exchanges of that name. BadInput with the near match."""

    if name not in EXCHANGES:
        raise BadInput(
            f"unknown {name!r}{near_match(name, EXCHANGES)} (known: {', '.join(EXCHANGES)})", field="exchanges"
        )
    module, of = EXCHANGES[name]
    made: ExchangeTimer = getattr(import_module(module), of)()
    return made


# Sources of times of exchanges, by name: module and class, imported when one is asked for.
EXCHANGES = {
    "nccl": ("gnomon.engines.nccl.timer", "NcclTimer"),
    "astra-sim": ("gnomon.engines.training.step.exchanges", "AstraSimExchanges"),
}


def _engine(name: str) -> Engine:
    if not isinstance(name, str):
        raise BadInput(f"{name!r:.60} is not the name of an engine (see `gnomon list engines`)", field="engine")
    if name not in names("adapters") or name in names("engines"):
        part: Engine = load("engines", name)
        return part
    adapter = load("adapters", name)
    if _is_mapping_tool(adapter):
        raise BadInput(
            f"{name!r} answers for mappings of tensor operations alone: see `gnomon map compare`", field="engine"
        )
    found: Engine = adapter
    return found


def tuned(name: str, settings: Mapping[str, str], tell: Tell = silent) -> Engine:
    """That engine with settings of its own. BadInput where it has none."""
    from gnomon.core.engine import Tunable  # numpy, which a list of names does not wait for

    part = engine(name)
    if isinstance(part, Tunable):
        return part.tuned(settings, tell)
    if settings:
        raise BadInput(f"engine {name!r} has no settings", field=f"{name}.{next(iter(settings))}")
    return part


def engines() -> dict[str, Engine]:
    """Every engine, and every adapter that answers like one, that can be used, by name, with its sources of times."""
    adapters = (name for name, part in working("adapters").items() if not _is_mapping_tool(part))
    return {name: engine(name) for name in dict.fromkeys((*adapters, *working("engines")))}


def mapping_tools() -> dict[str, MappingTool]:
    """Every adapter of a tool for mappings that can be used, by name."""
    return {name: part for name, part in working("adapters").items() if _is_mapping_tool(part)}


def tools() -> dict[str, OutsideTool]:
    """Every adapter of an outside tool that can be used, by name: for mappings, or an engine."""
    from gnomon.core.tool import OutsideTool

    return {name: part for name, part in working("adapters").items() if isinstance(part, OutsideTool)}


def _is_mapping_tool(part: Any) -> bool:
    from gnomon.core.tool import MappingTool

    return isinstance(part, MappingTool)


def faults() -> tuple[str, ...]:
    """What is wrong with the parts that cannot be used, one line each."""
    return tuple(part.fault for group in GROUPS for part in inspect(group) if part.fault)
