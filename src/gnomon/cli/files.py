"""Files that the user asks to be written: refused early, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from gnomon.core.errors import BadInput


def check_writable(path: Path) -> None:
    """BadInput when the file could not be written; asked before long work. Missing folders are made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise BadInput(f"{path}: is a folder; give a file name")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
        if path.exists() and not os.access(path, os.W_OK):
            raise BadInput(f"{path}: cannot be written: Permission denied")
    except OSError as fault:
        raise BadInput(f"{path}: cannot be written: {fault.strerror}") from None


def write_whole(path: Path, text: str) -> None:
    """Write `text` under a temporary name and rename: a reader never sees half a file. BadInput."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as fault:
        temporary.unlink(missing_ok=True)
        raise BadInput(f"{path}: cannot be written: {fault.strerror}") from None
