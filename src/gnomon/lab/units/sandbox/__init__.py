"""Units of an experiment run where the kernel lets them write to their own room only, and what they tried is recorded.

`Worker(rooms, reachable())` starts units one after another; the same interface stands at every level of enforcement:

    sandbox      bubblewrap (everything but the rooms is mounted read-only, own processes, own /tmp) and Landlock in it
    landlock     Landlock alone: contents, names and existence of files are safe; mode, owner and times are not
    detect-only  nothing is denied; digests tell afterwards what was touched

What no level holds: the number of processes and the memory of all of them together (cgroups would); a daemon whose socket
lies outside of /run and /tmp; a file in a scratch folder that is another name of one elsewhere (a hard link made before the
run); a device that is given. Denied but not recorded: what io_uring does, and programs of another word length.

Nothing here loads more than the standard library: the program that runs inside is these same files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnomon.lab.units.sandbox.levels import Level, Reach, reachable
    from gnomon.lab.units.sandbox.messages import Command, Ended, Event, Limits, Running
    from gnomon.lab.units.sandbox.rooms import Rooms, accelerators
    from gnomon.lab.units.sandbox.selftest import Attempt, SelfTest, self_test
    from gnomon.lab.units.sandbox.worker import Worker

_HOME = {
    "Level": "levels",
    "Reach": "levels",
    "reachable": "levels",
    "Command": "messages",
    "Ended": "messages",
    "Event": "messages",
    "Limits": "messages",
    "Running": "messages",
    "Rooms": "rooms",
    "accelerators": "rooms",
    "Attempt": "selftest",
    "SelfTest": "selftest",
    "self_test": "selftest",
    "Worker": "worker",
}
__all__ = [  # noqa: RUF022 - the order of use
    "Level",
    "Reach",
    "reachable",
    "Rooms",
    "accelerators",
    "Command",
    "Limits",
    "Worker",
    "Running",
    "Event",
    "Ended",
    "self_test",
    "SelfTest",
    "Attempt",
]


def __getattr__(name: str) -> Any:
    """Load a name when it is first used: the zygote starts sooner without what only the supervisor needs."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
