"""What a process does between fork and exec to become a unit: everything that it must not have is given up here."""

# Loaded by what starts units, which has no use for pathlib and would wait for it.
# ruff: noqa: PTH112, PTH118, PTH123

from __future__ import annotations

import contextlib
import json
import os
import platform
import resource
import signal
import socket
import sys
from typing import Any, NoReturn

from gnomon.lab.units.sandbox import watch

if sys.platform == "linux":
    from gnomon.lab.units.sandbox import kernel, landlock

OBSERVATIONS = 3  # the descriptor that a unit writes its observations to, and GNOMON_FD in its environment

_OOM_SCORE = "500"  # of 1000: the unit goes before its supervisor when memory runs out [proc_pid_oom_score_adj(5)]
_LIMITS = {"cpu_s": resource.RLIMIT_CPU, "memory_bytes": resource.RLIMIT_AS, "file_bytes": resource.RLIMIT_FSIZE}


_DEAF_TO = (
    signal.SIGPIPE,
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


def shield() -> None:
    """Make the zygote hard to reach for its units, and the reaper of their orphans.

    The first process of a namespace gets no signal from in there that it does not listen to [pid_namespaces(7)], and Python
    listens to SIGINT. A process that is not dumpable can be neither traced nor read through /proc by one of the same user.
    Both count where there is no Landlock. [PR_SET_DUMPABLE(2const), PR_SET_CHILD_SUBREAPER(2const)]
    """
    for each in _DEAF_TO:
        signal.signal(each, signal.SIG_IGN)
    if sys.platform == "linux":
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)


def find(program: str, search: str, cwd: str) -> str:
    """The file that a program's name stands for, looked for as a shell does; the name itself if there is none."""
    if "/" in program:
        return program
    for folder in search.split(":"):
        candidate = os.path.join(cwd, folder, program)
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
            return candidate
    return program


def become(
    order: dict[str, Any], setup: dict[str, Any], handles: dict[str, int], channel: socket.socket | None
) -> NoReturn:
    """Turn the calling process, fresh from fork, into the unit; a fault is written to the report as JSON."""
    stage = "the command"
    try:
        os.setsid()
        for each in (*_DEAF_TO, signal.SIGXFSZ):  # which Python ignores
            signal.signal(each, signal.SIG_DFL)  # what is ignored stays so over exec
        for number, name in enumerate(("null", "stdout", "stderr", "observations")):
            os.dup2(handles[name], number)
        _limit(order["limits"])
        if sys.platform == "linux":
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
            kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # else its own folder in /proc is not its own
            with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
                file.write(_OOM_SCORE)
        stage = order["cwd"]
        os.chdir(stage)
        stage = order["argv"][0]
        program = find(stage, order["env"].get("PATH", os.defpath), order["cwd"])
        if sys.platform == "linux":
            _give_up(order, setup, channel)
        os.execve(program, order["argv"], order["env"])
    except OSError as fault:
        os.write(handles["report"], json.dumps(f"{stage}: {fault.strerror}").encode())
    except BaseException as fault:
        os.write(handles["report"], json.dumps(f"{stage}: {type(fault).__name__}: {fault}").encode())
    os._exit(127)


def _limit(limits: dict[str, Any]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, which in _LIMITS.items():
        if limits[name] is not None:
            _, most = resource.getrlimit(which)
            wanted = limits[name] if most == resource.RLIM_INFINITY else min(limits[name], most)
            resource.setrlimit(which, (wanted, wanted))


def _give_up(order: dict[str, Any], setup: dict[str, Any], channel: socket.socket | None) -> None:
    if setup["drop_capabilities"]:
        kernel.drop_capabilities()
    if setup["landlock_abi"]:
        landlock.restrict(setup["landlock_abi"], [order["room"], *setup["writable"]], deny_tcp=setup["deny_tcp"])
    if channel is not None:  # last: from here on every call that is watched waits for the zygote
        listener = watch.install(setup["filter"])
        socket.send_fds(channel, [b"."], [listener])
        os.close(listener)


def machine() -> str:
    """The kind of machine, as the tables of system calls name it."""
    return {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
