"""The program of the self-test: attacks the first path it is given, and opens the others for writing."""

# Loaded by what starts units, which has no use for pathlib and would wait for it.
# ruff: noqa: PTH101, PTH102, PTH104, PTH106, PTH108, PTH113

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable


def main(arguments: list[str]) -> None:
    """Write one line of attempts, each with the name of its error, to the descriptor of the observations.

    Arguments: JSON lists of the paths to attack, and of the scratch folders, which must be writable.
    """
    victim, *others = json.loads(arguments[0])
    unwritable = [each for each in json.loads(arguments[1]) if not os.access(each, os.W_OK | os.X_OK)]
    attempts = [
        _attempt("chmod", victim, lambda: os.chmod(victim, 0o644)),
        _attempt("write", victim, lambda: _write(victim)),
        _attempt("create", victim, lambda: _write(f"{victim}.new")),
        _attempt("rename", victim, lambda: os.rename(victim, f"{victim}.moved")),
        _attempt("unlink", victim, lambda: os.unlink(victim)),
    ]
    for each in others:
        if os.path.isfile(each):
            attempts.append(_attempt("open", each, lambda path=each: os.close(os.open(path, os.O_WRONLY))))  # type: ignore[misc]
        else:
            attempts.append(_attempt("create", each, lambda path=each: _make_and_remove(f"{path}/.self-test")))  # type: ignore[misc]
    os.write(
        int(os.environ["GNOMON_FD"]), json.dumps({"attempts": attempts, "unwritable": unwritable}).encode() + b"\n"
    )


def _attempt(what: str, target: str, act: Callable[[], None]) -> tuple[str, str, str]:
    try:
        act()
    except OSError as fault:
        return what, target, errno.errorcode.get(fault.errno or 0, "unknown")
    return what, target, ""


def _write(path: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(handle, b"overwritten\n")
    os.close(handle)


def _make_and_remove(path: str) -> None:
    os.mkdir(path)
    os.rmdir(path)


if __name__ == "__main__":
    main(sys.argv[1:])
