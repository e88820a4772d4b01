"""What a shell offers when the key is pressed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gnomon.cli.complete import candidates, parser_of
from gnomon.cli.completion import SCRIPTS
from gnomon.cli.main import VERBS
from gnomon.zoo.models import models


@pytest.mark.parametrize(
    ("line", "some"),
    [
        (["pre"], ["predict"]),
        (["predict", "resnet-"], ["resnet-50", "resnet-18"]),
        (["predict", "resnet-50", "--o"], ["--on"]),
        (["predict", "resnet-50", "--on", "h100"], ["h100-sxm", "h100-pcie"]),
        (["predict", "resnet-50", "--on", "t4,l4"], ["t4,l4", "t4,l40s"]),
        (["predict", "resnet-50", "--on=dgx-"], ["--on=dgx-h100"]),
        (["predict", "--batch", "8", "--on", "t4", "bert-"], ["bert-large"]),
        (["predict", "gpt2", "--engine", ""], ["roofline"]),
        (["predict", "gpt2", "--attention", "e"], ["eager"]),
        (["predict", "gpt2", "--mode", "dec"], ["decode"]),
        (["compare", "gpt2-large-inference-v100", "bert"], ["bert-large-inference-t4"]),
        (["compare", "--measurements", ""], ["published"]),
        (["show", "mi300"], ["mi300x", "mi300x-8"]),
        (["list", "d"], ["devices"]),
        (["list", "f"], ["formats"]),
        (["report", "published", "--engine", ""], ["roofline"]),
        (["report", "publ"], ["published"]),
        (["schema", ""], ["scenario", "device", "system"]),
        (["completion", "z"], ["zsh"]),
    ],
)
def test_names_that_fit_are_offered(line: list[str], some: list[str]) -> None:
    found = candidates(line)
    assert set(some) <= set(found)
    assert all(name.startswith(line[-1]) for name in found)


@pytest.mark.parametrize(
    "line", [["pedict", ""], ["predict", "gpt2", "x"], ["predict", "--batch", ""], ["check", "my-"], ["complet", ""]]
)
def test_nothing_is_offered_where_a_file_or_a_number_stands(line: list[str]) -> None:
    assert candidates(line) == []


def test_a_name_already_in_the_list_is_not_offered_again() -> None:
    assert "resnet-50,resnet-50" not in candidates(["predict", "resnet-50,"])
    assert len(candidates(["predict", "resnet-50,"])) == len(models()) - 1


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_completes_its_flags(verb: str) -> None:
    parser = parser_of(verb)
    assert parser is not None
    assert candidates([verb, "--"]) == [flag for flag in parser.flags if flag.startswith("--")]


@pytest.mark.parametrize(
    "line",
    [
        ["predict", "res"],
        *(
            pytest.param(line, marks=pytest.mark.slow)
            for line in (["compare", "--"], ["list", ""], ["doctor", "--"], ["show", "t"])
        ),
    ],
)
def test_completing_imports_no_polars(line: list[str]) -> None:
    code = f"import sys; from gnomon.cli.main import main; main(['complete', *{line!r}]); sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.fixture
def bash(tmp_path: Path):
    """Candidates that bash offers for a line cut into words as bash cuts it, the last one the word at the cursor."""
    if shutil.which("bash") is None:
        pytest.skip("the program bash is missing")
    command = tmp_path / "gnomon"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m gnomon "$@"\n')
    command.chmod(0o755)

    def offered(*words: str) -> list[str]:
        quoted = " ".join(f"'{word}'" for word in ("gnomon", *words))
        script = (
            'eval "$(gnomon completion bash)"\n'
            f"COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _gnomon; printf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
            "complete -p gnomon"
        )
        environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        run = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, env=environment)
        *names, registered = run.stdout.splitlines()
        assert registered == "complete -o default -F _gnomon gnomon"
        return [name for name in names if name]

    return offered


@pytest.mark.slow
def test_bash_offers_models_systems_and_flags(bash) -> None:
    assert bash("predict", "llama-2-") == ["llama-2-7b", "llama-2-13b", "llama-2-70b"]
    assert bash("predict", "gpt2", "--on", "t4,rtx-30") == ["t4,rtx-3090", "t4,rtx-3090-ti"]
    assert bash("predict", "gpt2", "--memory-b") == ["--memory-bandwidth"]


@pytest.mark.slow
def test_bash_cuts_words_at_equals_and_colon(bash) -> None:
    assert bash("predict", "gpt2", "--on", "=", "rtx-30") == ["rtx-3090", "rtx-3090-ti"]
    assert "t4" in bash("predict", "gpt2", "--on", "=")
    assert bash("predict", "--on", "t4", ":", "8", "llama-2-1") == ["llama-2-13b"]


@pytest.mark.parametrize("shell", SCRIPTS)
def test_each_shell_reads_its_script(gnomon, shell: str) -> None:
    run = gnomon("completion", shell)
    assert run.out == SCRIPTS[shell]
    if shutil.which(shell) is None:
        pytest.skip(f"the program {shell} is missing: its script is not parsed")
    subprocess.run([shell, "-n"], input=run.out, text=True, check=True)


def test_an_unknown_shell_is_a_usage_error(gnomon) -> None:
    assert gnomon("completion", "csh").code == 2
