"""The steps of `gnomon exp` and `gnomon claims` alike: their help, their choices, and `--run`."""

import json
import re

import pytest

from gnomon.cli import claims, exp
from gnomon.cli.main import main
from gnomon.lab import doors
from tests.lab.exports.runs import sealed

STEPS = [
    ("exp",),
    ("claims",),
    ("init",),
    *(("exp", one) for one in exp.STEPS),
    *(("claims", one) for one in claims.STEPS),
]


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    return str(sealed(tmp_path_factory.mktemp("run")))


def _help(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("words", STEPS, ids=" ".join)
def test_a_help_fits_a_terminal_of_80_columns_and_spells_a_default_in_one_way(words, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    said = _help(words, capsys)
    assert max(map(len, said.splitlines())) <= 80
    assert said.startswith(f"example:\n  gnomon {words[0]}")
    plain = " ".join(said.split())
    assert not re.search(r"\(default [^:]|without\b(?! a| leaving)|; local|; this folder", plain.split("usage:")[1])


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("exp", "export", "SPEC", "-o", "x", "--to", "juint"), "junit"),
        (("exp", "justify", "SPEC", "--why", "x", "--axis", "wall_clok"), "wall_clock"),
        (("exp", "run", "SPEC", "--enforcement", "landlok"), "landlock"),
        (("exp", "run", "SPEC", "--executor", "locl"), "local"),
        (("exp", "replicate", "SPEC", "--executor", "locl"), "local"),
        (("claims", "list", "--status", "refutd"), "refuted"),
        (("claims", "add", "x", "--relation", "equl"), "equal"),
    ],
)
def test_a_word_that_is_no_choice_of_an_option_is_usage_with_the_near_one(gnomon, spec, words, near):
    run = gnomon(*(spec if word == "SPEC" else word for word in words))
    assert (run.code, run.out, len(run.err.splitlines())) == (2, "", 1)
    assert f"{words[-2]}: invalid choice: {words[-1]!r}; did you mean {near!r}?" in run.err


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("watch",),
        ("stop",),
        ("justify", "--axis", "runs", "--why", "x"),
        ("note", "x"),
        ("replay", "full/half/small/1"),
        ("resume",),
        ("verify",),
        ("read",),
        ("export", "--to", "csv", "-o", "x"),
    ],
    ids=lambda words: words[0],
)
def test_an_unknown_run_is_told_in_a_line_by_every_step(gnomon, spec, words):
    run = gnomon("exp", words[0], spec, *words[1:], "--run", "run-9")
    assert (run.code, run.out, len(run.err.splitlines())) == (3, "", 1)
    assert "no replicate 'run-9' (there is none; `gnomon exp replicate" in run.err


@pytest.mark.slow
def test_a_replicate_runs_stops_and_goes_on_like_the_first_run(gnomon, tmp_path):
    spec = str(sealed(tmp_path))
    ended = gnomon("exp", "replicate", spec, "--max-hours", "0.000000001", "--executor", "local")
    assert ended.code == 124
    assert f"`gnomon exp resume {spec} --run run-2` goes on with this replicate" in ended.err
    assert gnomon("exp", "note", spec, "rebooted at 10:03", "--run", "run-2").code == 0
    assert gnomon("exp", "justify", spec, "--axis", "runs", "--why", "x", "--run", "run-2").code == 0
    assert json.loads(gnomon("exp", "watch", spec, "--run", "run-2", "--json").out)["end"] is None
    assert "no runner is at work" in gnomon("exp", "stop", spec, "--run", "run-2").err
    done = gnomon("exp", "resume", spec, "--run", "run-2")
    assert re.search(r"runs/run-2: completed, \d+ units in .*, enforcement ", done.out)
    assert f"`gnomon exp read {spec} --run run-2` gives the verdict" in done.err
    again = gnomon("exp", "replicate", spec, "--json").json
    assert (again["run"], again["folder"]) == ("run-3", str(doors.folder_of(spec, "run-3")))
    recorded = gnomon("exp", "replay", spec, "full/half/small/1", "--run", "run-3", "--json").json["recorded"]
    assert [folder.split("/units/")[0] for folder in recorded] == [str(doors.folder_of(spec, "run-3"))]


def test_verify_speaks_of_a_tag_only_where_there_is_git(gnomon, spec):
    said = gnomon("exp", "verify", spec).err
    assert "have the digest timestamped" in said
    assert "push the tag" not in said


def test_import_and_lint_count_what_is_to_be_filled_in_alike(gnomon, tmp_path):
    plan = tmp_path / "plan.md"
    plan.write_text("# A plan\n\n## Question\n\nWhich?\n")
    drafted = gnomon("exp", "import-md", str(plan), "--root", str(tmp_path))
    counted = re.search(r"\d+ fields and \d+ sections are TODO", drafted.err)[0]
    linted = gnomon("exp", "lint", drafted.out.strip())
    assert linted.err.strip().endswith(f"; {counted}")
    assert sum("still TODO" in line for line in linted.out.splitlines()) == sum(map(int, re.findall(r"\d+", counted)))
