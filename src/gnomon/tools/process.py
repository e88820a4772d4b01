"""Running a program in a folder of its own, watched: what can go wrong with it is told apart."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gnomon.core.errors import ToolError
from gnomon.core.tool import Files, Limits

_LOOK_S = 0.25  # from one look at it to the next
_PROCESSES = Path("/proc")
_NOT_ITS_OWN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")  # of Gnomon's Python, not of the tool's
_TAIL = 20_000  # letters that are kept of what it prints


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A program that ended by itself."""

    code: int
    out: str
    err: str


@contextmanager
def scratch(files: Files) -> Iterator[Path]:
    """A new folder with these files, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gnomon-tool-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
        yield folder


def run(
    tool: str,
    words: Sequence[str],
    folder: Path,
    limits: Limits,
    variables: Mapping[str, str] | None = None,
    kept: int = _TAIL,
) -> Ended:
    """Run it in the folder. ToolError when it takes more time or memory than it may; all it started ends with it.

    kept: bytes of what it prints, counted from the end.
    """
    out, err = folder / ".out", folder / ".err"
    with out.open("wb") as to_out, err.open("wb") as to_err, _ended_with_us():
        try:
            process = subprocess.Popen(
                words,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=to_out,
                stderr=to_err,
                env=_variables(folder, variables or {}),
                start_new_session=True,
            )
        except OSError as fault:
            raise ToolError(f"{tool} cannot be started: {words[0]}: {fault.strerror or fault}") from None
        try:
            _watch(tool, process, limits)
        finally:
            _end(process)
    return Ended(code=process.returncode, out=_text(out, kept), err=_text(err, kept))


@contextmanager
def _ended_with_us() -> Iterator[None]:
    """SIGTERM ends the block, and all that runs in it, before it ends us."""
    if threading.current_thread() is not threading.main_thread():  # only there can signals be handled
        yield
        return

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _variables(folder: Path, further: Mapping[str, str]) -> dict[str, str]:
    """The user's, but nothing of Gnomon's own Python; files that a tool writes at home stay in the folder."""
    own = {key: value for key, value in os.environ.items() if key not in _NOT_ITS_OWN}
    return own | {"LC_ALL": "C", "HOME": str(folder), "MPLBACKEND": "Agg"} | dict(further)


def _watch(tool: str, process: subprocess.Popen[bytes], limits: Limits) -> None:
    """Until it ends. ToolError where it takes too much."""
    stop = time.monotonic() + limits.time_s
    while process.poll() is None:
        if time.monotonic() > stop:
            raise ToolError(f"{tool} was stopped: no answer within {limits.time_s:g} s")
        used = _resident_bytes(process.pid)
        if used > limits.memory_bytes:
            raise ToolError(
                f"{tool} was stopped: it took {used / 2**30:.1f} GiB of memory, {limits.memory_bytes / 2**30:g} GiB are allowed"
            )
        try:
            process.wait(_LOOK_S)
        except subprocess.TimeoutExpired:
            continue


def _resident_bytes(session: int) -> int:
    """Memory of every process of its session; 0 where the system does not tell (it is Linux's way)."""
    total = 0
    for place in _PROCESSES.glob("[0-9]*"):
        try:
            if os.getsid(int(place.name)) == session:
                total += int((place / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):  # it has ended meanwhile
            continue
    return total


def _end(process: subprocess.Popen[bytes]) -> None:
    """Of all that it started nothing runs on."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _text(file: Path, kept: int) -> str:
    return file.read_bytes()[-kept:].decode("utf-8", errors="replace")
