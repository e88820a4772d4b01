"""ASTRA-sim beside our own engines, as a user asks for it; a script stands in its place."""

import pytest

from tests.adapters.astrasim_stand_in import alone, says


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    return alone(tmp_path, monkeypatch)


def test_predict_shows_both_side_by_side(gnomon, stand_in):
    stand_in(says(*[(900, 100)] * 4))
    words = ("gpt2", "--on", "hgx-h100:4", "--mode", "train", "--seq", "64")
    rows = gnomon("predict", *words, "--engine", "training,astra-sim", "--json").json["rows"]
    assert [row["engine"] for row in rows] == ["training", "astra-sim"]
    assert rows[1]["quantities"][0]["value"] == 9e-7
    assert "bubble -" in gnomon("predict", *words, "--engine", "astra-sim").out


def test_without_the_tool_the_others_answer_and_alone_it_ends_in_five(gnomon, stand_in):
    words = ("predict", "gpt2", "--on", "hgx-h100:4", "--mode", "train", "--seq", "64", "--engine")
    both, alone = gnomon(*words, "training,astra-sim"), gnomon(*words, "astra-sim")
    assert both.code == 0
    assert "astra-sim did not answer: astra-sim is not installed" in both.err
    assert alone.code == 5
    assert "astra-sim is not installed" in alone.err
    one = gnomon("predict", "gpt2", "--on", "h100-sxm", "--mode", "train", "--engine", "astra-sim")
    assert one.code == 4


def test_compare_asks_it_of_a_step_of_training(gnomon, stand_in, tmp_path, monkeypatch):
    stand_in(says(*[(900, 100)] * 4))
    file = str(tmp_path / "step.yaml")
    assert (
        gnomon("predict", "gpt2", "--on", "hgx-h100:4", "--mode", "train", "--engine", "training", "--save", file).code
        == 0
    )
    run = gnomon("compare", file, "--engine", "training,astra-sim", "--json")
    (compared,) = run.json["scenarios"]
    assert [row["engine"] for row in compared["answers"]] == ["training", "astra-sim"]
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "")
        assert gnomon("compare", file, "--engine", "astra-sim").code == 5


def test_it_is_listed_with_the_tools_and_no_card_is_asked_of_it(gnomon, stand_in):
    rows = {row["name"]: row for row in gnomon("tools", "list", "--json").json["rows"]}
    assert (rows["astra-sim"]["version"], rows["astra-sim"]["installed"]) == ("518bd51", None)
    assert "build its analytical backends" in gnomon("tools", "install", "astra-sim").err
    run = gnomon("tools", "card", "astra-sim")
    assert (run.code, "is no tool for mappings" in run.err) == (3, True)
    parts = gnomon("doctor", "--json").json["plug_ins"]
    assert [part["fault"] for part in parts if part["name"] == "astra-sim"] == [None]
