"""Files that the user asks to be written: refused early, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from gnomon.core.errors import BadInput


def check_writable(path: Path) -> None:
    """BadInput when the file could not be written; asked before long work, and leaving nothing behind."""
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise BadInput(f"{path}: cannot be written: it is no plain file")
    folder = next(parent for parent in target.parents if parent.exists())
    if not folder.is_dir():
        raise BadInput(f"{path}: cannot be written: {folder} is not a folder")
    if not os.access(target if target.exists() else folder, os.W_OK):
        raise BadInput(f"{path}: cannot be written: permission denied")


def write_whole(path: Path, content: str | bytes) -> None:
    """Write `content` beside its place and rename: a reader never sees half a file. Missing folders are made. BadInput."""
    target = path.resolve()  # a link keeps pointing to what it points to
    temporary = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        temporary.replace(target)
    except OSError as fault:
        raise BadInput(f"{path}: cannot be written: {(fault.strerror or str(fault)).lower()}") from None
    finally:
        temporary.unlink(missing_ok=True)
