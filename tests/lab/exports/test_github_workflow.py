"""A workflow file from a registered spec: sound, without a secret, and its commands do here what they are to do there."""

import os
import re
import subprocess
import sys

import pytest
import yaml

from gnomon.core.errors import BadInput
from gnomon.lab import errors, export, verify
from tests.lab.exports.runs import bytes_below, registered_spec
from tests.lab.samples import SOUND, bytes_of, changed

FROM = "git+https://example.org/lab/gnomon@v1"
OURS = ("Whether it can run here", "Run", "Verify and read")  # steps that need neither GitHub nor root


def _workflow(path, gnomon=FROM, **options):
    target = path.parent.parent / ".github" / "workflows" / "exp.yml"
    written = export(path, "github-workflow", target, gnomon=gnomon, **options)
    return yaml.safe_load(target.read_text()), target, written


def _git(root, *words):
    subprocess.run(
        ["git", "-C", root, "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True, capture_output=True
    )


def _steps(document):
    (job,) = document["jobs"].values()
    return job, {step.get("name", step.get("uses")): step for step in job["steps"]}


def test_the_workflow_runs_verifies_reads_and_keeps_the_results_of_the_spec(tmp_path):
    document, target, _ = _workflow(registered_spec(tmp_path))
    job, steps = _steps(document)
    assert document["on"] == {"workflow_dispatch": None}
    assert document["permissions"] == {"contents": "read"}
    assert job["env"] == {"SPEC": "experiments/exp-001-halves.md", "RESULTS": "results/exp-001-halves"}
    assert job["timeout-minutes"] == 10 + 1 + 15  # the budget, what the longest phase may take on, installing
    scripts = "\n".join(step.get("run", "") for step in job["steps"])
    for words in ("install --yes bubblewrap", f"pip install {FROM}", "exp run", "exp verify", "exp read"):
        assert words in scripts
    kept = steps["Keep the results, whatever became of them"]["with"]
    assert kept["path"].splitlines() == ["results/exp-001-halves/", "junit.xml"]
    uses = [step["uses"] for step in job["steps"] if "uses" in step]
    assert len(uses) == 3
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", one) for one in uses)
    assert "secrets." not in target.read_text()


@pytest.mark.slow
def test_the_commands_of_the_workflow_do_on_a_checkout_what_they_are_to_do(tmp_path):
    """Run in a clone, as the job would: first the run itself, then, with its results in the repository, a replicate."""
    root, clone, programs = tmp_path / "origin", tmp_path / "clone", tmp_path / "bin"
    path = registered_spec(root)
    document, _, _ = _workflow(path)
    _git(root, "init", "-q")
    _git(root, "add", ".")
    _git(root, "commit", "-qm", "spec")
    subprocess.run(["git", "clone", "-q", root, clone], check=True)
    programs.mkdir()
    (programs / "gnomon").write_text(f'#!/bin/sh\nexec {sys.executable} -m gnomon "$@"\n')
    (programs / "gnomon").chmod(0o755)
    told = _ran(document, clone, programs)
    assert "completed, 14 units" in told
    assert "results/exp-001-halves: whole" in told
    assert re.search(r"less +pass", told)
    assert (clone / "junit.xml").is_file()
    again = _ran(document, clone, programs)
    assert "results/exp-001-halves/runs/run-2: whole" in again
    assert verify(clone / "experiments" / path.name, "run-2").is_whole


def _ran(document, folder, programs):
    """What the steps print; the variables that one leaves are there for the next."""
    job, steps = _steps(document)
    kept = programs / "env"
    kept.write_text("")
    told = ""
    for name in OURS:
        left = dict(line.split("=", 1) for line in kept.read_text().splitlines())
        env = {**os.environ, **job["env"], **left, "GITHUB_ENV": str(kept), "PATH": f"{programs}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-e", "-c", steps[name]["run"]], cwd=folder, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        told += done.stdout
    return told


def test_an_experiment_below_the_top_of_the_checkout_runs_in_its_folder(tmp_path):
    path = registered_spec(tmp_path / "deep" / "lab")
    _git(tmp_path, "init", "-q")
    document, _, written = _workflow(path)
    job, steps = _steps(document)
    assert job["defaults"] == {"run": {"working-directory": "deep/lab"}}
    assert "deep/lab/results/exp-001-halves/" in steps["Keep the results, whatever became of them"]["with"]["path"]
    assert any(note.startswith("GitHub finds workflows in") for note in written.notes)


def test_what_the_checkout_will_lack_is_told(tmp_path):
    item = {"path": "data.csv", "sha256": "0" * 64}
    path = registered_spec(tmp_path, inputs=[item], environment={"variables": ["THREADS"]})
    _git(tmp_path, "init", "-q")
    _git(tmp_path, "add", "experiments")
    _git(tmp_path, "commit", "-qm", "spec")
    lacking, variables = _workflow(path)[2].notes
    assert lacking.endswith("not in the checkout: data.csv")
    assert "none of THREADS" in variables


@pytest.mark.parametrize(
    ("fields", "options", "labels", "told"),
    [
        ({}, {}, "ubuntu-24.04", ""),
        ({}, {"runs_on": ("mine",)}, "mine", ""),
        (
            {"compute_profile": {"device": "gpu", "gpus": 1}, "budget__gpu_hours": 1},
            {},
            ["self-hosted", "linux", "gpu"],
            "a machine of yours",
        ),
        ({"budget__wall_clock": "7 h", "budget__tier": "medium"}, {}, "ubuntu-24.04", "stop a job after 360 min"),
    ],
)
def test_the_machine_is_one_that_will_do_or_the_user_is_told(tmp_path, fields, options, labels, told):
    document, _, written = _workflow(registered_spec(tmp_path, **fields), **options)
    assert _steps(document)[0]["runs-on"] == labels
    assert told in " ".join(written.notes)


@pytest.mark.parametrize(
    "source",
    [
        None,
        "",
        "-r x",
        "a\nb",
        "${{ secrets.TOKEN }}",
        "git+https://me:pw@example.org/a",
        "https://token@h/a",
        "http://[a",
    ],
)
def test_a_source_that_cannot_be_or_holds_a_secret_is_refused(tmp_path, source):
    path = registered_spec(tmp_path)
    with pytest.raises(BadInput, match=r"^(gnomon|github-workflow): "):
        _workflow(path, gnomon=source)
    assert not (tmp_path / ".github").exists()


def test_without_git_the_checkout_is_told_to_lack_the_spec(tmp_path, monkeypatch):
    path = registered_spec(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "experiments/exp-001-halves.md" in _workflow(path)[2].notes[0]


def test_a_shell_reads_a_source_as_one_word(tmp_path):
    document, _, _ = _workflow(registered_spec(tmp_path), gnomon="a b; touch c")
    assert "pip install 'a b; touch c'" in _steps(document)[1]["Gnomon"]["run"]


def test_gnomon_s_own_repository_installs_itself(tmp_path):
    path = registered_spec(tmp_path)
    (tmp_path / "src" / "gnomon").mkdir(parents=True)
    (tmp_path / "src" / "gnomon" / "__init__.py").touch()
    assert _steps(_workflow(path, gnomon=None)[0])[1]["Gnomon"]["run"].endswith("pip install .")


def test_only_a_registered_spec_becomes_a_workflow(tmp_path):
    path = registered_spec(tmp_path)
    path.write_bytes(bytes_of(changed(hypothesis__magnitude=0.9)))
    with pytest.raises(errors.NotRegistered):
        _workflow(path)
    path.write_bytes(bytes_of(SOUND))
    before = bytes_below(tmp_path)
    with pytest.raises(BadInput, match="the protocol keeps experiments"):
        export(path, "github-workflow", path.with_name("x.yml"), gnomon=FROM)
    with pytest.raises(BadInput, match="no run is named"):
        export(path, "github-workflow", tmp_path / "x.yml", "run-2", gnomon=FROM)
    with pytest.raises(BadInput, match="options of github-workflow"):
        export(path, "csv", tmp_path / "x.csv", gnomon=FROM)
    assert bytes_below(tmp_path) == before
