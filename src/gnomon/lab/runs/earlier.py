"""Sealed results of other experiments, held against what they were when a run began: what no sandbox denied is told.

Sizes, times of change and modes stand for bytes here; `gnomon exp verify` of an experiment reads them all.
"""

from __future__ import annotations

from pathlib import Path

from gnomon.lab.digests import of_data
from gnomon.lab.store.run_folder import in_one_line
from gnomon.lab.store.seal import MANIFEST, is_sealed_file


def snapshot(results: Path, own: Path) -> dict[str, str]:
    """Folder below `results` -> a digest of what its sealed files look like, for every sealed run but the one at work."""
    found = {}
    for listed in sorted(results.glob(f"exp-*/{MANIFEST}")) + sorted(results.glob(f"exp-*/runs/*/{MANIFEST}")):
        folder = listed.parent
        if folder.resolve() == own.resolve():
            continue
        found[in_one_line(folder.relative_to(results))] = of_data([_look(folder, path) for path in _files(folder)])
    return found


def changed(before: dict[str, str], results: Path, own: Path) -> list[str]:
    """Folders that are gone or look other than before."""
    now = snapshot(results, own)
    return [name for name, look in before.items() if now.get(name) != look]


def _files(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
    return sorted(path for path in files if is_sealed_file(in_one_line(path.relative_to(folder))))


def _look(folder: Path, path: Path) -> list[object]:
    told = path.lstat()
    return [in_one_line(path.relative_to(folder)), told.st_size, str(told.st_mtime_ns), told.st_mode]
