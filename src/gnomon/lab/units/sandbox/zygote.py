"""The program that starts units: in the sandbox as its first process, or outside it at the weaker levels.

It is started once for a worker, so that a unit costs a fork and not a sandbox and an interpreter. The supervisor sends JSON
lines over a socket: the set-up first, then {"do": "start", ...} and {"do": "stop", ...}; it hears {"is": "ready"},
"running", "refused", "event" and "ended". The zygote ends when the supervisor does, and as the first process of a namespace takes
every other process with it. [pid_namespaces(7)]

One unit at a time: between two of them every process that is left is killed and the private /tmp is emptied.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import sys
from typing import Any

from gnomon.lab.units.sandbox import leftovers, offspring, watch
from gnomon.lab.units.sandbox.unit import Unit

_TICK_S = 0.25  # how often limits are looked at while nothing happens
_TICK_WITHOUT_PIDFD_S = 0.01  # and where the end of a process cannot be polled for: macOS


class Zygote:
    """The loop: one socket, at most one unit."""

    def __init__(self, line: socket.socket, setup: dict[str, Any]) -> None:
        self._line, self._setup = line, setup
        self._heard, self._untold = b"", b""
        self._unit: Unit | None = None
        self._supervisor: int | None = setup["supervisor_fd"]
        self._poll = select.poll()
        if self._supervisor is not None:
            self._poll.register(self._supervisor, select.POLLIN)

    def run(self) -> None:
        """Serve until the supervisor is gone."""
        self._tell({"is": "ready", "pid": os.getpid()})
        while True:
            tick_s = _TICK_S
            if self._unit is not None and self._unit.process_fd is None:
                tick_s = _TICK_WITHOUT_PIDFD_S
            self._poll.register(self._line.fileno(), select.POLLIN | (select.POLLOUT if self._untold else 0))
            ready = dict(self._poll.poll(tick_s * 1000 if self._unit else None))
            line = ready.get(self._line.fileno(), 0)
            if self._supervisor in ready or (line & ~select.POLLOUT and not self._hear()):
                break
            if line & select.POLLOUT:
                self._flush()
            if self._unit is not None:
                self._serve(self._unit, ready)
        if self._unit is not None:
            self._unit.kill()
        leftovers.kill_all(own_processes=self._setup["own_processes"])
        leftovers.empty(self._setup["emptied"])
        for folder in () if self._setup["own_processes"] else self._setup["emptied"]:
            with contextlib.suppress(OSError):  # a supervisor that was killed cannot remove it
                os.rmdir(folder)  # noqa: PTH106 - pathlib is not loaded here

    def _hear(self) -> bool:
        try:
            got = self._line.recv(1 << 16)
        except OSError:
            got = b""
        self._heard += got
        *lines, self._heard = self._heard.split(b"\n")
        for each in lines:
            self._obey(json.loads(each))
        return bool(got)

    def _obey(self, order: dict[str, Any]) -> None:
        if order["do"] == "start":
            self._start(order)
        elif self._unit is not None and order["unit"] == self._unit.name:
            self._unit.stop("stopped", order["grace_s"])

    def _start(self, order: dict[str, Any]) -> None:
        try:
            unit = Unit(order, self._setup)
        except OSError as fault:
            reason = f"{fault.filename or order['room']}: {fault.strerror}"
            self._tell({"is": "refused", "unit": order["unit"], "reason": reason})
            return
        if unit.fault:
            self._tell(unit.end())
            return
        for handle in unit.handles():
            self._poll.register(handle, select.POLLIN)
        self._unit = unit
        self._tell({"is": "running", "unit": unit.name, "pid": unit.pid})

    def _serve(self, unit: Unit, ready: dict[int, int]) -> None:
        for event in unit.serve(ready):
            self._tell({"is": "event", "unit": unit.name, **event})
        for handle in unit.take_spent():
            self._poll.unregister(handle)
        if not unit.has_ended():
            return
        for handle in unit.handles():
            self._poll.unregister(handle)
        self._unit = None
        ended = unit.end()
        leftovers.empty(self._setup["emptied"])
        self._tell(ended)

    def _tell(self, message: dict[str, Any]) -> None:
        self._untold += json.dumps(message).encode() + b"\n"
        self._flush()

    def _flush(self) -> None:
        """Say what the supervisor has room for: one that does not listen must not keep limits from being kept."""
        try:
            self._untold = self._untold[self._line.send(self._untold, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            pass
        except OSError:
            self._untold = b""  # it is gone, which the loop notices


def main(arguments: list[str]) -> None:
    """Take the socket named by the first argument, become what the set-up says, serve."""
    line = socket.socket(fileno=int(arguments[0]))
    line.setblocking(True)
    text = b""
    while not text.endswith(b"\n"):
        got = line.recv(1 << 16)
        if not got:
            return
        text += got
    setup = json.loads(text)
    for each in (line.fileno(), setup["supervisor_fd"]):
        if each is not None:
            os.set_inheritable(each, False)
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 3:  # so that no descriptor of ours is one that a unit gets
        pass
    os.close(handle)
    offspring.shield()
    setup["processes"] = (setup["supervisor"], os.getpid())
    setup["protected"], setup["writable"] = tuple(setup["protected"]), tuple(setup["writable"])
    if setup["watch"]:
        setup["filter"] = watch.build_filter(setup["machine"], setup["processes"])
    Zygote(line, setup).run()


if __name__ == "__main__":
    main(sys.argv[1:])
