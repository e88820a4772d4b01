"""One runner at a time: a lock of the kernel on the run, and beside it who holds it.

The lock ends with its process, however that ends; the record tells a second runner whom it waits for. On a network file
system that keeps no locks between machines the record's host is what remains.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from pathlib import Path
from types import TracebackType

from gnomon.lab.errors import Locked


class Lease:
    """The right to write to a run."""

    def __init__(self, folder: Path) -> None:
        """Take it. Locked, naming the owner, where another process has it."""
        self._path = folder / ".lease"
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = _owner(self._path)
            os.close(self._handle)
            raise Locked(f"{folder}: another runner is at work ({owner}); `gnomon exp status` shows how far") from None
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode(), 0)

    def close(self) -> None:
        """Give it back."""
        os.close(self._handle)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def is_held(folder: Path) -> bool:
    """Whether a runner is at work on the run."""
    try:
        handle = os.open(folder / ".lease", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _owner(path: Path) -> str:
    try:
        found = json.loads(path.read_text())
        return f"process {found['pid']} on {found['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "its record cannot be read"
