"""gnomon init: a research repository in a folder, new or not."""

from __future__ import annotations

import pytest


def test_init_makes_a_repository_and_says_what_comes_next(gnomon, tmp_path):
    run = gnomon("init", str(tmp_path / "r"))
    assert run.code == 0
    assert f"{tmp_path}/r/RESEARCH_LOG.md\n" in run.out
    assert f"next: `gnomon exp new my-question --root {tmp_path}/r`" in run.err
    assert "no git repository here" in run.err
    new = gnomon("exp", "new", "my-question", "--root", str(tmp_path / "r"), "--json").json
    assert gnomon("exp", "lint", new["spec"]).code == 0


def test_init_in_this_folder_needs_no_root(gnomon, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = gnomon("init", "--git")
    assert (tmp_path / ".git").is_dir()
    assert "`gnomon exp new my-question`" in run.err
    assert "no git repository" not in run.err


def test_what_is_there_is_named_and_kept(gnomon, tmp_path):
    (tmp_path / "README.md").write_text("mine\n")
    run = gnomon("init", str(tmp_path))
    assert f"{tmp_path}/README.md is there already, and stays as it is" in run.err
    assert (tmp_path / "README.md").read_text() == "mine\n"
    document = gnomon("init", str(tmp_path), "--json").json
    assert document["schema"] == "gnomon/init/1"
    assert (document["made"], document["git"]) == ([], "")
    assert "README.md" in document["kept"]


@pytest.mark.parametrize("words", [("--gti",), ("a", "b")])
def test_a_wrong_line_is_a_usage_error(gnomon, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    assert gnomon("init", *words).code == 2
    assert list(tmp_path.iterdir()) == []
