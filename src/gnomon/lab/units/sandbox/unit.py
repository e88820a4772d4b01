"""One unit, as the zygote sees it: started, served while it runs, ended with all that it started."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time
from typing import Any

from gnomon.lab.units.sandbox import leftovers, offspring, watch
from gnomon.lab.units.sandbox.aims import Aim, Guard, judge
from gnomon.lab.units.sandbox.logs import Log

_EVENTS = 256  # different attempts kept of a unit; how many more there were is told
_STUCK_S = 10.0  # after KILL: then the process hangs in the kernel and is given up


class Unit:
    """A unit under way. `fault` says why it could not be started; then only `end` is left to call."""

    def __init__(self, order: dict[str, Any], setup: dict[str, Any]) -> None:
        self.name: str = order["unit"]
        self._order, self._setup = order, setup
        self._limits: dict[str, Any] = order["limits"]
        room = order["room"]
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._observations = os.open(f"{room}/observations.jsonl", flags, 0o644)
        self._logs: dict[str, Log] = {}
        try:
            for each in ("stdout", "stderr"):
                self._logs[each] = Log(
                    f"{room}/{each}.log", self._limits["log_head_bytes"], self._limits["log_tail_bytes"]
                )
        except OSError:
            os.close(self._observations)
            for log in self._logs.values():
                os.close(log.writer)
                log.close()
            raise
        writable = (room, *setup["writable"])
        self._guard = Guard(setup["machine"], setup["protected"], writable, setup["processes"], setup["own_processes"])
        self._seen: dict[tuple[str, ...], list[Any]] = {}
        self._seen_left_out = 0
        self._usage = leftovers.Usage()
        self._how, self._reason = "", ""
        self._status: int | None = None
        self._gone = False
        self._kill_at: float | None = None
        self._spent: list[int] = []
        self._started = time.monotonic()
        self.process_fd: int | None = None
        self._listener: int | None = None
        self.pid, self.fault = self._fork()
        if not self.fault and hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):  # a kernel before 5.3
                self.process_fd = os.pidfd_open(self.pid)

    def _fork(self) -> tuple[int, str]:
        report, told = os.pipe()  # Python's own are closed by exec, which is how a start without fault is known
        ours, theirs = socket.socketpair() if self._setup["watch"] else (None, None)
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        handles = {
            "null": null,
            "stdout": self._logs["stdout"].writer,
            "stderr": self._logs["stderr"].writer,
            "observations": self._observations,
            "report": told,
        }
        pid = os.fork()
        if not pid:
            offspring.become(self._order, self._setup, handles, theirs)
        for handle in (null, told, handles["stdout"], handles["stderr"]):
            os.close(handle)
        fault = b""
        while more := os.read(report, 1 << 16):
            fault += more
        os.close(report)
        if fault:
            _, self._status, used = os.wait4(pid, 0)
            self._usage.add(used)
        if ours is not None and theirs is not None:
            theirs.close()
            if not fault:
                _, (self._listener, *_), _, _ = socket.recv_fds(ours, 1, 1)
                watch.prepare(self._listener)
            ours.close()
        return pid, json.loads(fault) if fault else ""

    def handles(self) -> list[int]:
        """What to poll for."""
        pipes = [each.reader for each in self._logs.values() if each.is_open()]
        return [each for each in (*pipes, self._listener, self.process_fd) if each is not None]

    def take_spent(self) -> list[int]:
        """Descriptors that nothing will come from any more."""
        spent, self._spent = self._spent, []
        return spent

    def serve(self, ready: dict[int, int]) -> list[dict[str, Any]]:
        """Do what is due; returns the attempts that were seen for the first time."""
        for log in self._logs.values():
            if log.is_open() and log.reader in ready:
                log.pump()
                if not log.is_open():
                    self._spent.append(log.reader)
        fresh = []
        if self._listener is not None and self._listener in ready:
            fresh = self._watch(self._listener, ready[self._listener])
        self._keep_limits(time.monotonic())
        self._reap()
        return fresh

    def _watch(self, listener: int, flags: int) -> list[dict[str, Any]]:
        if not flags & select.POLLIN:  # every process under the filter is gone
            self._spent.append(listener)
            os.close(listener)
            self._listener = None
            return []
        seen = watch.receive(listener)
        if seen is None:
            return []
        aim = judge(self._guard, seen)
        watch.let_go_on(listener, seen)
        return self._note(aim) if aim is not None else []

    def _note(self, aim: Aim) -> list[dict[str, Any]]:
        key = (aim.call, aim.aim, aim.target, aim.process)
        if key in self._seen:
            self._seen[key][1] += 1
            return []
        if len(self._seen) >= _EVENTS:
            self._seen_left_out += 1
            return []
        self._seen[key] = [aim, 1]
        return [aim._asdict()]  # a path is 4096 bytes at most, so that the record of a unit stays below a few megabytes

    def _keep_limits(self, now: float) -> None:
        wall_s = self._limits["wall_s"]
        if wall_s is not None and not self._how and now - self._started > wall_s:
            self.stop("timeout", self._limits["grace_s"], f"ran longer than {wall_s:g} s")
        most = self._limits["observations_bytes"]
        if not self._how and os.fstat(self._observations).st_size > most:
            self.stop("observations", self._limits["grace_s"], f"wrote more than {most} bytes of observations")
        if self._kill_at is not None and now > self._kill_at:
            self.kill()
            if now > self._kill_at + _STUCK_S:
                self._gone = True

    def _reap(self) -> None:
        """Take in what ended: orphans come to this process, and its own first process last, with its group killed before.

        While that one is not waited for, no other process can bear its number, so the group that is killed is its own.
        """
        with contextlib.suppress(ChildProcessError):
            while self._status is None:
                if hasattr(os, "waitid"):
                    about = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                    if about is None:
                        return
                    ended = about.si_pid
                    if ended == self.pid:
                        self.kill()
                else:
                    ended = self.pid  # macOS
                pid, status, used = os.wait4(ended, os.WNOHANG)
                if not pid:
                    return
                self._usage.add(used)
                if pid == self.pid:
                    self._status = status

    def stop(self, how: str, grace_s: float, reason: str = "") -> None:
        """Ask it to end by TERM; after the grace it is killed."""
        self._how, self._reason = self._how or how, self._reason or reason
        kill_at = time.monotonic() + grace_s
        self._kill_at = kill_at if self._kill_at is None else min(kill_at, self._kill_at)
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End the session of the unit at once."""
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)

    def has_ended(self) -> bool:
        """Its first process is gone, or given up."""
        return self._status is not None or self._gone

    def end(self) -> dict[str, Any]:
        """End what is left of it, close everything, and say how it went."""
        wall_s = time.monotonic() - self._started
        names, undead = leftovers.kill_all(own_processes=self._setup["own_processes"], usage=self._usage)
        for log in self._logs.values():
            log.close()
        for handle in (self._observations, self._listener, self.process_fd):
            if handle is not None:
                os.close(handle)
        code = None if self._status is None else os.waitstatus_to_exitcode(self._status)
        how = self._how or ("exited" if code is not None and code >= 0 else "signalled")
        return {
            "is": "ended",
            "unit": self.name,
            "how": "not started" if self.fault else how,
            "exit_code": code if code is not None and code >= 0 and not self.fault else None,
            "signal": -code if code is not None and code < 0 else None,
            "reason": self.fault or self._reason,
            "wall_s": wall_s,
            "cpu_s": self._usage.cpu_s,
            "max_rss_bytes": self._usage.max_rss_bytes,
            "leftovers": names,
            "undead": undead,
            "left_out_bytes": {name: log.left_out_bytes for name, log in self._logs.items()},
            "log_faults": {name: log.fault for name, log in self._logs.items() if log.fault},
            "events": [{**aim._asdict(), "times": times} for aim, times in self._seen.values()],
            "events_left_out": self._seen_left_out,
        }
