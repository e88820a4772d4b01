"""The end of a run: every file listed with its digest, the list bound into the journal, nothing writable any more.

What stands outside of the list says so itself: the journal, whose last record binds the list, and the list.
"""

from __future__ import annotations

import stat
from pathlib import Path

from gnomon.lab.digests import of_bytes
from gnomon.lab.store.journal import scan
from gnomon.lab.store.run_folder import RunFolder, tree, write_synced
from gnomon.lab.store.state import State

MANIFEST = "MANIFEST.sha256"
_APART = {"journal.jsonl", MANIFEST, ".lease", "stop", ".reserve", "analysis.md", "verdict.json"}  # and replicates


def is_sealed(folder: RunFolder) -> bool:
    """Whether the journal says so: a list of files alone may be of a runner that was killed before its last record."""
    state = State()
    try:
        scan(folder.journal, state.take)
    except FileNotFoundError:
        return False
    return state.is_sealed


def manifest(folder: Path) -> str:
    """A line for every sealed file: digest, two spaces, name; as `sha256sum -c` reads it, links marked."""
    return "".join(f"{digest}  {name}\n" for name, digest in tree(folder) if is_sealed_file(name))


def is_sealed_file(name: str) -> bool:
    """Whether a file of a run belongs to its list."""
    return name not in _APART and name.split("/")[0] != "runs"


def close_files(folder: RunFolder) -> str:
    """Write the list and take the right to write from every file; the list's digest, for the journal."""
    text = manifest(folder.path)
    write_synced(folder.path / MANIFEST, text)
    return of_bytes(text.encode())


def take_write_right(folder: RunFolder) -> None:
    """No file of the run is writable any more, the journal included."""
    for path in folder.path.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.name != ".lease":
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
