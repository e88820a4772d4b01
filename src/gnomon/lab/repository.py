"""Where an experiment's files stand, and what git says of them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from gnomon.core.errors import BadInput

# Files beside the experiments that only people write while a run is under way.
PROTECTED = ("RESEARCH_LOG.md", "QUESTIONS.md", "HANDOFF.md", "claims", "experiments", "results", ".git")


@dataclass(frozen=True, slots=True)
class Git:
    """The state of the repository; no field is set outside of one."""

    commit: str = ""
    branch: str = ""
    is_dirty: bool = False
    author: str = ""


def root_of(spec: Path) -> Path:
    """The repository that a spec belongs to: the folder above `experiments/`. BadInput for a spec that stands elsewhere."""
    folder = spec.resolve().parent
    if folder.name != "experiments":
        raise BadInput(f"{spec}: a spec stands in a folder called experiments, beside results")
    return folder.parent


def results_of(spec: Path) -> Path:
    """Where the first run of a spec leaves its results."""
    return root_of(spec) / "results" / spec.stem


def git_of(root: Path) -> Git:
    """Commit, branch and author, and whether anything differs from the commit."""

    def asked(*words: str) -> str:
        try:
            done = subprocess.run(
                ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=30, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = asked("rev-parse", "HEAD")
    if not commit:
        return Git()
    name, mail = asked("config", "user.name"), asked("config", "user.email")
    return Git(
        commit=commit,
        branch=asked("rev-parse", "--abbrev-ref", "HEAD"),
        is_dirty=bool(asked("status", "--porcelain")),
        author=f"{name} <{mail}>" if mail else name,
    )
