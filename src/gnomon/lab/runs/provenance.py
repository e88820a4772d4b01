"""What a run stood on: machine, interpreter, packages, repository. Facts that another could check, and no secret."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gnomon.core.version import version
from gnomon.lab.digests import of_file
from gnomon.lab.repository import git_of
from gnomon.lab.runs import packages
from gnomon.lab.specs.spec import Input

_SECRET = re.compile(r"key|token|secret|password|passwd|credential|auth|cookie", re.IGNORECASE)


def environment(root: Path, variables: Iterable[str]) -> dict[str, Any]:
    """The machine, the repository, and the variables that the spec names, none that looks like a secret."""
    git = git_of(root)
    return {
        "gnomon": version(),
        "host": platform.node(),
        "kernel": platform.release(),
        "system": platform.system(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_bytes": memory_bytes(),
        "container": _container(),
        "gpus": gpus(),
        "packages": packages.installed(),
        "git": {"commit": git.commit, "branch": git.branch, "is_dirty": git.is_dirty},
        "variables": {name: os.environ[name] for name in variables if name in os.environ and not _SECRET.search(name)},
        "withheld": sorted(name for name in variables if _SECRET.search(name)),
    }


def differing(root: Path) -> str:
    """What differs from the commit, as git tells it; empty where nothing does or git is not there."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "diff", "HEAD"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return done.stdout if done.returncode == 0 else ""


def rows_of(path: Path) -> int:
    """Lines of a table after its first."""
    with path.open("rb") as file:
        return max(sum(1 for line in file if line.strip()) - 1, 0)


def input_fault(root: Path, item: Input) -> str:
    """What is wrong with an input of the spec; empty: its digest and rows are as registered."""
    path = root / item.path
    if not path.is_file():
        return f"{item.path}: no such file"
    digest = of_file(path)
    rows = rows_of(path) if item.rows is not None else None
    if digest != item.sha256:
        told = f" ({rows} rows, expected {item.rows})" if rows != item.rows else ""
        return f"{item.path}: sha256 is {digest}, expected {item.sha256}{told}"
    if rows != item.rows:
        return f"{item.path}: {rows} rows, expected {item.rows}"
    return ""


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    match = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return match.group(1) if match else platform.machine()


def memory_bytes() -> int | None:
    """Of the machine; None where it does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _container() -> str:
    """What hints at a container; empty: nothing does."""
    for path in ("/.dockerenv", "/run/.containerenv"):
        if Path(path).exists():
            return path
    return ""


def gpus() -> list[str]:
    """Name, UUID and driver of every GPU that nvidia-smi tells of."""
    words = [
        "nvidia-smi",
        "--query-gpu=name,uuid,driver_version,mig.mode.current,ecc.mode.current",
        "--format=csv,noheader",
    ]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.strip().splitlines() if done.returncode == 0 else []
