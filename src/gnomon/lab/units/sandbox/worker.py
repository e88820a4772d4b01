"""The supervisor's side: a worker that runs one unit after another, the same at every level of enforcement."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections import deque
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from gnomon.core.errors import BadInput, ToolError
from gnomon.lab.units.sandbox import bubblewrap, levels, offspring
from gnomon.lab.units.sandbox.levels import Level, Reach
from gnomon.lab.units.sandbox.messages import Command, Ended, Event, Message, Running
from gnomon.lab.units.sandbox.rooms import Rooms

_START_S = 60.0  # a machine under load takes its time; past this something is wrong
_CLOSE_S = 20.0  # the zygote's own patience with what is stuck, and some more
# What programs may need to write to besides their room. [Filesystem Hierarchy Standard 3.0, 6.1.3; shm_open(3); pty(7)]
_PLAIN_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts")
_SHARED_MEMORY = "/dev/shm"


class Worker:
    """Runs units of one run, one at a time; several workers may share the rooms. Close it, or use it in a `with`."""

    def __init__(self, rooms: Rooms, reach: Reach) -> None:
        self.rooms, self.reach = rooms, reach
        self._unit: str | None = None
        self._started = 0.0
        self._overdue: float | None = None  # when a worker that has said nothing is given up
        self._messages: deque[Message] = deque()
        self._heard = b""
        self._line: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._temporary = ""  # TMPDIR of the units

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, command: Command) -> Running:
        """Start a unit; what becomes of it is told by poll, also if it cannot be started (then it has no pid)."""
        assert self._unit is None, "one unit at a time: poll until it has ended"
        room = self.rooms.work / command.room.name
        if command.room.parent.resolve() != self.rooms.work or room.name == ".." or room.is_symlink():
            raise BadInput(f"{command.room} is no room: it must be a folder in {self.rooms.work}")
        room.mkdir(exist_ok=True)
        if self._line is None:
            self._launch()
        self._unit, self._started = command.unit, time.monotonic()
        limits = command.limits
        self._overdue = None if limits.wall_s is None else self._started + limits.wall_s + limits.grace_s + _CLOSE_S
        order = {"do": "start", **asdict(command), "room": str(room), "cwd": str(command.cwd or room)}
        order["env"] = {
            "TMPDIR": self._temporary,
            "GIT_OPTIONAL_LOCKS": "0",  # else `git status` tries to write the index, and an innocent unit is on record
            "PYTHONDONTWRITEBYTECODE": "1",  # likewise a program that imports a file beside it
            **command.env,
            "GNOMON_FD": str(offspring.OBSERVATIONS),
        }
        self._tell(order)
        while not self._messages:
            try:
                if not self._hear(_START_S):
                    self._lose("was killed")
            except TimeoutError:
                self._lose("did not start the unit")
        first = self._messages[0]
        if isinstance(first, Running):
            self._messages.popleft()
            return first
        return Running(unit=command.unit, pid=None)

    def poll(self, timeout_s: float | None = None) -> Event | Ended | None:
        """What happens next to the unit: an attempt that was seen for the first time, or its end; None if nothing in time."""
        until = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while not self._messages:
            if self._unit is None:
                return None
            overdue = math.inf if self._overdue is None else self._overdue
            left_s = min(until, overdue) - time.monotonic()
            try:
                if not self._hear(None if left_s == math.inf else max(left_s, 0.0)):
                    self._lose("was killed")
            except TimeoutError:
                if overdue > until:
                    return None
                self._lose("did not end the unit in time")
        first = self._messages.popleft()
        if isinstance(first, Ended):
            self._unit = None
        assert not isinstance(first, Running)
        return first

    def stop(self, grace_s: float) -> None:
        """Ask the unit to end (TERM), and end it after the grace (KILL). Poll until it has ended."""
        if self._unit is not None:
            overdue = time.monotonic() + grace_s + _CLOSE_S
            self._overdue = overdue if self._overdue is None else min(overdue, self._overdue)
            self._tell({"do": "stop", "unit": self._unit, "grace_s": grace_s})

    def close(self) -> None:
        """End the unit under way and the worker; nothing that it started is left."""
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._process is not None:
            try:
                self._process.wait(_CLOSE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._temporary and self.reach.bwrap is None:
            shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary = ""
        self._unit = None
        self._messages.clear()

    # -- the zygote ----------------------------------------------------------------------------------------------------

    def _launch(self) -> None:
        if self.reach.bwrap is None:
            self._temporary = tempfile.mkdtemp(prefix="gnomon-")
        self._line, theirs = socket.socketpair()
        watched = os.pidfd_open(os.getpid()) if hasattr(os, "pidfd_open") else None
        words = levels.starter("zygote", str(theirs.fileno()))
        if self.reach.bwrap is not None:
            words = [*bubblewrap.command(self.reach.bwrap, self.rooms, levels.NEEDED), *words]
        handles = tuple(each for each in (theirs.fileno(), watched) if each is not None)
        with tempfile.TemporaryFile() as complaints:
            try:
                self._process = _started_in_a_thread_of_its_own(words, handles, complaints.fileno())
                self._heard = b""
                self._tell(self._setup(watched))
            finally:
                theirs.close()
                if watched is not None:
                    os.close(watched)
            self._line.settimeout(_START_S)
            try:
                answer = self._line.recv(1 << 16)
            except OSError:
                answer = b""
            if b'"ready"' not in answer:
                self.close()
                complaints.seek(0)
                said = complaints.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
                raise ToolError(f"the worker of level {self.reach.level} did not start: {said[-1]}")

    def _setup(self, supervisor_fd: int | None) -> dict[str, Any]:
        reach, rooms = self.reach, self.rooms
        boxed = reach.bwrap is not None
        writable = [f"/dev/{name}" for name in _PLAIN_DEVICES] + [
            str(each) for each in (*rooms.scratch, *rooms.devices)
        ]
        private = [self._temporary]
        if boxed:
            private = bubblewrap.private(rooms, levels.NEEDED)
            self._temporary = private[0]
        elif not any(each.is_relative_to(_SHARED_MEMORY) for each in (*rooms.protected, rooms.work)):
            writable.append(_SHARED_MEMORY)
        held = reach.level > Level.DETECT_ONLY
        return {
            "machine": offspring.machine(),
            "supervisor": os.getpid(),
            "supervisor_fd": supervisor_fd,
            "own_processes": boxed,
            "watch": reach.watch,
            "landlock_abi": reach.landlock_abi,
            # Without a network of its own a unit could reach the machine's; with one it keeps the loopback in there.
            "deny_tcp": not rooms.network and not boxed,
            "drop_capabilities": held and not boxed and os.geteuid() == 0,
            "protected": [str(each) for each in (*rooms.protected, rooms.work, rooms.canary)],
            "writable": [*private, *writable],
            "emptied": private,
        }

    def _tell(self, message: dict[str, Any]) -> None:
        if self._line is not None:
            self._line.settimeout(None)
            with contextlib.suppress(OSError):  # its end is noticed when it is listened to
                self._line.sendall(json.dumps(message).encode() + b"\n")

    def _hear(self, timeout_s: float | None) -> bool:
        """Wait for more; false when the zygote is gone. Raises TimeoutError."""
        if self._line is None:
            return False
        self._line.settimeout(timeout_s if timeout_s is None else timeout_s or 1e-6)
        try:
            got = self._line.recv(1 << 16)
        except ConnectionError:
            got = b""
        self._heard += got
        *lines, self._heard = self._heard.split(b"\n")
        self._messages += [message for each in lines if (message := self._read(json.loads(each))) is not None]
        return bool(got)

    def _read(self, said: dict[str, Any]) -> Message | None:
        match said.pop("is"):
            case "running":
                return Running(**said)
            case "event":
                return Event(**said)
            case "refused":
                return self._without_measure("not started", said["reason"])
            case "ended":
                said["events"] = tuple(Event(unit=said["unit"], **each) for each in said["events"])
                said["leftovers"], said["undead"] = tuple(said["leftovers"]), tuple(said["undead"])
                return Ended(**said)
        return None

    def _lose(self, why: str) -> None:
        """The zygote was ended from outside, or hangs: so does its unit; the next start makes another worker."""
        lost = self._without_measure("lost", f"the worker {why}")
        self.close()
        self._unit = lost.unit
        self._messages.append(lost)

    def _without_measure(self, how: str, reason: str) -> Ended:
        return Ended(
            unit=self._unit or "",
            how=how,
            exit_code=None,
            signal=None,
            reason=reason,
            wall_s=time.monotonic() - self._started,
            cpu_s=None,
            max_rss_bytes=None,
            leftovers=(),
            undead=(),
            left_out_bytes={},
            log_faults={},
            events=(),
            events_left_out=0,
        )


def _started_in_a_thread_of_its_own(words: list[str], handles: tuple[int, ...], stderr: int) -> subprocess.Popen[bytes]:
    """A process whose parent, to the kernel, is a thread that lives as long as it does.

    bwrap --die-with-parent asks for a signal at the end of its parent, and the kernel means the thread that started it
    [PR_SET_PDEATHSIG(2const)]: a runner whose threads come and go would lose its workers with them.
    """
    outcome: list[subprocess.Popen[bytes] | BaseException] = []
    known = threading.Event()

    def tend() -> None:
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                pass_fds=handles,
                start_new_session=True,
                env={"PATH": os.defpath},
                cwd="/",
            )
        except BaseException as fault:  # handed to the thread that asked
            outcome.append(fault)
            known.set()
            return
        outcome.append(process)
        known.set()
        process.wait()

    threading.Thread(target=tend, daemon=True, name="gnomon sandbox").start()
    known.wait()
    (result,) = outcome
    if isinstance(result, BaseException):
        raise ToolError(f"the worker did not start: {result}") from result
    return result
