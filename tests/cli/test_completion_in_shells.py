"""What zsh and fish make of a line when the key is pressed: the shells themselves, with the scripts that gnomon prints."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gnomon.cli.completion import SCRIPTS

pytestmark = pytest.mark.slow  # the shells are the same whatever versions are installed

# Everything that fits the last word; a line and the words that it can end in.
EVERYTHING = {
    "gnomon pre": ["predict"],
    "gnomon predict gpt2 --memory-b": ["--memory-bandwidth"],
    "gnomon predict llama-2-": ["llama-2-13b", "llama-2-70b", "llama-2-7b"],
    'gnomon predict "llama-2-1': ["llama-2-13b"],
    "gnomon predict gpt2 --on rtx-30": ["rtx-3090", "rtx-3090-ti"],
    "gnomon predict gpt2 --on t4,rtx-30": ["t4,rtx-3090", "t4,rtx-3090-ti"],
    "gnomon predict gpt2 --on=rtx-409": ["--on=rtx-4090"],
    "gnomon predict --on t4:8 llama-2-1": ["llama-2-13b"],
    "gnomon predict gpt2 --on ./my": ["./my-gpu.yaml"],
    "gnomon predict gpt2 --on=t4,my": ["--on=t4,my-gpu.yaml"],
    "gnomon check my-": ["my-gpu.yaml"],
}
LIMIT_S = 30.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a file to complete, and the command gnomon in bin."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "my-gpu.yaml").touch()
    command = folder / "bin" / "gnomon"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m gnomon "$@"\n')
    command.chmod(0o755)
    for shell, script in SCRIPTS.items():
        (folder / f"_{shell}").write_text(script)
    return folder


def _environment(home: Path) -> dict[str, str]:
    return os.environ | {
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "TERM": "dumb",
    }


def _needed(shell: str) -> str:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"the program {shell} is missing: its completion is not tried")
    return found


# --- fish says itself what it would offer


@pytest.mark.parametrize("line", EVERYTHING)
def test_fish_offers(home: Path, line: str) -> None:
    words = [_needed("fish"), "-c", f"source _fish; complete -C '{line}'"]
    done = subprocess.run(words, cwd=home, env=_environment(home), capture_output=True, text=True, check=True)
    assert sorted(text.split("\t")[0] for text in done.stdout.splitlines()) == EVERYTHING[line], done.stderr


def test_fish_offers_no_files_where_a_verb_stands(home: Path) -> None:
    words = [_needed("fish"), "-c", "source _fish; complete -C 'gnomon '"]
    done = subprocess.run(words, cwd=home, env=_environment(home), capture_output=True, text=True, check=True)
    assert "predict" in done.stdout.split()
    assert "my-gpu.yaml" not in done.stdout.split()


# --- zsh has to be typed to


_ZSHRC = """
fpath=({home}/functions $fpath)
autoload -Uz compinit; compinit -u -D
written() {{ print -r -- $BUFFER > {home}/line.part; mv {home}/line.part {home}/line; zle kill-whole-line }}
zle -N written; bindkey '^Xw' written
zle -C every complete-word _generic; bindkey '^Xe' every
zstyle ':completion:every:*' completer _all_matches _complete
zstyle ':completion:every:*' insert true
print > {home}/line
"""


@pytest.fixture(scope="module")
def zsh(home: Path) -> Iterator[Callable[[str], str]]:
    """What a line becomes in zsh when every match is put into it."""
    program = _needed("zsh")
    (home / "functions").mkdir()
    shutil.copy(home / "_zsh", home / "functions" / "_gnomon")
    (home / "rc.zsh").write_text(_ZSHRC.format(home=home))
    ours, its = pty.openpty()
    shell = subprocess.Popen(
        [program, "-f", "-i"],
        stdin=its,
        stdout=its,
        stderr=its,
        cwd=home,
        env=_environment(home),
        start_new_session=True,
    )
    os.close(its)

    def typed(keys: str) -> str:
        answer, said, end = home / "line", b"", time.monotonic() + LIMIT_S
        os.write(ours, keys.encode())
        while not answer.exists():
            if select.select([ours], [], [], 0.02)[0]:
                said += os.read(ours, 65536)
            assert time.monotonic() < end, f"zsh does not answer: {said!r}"
        text = answer.read_text()
        answer.unlink()
        return text.rstrip()

    typed(f"source {home}/rc.zsh\n")
    yield lambda line: typed(f"{line}\x18e\x18w")
    shell.kill()
    shell.wait()
    os.close(ours)


@pytest.mark.parametrize("line", EVERYTHING)
def test_zsh_offers(zsh: Callable[[str], str], line: str) -> None:
    before, _, last = line.rpartition(" ")
    quote = '"' if last.startswith('"') else ""
    assert zsh(line) == f"{before} {' '.join(f'{quote}{word}{quote}' for word in EVERYTHING[line])}"


def test_zsh_offers_no_files_where_a_verb_stands(zsh: Callable[[str], str]) -> None:
    words = zsh("gnomon ").split()
    assert "predict" in words
    assert "my-gpu.yaml" not in words
