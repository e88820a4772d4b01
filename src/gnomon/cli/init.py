"""gnomon init: a research repository in which experiments and claims have their place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gnomon.cli.arguments import Parser
from gnomon.cli.output import print_json, say
from gnomon.lab.specs.scaffold import scaffold


def parser() -> Parser:
    """The arguments."""
    found = Parser(
        "init",
        "Make a research repository of a folder, new or not: experiments, results, scripts, evaluation data, claims, "
        "log, questions, hand-off. A file that is there stays as it is.",
        "gnomon init my-research --git",
    )
    found.add_argument(
        "folder",
        metavar="FOLDER",
        nargs="?",
        type=Path,
        default=Path(),
        help="what becomes a repository (default: this folder)",
    )
    found.add_argument("--git", action="store_true", help="begin a git repository there, where there is none")
    found.add_argument("--json", action="store_true", help="one JSON object")
    return found


def run(arguments: Sequence[str]) -> int:
    """Make the repository."""
    asked = parser().read(arguments)
    made = scaffold(asked.folder, git=asked.git)
    if asked.json:
        print_json(
            {"schema": "gnomon/init/1", "folder": str(made.root), "made": made.made, "kept": made.kept, "git": made.git}
        )
        return 0
    for name in made.made:
        print(made.root / name)
    for name in made.kept:
        say(f"{made.root / name} is there already, and stays as it is")
    if not made.git:
        say("no git repository here: a commit is what says when a spec was registered (`git init`, or --git)")
    inside = "" if made.root == Path() else f" --root {made.root}"
    say(f"next: `gnomon exp new my-question{inside}` writes a first spec; `gnomon claims list` shows published claims")
    return 0
