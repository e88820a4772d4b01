"""A research repository: the folders and files in which experiments, their results and claims have their place.

What is there already is left as it is, whatever it says.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from gnomon.core.errors import BadInput, ToolError
from gnomon.formats.files import check_writable, write_whole

# Folder -> what its README says it is for; a folder without a file would not be in a commit.
FOLDERS = {
    "experiments": "Specs: `gnomon exp new SLUG` writes one. Registered by a lock file beside it; edited afterwards only by `gnomon exp amend`.",
    "results": "What runs left, a folder for each spec. Written by `gnomon exp run` alone, sealed, and not edited.",
    "scripts": "Programs that experiments run.",
    "data/evaluation": "Measured data that predictions are held against; specs name each file with its digest.",
    "claims": "What others published, a YAML file for each tool: `gnomon claims add`, `check`, `report`.",
}
README = """\
# {name}

A research repository: each question becomes a spec that is registered before anything is measured, a run that is executed
exactly as registered, sealed results, and a verdict that is read from them mechanically.

    gnomon exp new my-question                        a spec that runs as it stands: change it into yours
    gnomon exp lint experiments/exp-001-my-question.md
    gnomon exp register experiments/exp-001-my-question.md
    gnomon exp run experiments/exp-001-my-question.md
    gnomon exp verify experiments/exp-001-my-question.md
    gnomon exp read experiments/exp-001-my-question.md
    gnomon claims list                                what others published, and whether it was reproduced

- `experiments/`, `results/`: specs and what became of them; nothing in them is edited by hand after it is registered or sealed
- `scripts/`, `data/evaluation/`: programs that experiments run, and measured data with its digests in the specs
- `claims/`: published numbers as hypotheses; `gnomon claims check --update` writes what results say of them
- `RESEARCH_LOG.md`: what was done and found, newest last; `QUESTIONS.md`: what is open, in the order in which it matters
- `HANDOFF.md`: what somebody who takes over must know today

While an experiment runs, all of this but its own folder is read-only for what it starts.
"""
FILES = {
    "README.md": README,
    "RESEARCH_LOG.md": "# Research log\n\nNewest last. An entry: date, experiment, what was found (the verdict, not the hope), what follows.\n",
    "QUESTIONS.md": "# Questions\n\nOpen questions in the order in which they matter. One that is decided goes to the log, with its experiment.\n",
    "HANDOFF.md": "# Hand-off\n\nWhat somebody who takes over must know today: what runs, what waits for what, what is not to be touched.\n",
    ".gitignore": "__pycache__/\n.venv/\n# of runs: what is of one machine and one moment\nresults/**/.lease\nresults/**/.reserve\nresults/**/work/\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaffolded:
    """What was made of a folder."""

    root: Path
    made: tuple[str, ...]  # files, in the order in which they were written
    kept: tuple[str, ...]  # files that were there, and stay as they were
    git: str  # made, there (it was a repository before), or empty: none was asked for and there is none


def scaffold(root: Path, *, git: bool = False) -> Scaffolded:
    """Make a research repository of a folder, new or not. BadInput where a file stands in the way; nothing is made then."""
    files = {
        **{f"{folder}/README.md": f"# {folder}\n\n{text}\n" for folder, text in FOLDERS.items()},
        **{name: text.replace("{name}", root.resolve().name) for name, text in FILES.items()},
    }
    if root.exists() and not root.is_dir():
        raise BadInput(f"{root}: a file, not a folder")
    for folder in FOLDERS:
        for above in (root / folder, *(root / folder).parents):
            if above.exists() and not above.is_dir():
                raise BadInput(f"{above}: a file stands where a folder is to be")
    kept = [name for name in files if (root / name).exists() or (root / name).is_symlink()]
    made = [name for name in files if name not in kept]
    for name in made:
        check_writable(root / name)
    for name in made:
        write_whole(root / name, files[name])
    return Scaffolded(root=root, made=tuple(made), kept=tuple(kept), git=_git(root, git))


def _git(root: Path, is_asked: bool) -> str:
    """Begin a git repository where that is asked for and there is none, above neither. ToolError where git does not."""

    def asked(*words: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
        except OSError as fault:
            raise ToolError(f"git: {(fault.strerror or str(fault)).lower()}; the files are made") from None

    if not is_asked:
        return (
            "there" if any((folder / ".git").exists() for folder in (root.resolve(), *root.resolve().parents)) else ""
        )
    if asked("rev-parse", "--is-inside-work-tree").returncode == 0:
        return "there"
    done = asked("init", "--quiet")
    if done.returncode:
        raise ToolError(f"git init: {(done.stderr.strip().splitlines() or ['failed'])[-1]}; the files are made")
    return "made"
