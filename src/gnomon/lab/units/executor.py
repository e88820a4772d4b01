"""What runs a unit, wherever that is: the interface that the runner asks, and that executors give.

An executor is found by its entry point in `gnomon.executors`; `local` runs on this machine, under the enforcement that it
reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from gnomon.lab.specs.spec import Spec
from gnomon.lab.store.run_folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One attempt of a unit."""

    unit: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    folder: Path  # where it starts: the repository
    room: Path  # where it may write: standard output, error and the descriptor's lines are files in it
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What became of an attempt."""

    unit: str
    code: int | None  # exit status; None: it was killed
    failure: str = ""  # in words: why it does not count; empty: it ended with 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    maxrss_bytes: int = 0
    events: tuple[Mapping[str, Any], ...] = field(default=())  # attempts against what is protected
    facts: tuple[str, ...] = ()  # what else is to be told of it


class Worker(Protocol):
    """One place that runs units one after another."""

    def start(self, job: Job) -> None:
        """Begin an attempt."""

    def poll(self, timeout_s: float) -> Ended | None:
        """What became of it, when it ends within that time."""

    def stop(self, grace_s: float) -> None:
        """End it: a request first, and after the grace by force; `poll` then tells."""

    def close(self) -> None:
        """Leave nothing running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Where units run: a name, what it enforces, and how its workers are made."""

    executor: str
    enforcement: Mapping[str, Any]  # `level`, and what makes it up
    workers: Callable[[Spec, Path, RunFolder, int], Sequence[Worker]]  # for a spec in a repository, so many


@runtime_checkable
class Executor(Protocol):
    """What an entry point of `gnomon.executors` is: a class without arguments."""

    name: str

    def host(self, level: str | None) -> Host:
        """Where units run, at the highest level of enforcement that is reached, or at a lower one. BadInput for a higher."""
