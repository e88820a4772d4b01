"""What a unit prints, kept in a file of bounded size: its head as it comes, its tail when it ends.

A program that prints 10 GB must not fill the disk, and the reason of a failure stands at the end of a log, that of a wrong
set-up at its start. In between, the file says how many bytes were left out.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections import deque

_CHUNK_BYTES = 1 << 20  # of a pipe at most, by /proc/sys/fs/pipe-max-size as Linux sets it
_F_SETPIPE_SZ = 1031


class Log:
    """A pipe that a unit writes to and the file that its bytes come into."""

    def __init__(self, path: str, head_bytes: int, tail_bytes: int) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        self.reader, self.writer = os.pipe2(os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
        with contextlib.suppress(OSError):
            fcntl.fcntl(self.reader, _F_SETPIPE_SZ, _CHUNK_BYTES)
        os.set_blocking(self.reader, False)
        self._head_left, self._tail_bytes = head_bytes, tail_bytes
        self._tail: deque[bytes] = deque()
        self._tail_held = 0
        self.left_out_bytes = 0
        self.fault = ""  # why bytes could not be written: a full disk
        self._open = True

    def pump(self) -> bool:
        """Take what the pipe holds, one chunk at most; false when nobody holds its other end any more, or it is empty."""
        try:
            chunk = os.read(self.reader, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not chunk:
            self._open = False
            return False
        head = chunk[: self._head_left]
        if head:
            self._head_left -= len(head)
            self._write(head)
        if len(head) < len(chunk):
            self._keep(chunk[len(head) :])
        return True

    def is_open(self) -> bool:
        """More may come: somebody holds the other end."""
        return self._open

    def close(self) -> None:
        """Take what is left, write the tail, close everything."""
        while self.pump():
            pass
        if self.left_out_bytes:
            self._write(f"\n[gnomon: {self.left_out_bytes} bytes left out here]\n".encode())
        for chunk in self._tail:
            self._write(chunk)
        for handle in (self.reader, self._file):
            os.close(handle)

    def _keep(self, chunk: bytes) -> None:
        self._tail.append(chunk)
        self._tail_held += len(chunk)
        while self._tail_held > self._tail_bytes:
            surplus = self._tail_held - self._tail_bytes
            first = self._tail.popleft()
            if len(first) > surplus:
                self._tail.appendleft(first[surplus:])
            gone = min(surplus, len(first))
            self._tail_held -= gone
            self.left_out_bytes += gone

    def _write(self, data: bytes) -> None:
        while data and not self.fault:
            try:
                data = data[os.write(self._file, data) :]
            except OSError as fault:
                self.fault = fault.strerror or "cannot be written"
