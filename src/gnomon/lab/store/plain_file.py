"""Files in a folder that a unit wrote to: read only where they are plain files, and written to no other place.

A unit may have left a link, a pipe or a device under any name: a link would lead the runner's reading and writing out of
the folder, a pipe would hold it for ever.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import BinaryIO


def opened(path: Path) -> BinaryIO | None:
    """A plain file open for reading; None where there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    file = os.fdopen(handle, "rb")
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        file.close()
        return None
    return file


def content(path: Path) -> bytes:
    """The bytes of a plain file; none where there is none."""
    file = opened(path)
    if file is None:
        return b""
    with file:
        return file.read()


def end_of(path: Path, size_bytes: int) -> tuple[bytes, int]:
    """The last bytes of a plain file, so many at most, and how many stand before them."""
    file = opened(path)
    if file is None:
        return b"", 0
    with file:
        before = max(os.fstat(file.fileno()).st_size - size_bytes, 0)
        file.seek(before)
        return file.read(size_bytes), before


def clear(path: Path) -> None:
    """Leave nothing under a name, whatever it was."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
