"""Which rules count: Timeloop's, to the last access, with the switches that it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from gnomon.core.errors import BadInput, Unsupported, near_match

TIMELOOP = "timeloop 4cf6d4c (2025-03-31)"  # NVlabs/timeloop; another version may count otherwise

# Environment variable of Timeloop -> switch, and whether the variable turns it on or off.
_VARIABLES = {
    "TIMELOOP_ENABLE_FIRST_READ_ELISION": ("first_read_elision", True),
    "TIMELOOP_DISABLE_LINK_TRANSFERS": ("link_transfers", False),
    "TIMELOOP_ENABLE_TOROIDAL_LINKS": ("toroidal_links", True),
    "TIMELOOP_DISABLE_TEMPORAL_EXTRAPOLATION": ("temporal_extrapolation", False),
    "TIMELOOP_RUN_LAST_ITERATION": ("last_iteration", True),
    "TIMELOOP_ENABLE_UPDATED_RMW": ("updated_rmw", True),
}
# Further variables of it that change what it counts.
_NOT_HERE = (
    "TIMELOOP_USE_ISL",
    "TIMELOOP_DISABLE_SPATIAL_EXTRAPOLATION",
    "TIMELOOP_DISABLE_FIRST_ELEMENT_ONLY_SPATIAL_EXTRAPOLATION",
)
_WORDS = {"on": True, "1": True, "true": True, "off": False, "0": False, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """What Timeloop lets its users turn, with its own defaults."""

    first_read_elision: bool = True  # the first partial sum of an output is neither read nor brought in
    link_transfers: bool = True  # a child may have words from its neighbour
    toroidal_links: bool = False  # the last child is a neighbour of the first
    temporal_extrapolation: bool = True  # the second iteration of a loop stands for all later ones
    last_iteration: bool = False  # the last iteration is walked too
    updated_rmw: bool = False  # reads of partial sums as its newer model counts them

    def told(self) -> dict[str, bool]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def of_environment(variables: Mapping[str, str]) -> Switches:
    """Timeloop's own variables: one that is 0 is off, any other is on. Unsupported where one asks for what is not here."""
    for variable in _NOT_HERE:
        if variable in variables and variables[variable] != "0":
            raise Unsupported(f"{variable} is set, which is not counted here; unset it")
    given = {
        name: (variables[variable] != "0") is is_on
        for variable, (name, is_on) in _VARIABLES.items()
        if variable in variables
    }
    return replace(Switches(), **given)


def turned(switches: Switches, settings: Mapping[str, str]) -> Switches:
    """Switches turned by name: `first_read_elision` -> `off`. BadInput for an unknown name or another value."""
    known = switches.told()
    for name in settings:
        if name not in known:
            raise BadInput(f"unknown switch {name!r}{near_match(name, known)}", field="set")
    return replace(switches, **{name: _read(value, f"set {name}") for name, value in settings.items()})


def _read(text: str, field: str) -> bool:
    if text.lower() not in _WORDS:
        raise BadInput(f"on or off, not {text!r}", field=field)
    return _WORDS[text.lower()]
