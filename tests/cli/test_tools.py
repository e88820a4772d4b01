"""gnomon tools and gnomon map compare, as a user calls them; a program of ours stands in the place of a tool."""

import json
from pathlib import Path

import pytest

from gnomon.api import plugins
from gnomon.testing.adapter_contract import program
from tests.adapters.timeloop_stand_in import stand_in
from tests.tools.test_environments import _python

ROOT = Path(__file__).parents[1]
CASE = ROOT / "golden" / "timeloop" / "05_conv1d_halo"
FILES = [str(path) for path in sorted(CASE.glob("*.yaml"))]
RECORDED = ROOT / "adapters" / "recorded" / "timeloop" / "halo"
ANSWERS = "; ".join(f"cp {RECORDED}/{name} timeloop-model.{name}" for name in ("stats.txt", "map+stats.xml", "map.txt"))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """No tool is installed, none is on the PATH."""
    monkeypatch.setenv("GNOMON_TOOLS", str(tmp_path / "home"))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "home"


def test_every_tool_is_listed_installed_or_not(gnomon):
    assert gnomon("tools", "list").code == 0
    rows = {row["name"]: row for row in gnomon("tools", "list", "--json").json["rows"]}
    assert set(rows) == {
        *("accelforge", "aiconfigurator", "astra-sim", "genz", "scalesim", "timeloop", "vidur", "zigzag"),
    }
    assert all(row["installed"] is None and row["licence"] for row in rows.values())
    assert rows["timeloop"]["by_hand"].startswith("put timeloop-model and timeloop-mapper on the PATH")


def test_a_tool_is_installed_listed_and_removed(gnomon, home, tmp_path, monkeypatch):
    stand_in(tmp_path / "bin", "", monkeypatch)
    python = _python(tmp_path)
    Path(python).write_text(
        Path(python)
        .read_text()
        .replace("made_up_tool", "zigzag")
        .replace('"$*" in', '"$*" in\n*version_info*) echo 3 12;;')
    )
    done = gnomon("tools", "install", "zigzag", "--python", python)
    assert (done.code, done.out) == (0, f"zigzag 3.9.1 is installed in {home / 'zigzag'}\n")
    rows = {row["name"]: row for row in gnomon("tools", "list", "--json").json["rows"]}
    assert (rows["zigzag"]["installed"], rows["zigzag"]["place"]) == ("3.9.1", str(home / "zigzag"))
    Path(python).unlink()  # what is there already is not made again
    assert gnomon("tools", "install", "zigzag").out == done.out
    assert gnomon("tools", "remove", "zigzag").out == "zigzag is removed\n"
    assert "is not installed" in gnomon("tools", "remove", "zigzag").err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("install", "zigzga"), 3, "unknown tool 'zigzga'; did you mean 'zigzag'?"),
        (("install", "timeloop"), 3, "timeloop is no Python package: put timeloop-model"),
        (("remove", "timeloop"), 3, "was not installed by gnomon"),
        (("install", "zigzag", "--python", "/no/python"), 2, "'/no/python' is no Python that runs"),
        (("card", "mapr"), 3, "unknown tool 'mapr'"),
        (("lst",), 2, "unknown step 'lst'; did you mean 'list'?"),
    ],
)
def test_what_cannot_be_done_is_one_line(gnomon, words, code, told):
    done = gnomon("tools", *words)
    assert (done.code, done.out) == (code, "")
    assert told in done.err
    assert done.err.count("\n") == 1


def test_an_installation_that_fails_ends_with_code_5(gnomon, home, tmp_path):
    python = tmp_path / "python"
    program(python, 'case "$*" in *version_info*) echo 3 12;; *) echo "no room" >&2; exit 1;; esac')
    done = gnomon("tools", "install", "zigzag", "--python", str(python))
    assert (done.code, done.out) == (5, "")
    assert "zigzag: no environment could be made: no room" in done.err
    assert list(home.iterdir()) == []


def test_cards_stand_side_by_side(gnomon):
    cards = gnomon("tools", "card", "--json").json["cards"]
    assert [card["tool"] for card in cards] == ["mapper", *plugins.mapping_tools()]
    assert len({tuple(card) for card in cards}) == 1
    said = gnomon("tools", "card", "mapper", "timeloop", "--differing").out
    assert "first_load" not in said
    assert "search" in said


def test_timeloop_and_the_mapper_are_compared_term_by_term(gnomon, tmp_path, monkeypatch):
    stand_in(tmp_path / "bin", ANSWERS, monkeypatch)
    made = gnomon("map", "compare", *FILES, "--json").json  # those that are there, unasked
    ours, theirs = made["models"]
    assert (ours["name"], theirs["name"]) == ("mapper", "timeloop")
    assert ours["counts"] == theirs["counts"]
    assert made["differences"][0]["cycles"] == 0
    assert made["differences"][0]["energy_parts"] == []
    text = gnomon("map", "compare", *FILES, "--with", "mapper,timeloop")
    assert text.code == 0
    assert "timeloop against mapper\n  cycles  +0\n" in text.out


def test_a_tool_that_gives_no_answer_harms_no_other(gnomon, tmp_path, monkeypatch):
    stand_in(tmp_path / "bin", "echo 'out of cheese' >&2; exit 3", monkeypatch)
    done = gnomon("map", "compare", *FILES, "--with", "mapper,timeloop,zigzag,scalesim")
    assert done.code == 0
    assert "no answer of timeloop: timeloop-model failed with code 3: out of cheese" in done.err
    assert "no answer of zigzag: zigzag is not installed: run `gnomon tools install zigzag`" in done.err
    assert "no answer of scalesim: there is no buffer between the array and DRAM\n" in done.err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--with", "zigzag"), 5, "zigzag is not installed"),
        (("--with", "zigzga"), 2, "unknown model 'zigzga'; did you mean 'zigzag'?"),
        (("--time-limit", "soon"), 3, "--time-limit: 'soon' is not a whole number"),
        (("--budget", "0 s"), 3, "--budget"),
    ],
)
def test_a_question_that_nobody_answers_is_one_line(gnomon, words, code, told):
    done = gnomon("map", "compare", *FILES, *words)
    assert (done.code, done.out) == (code, "")
    assert told in done.err


@pytest.mark.slow
def test_without_a_mapping_the_mapper_compares_the_best_that_it_finds(gnomon):
    files = [file for file in FILES if not file.endswith("mapping.yaml")]
    (made,) = gnomon("map", "compare", *files, "--with", "mapper", "--budget", "1s", "--json").json["models"]
    assert made["cycles"] == 160  # one unit, 160 multiply-accumulates
    assert made["card"]["tiles"] == "ragged"
    assert made["notes"][0].startswith("the best found in 1 s; no mapping of its space is below 160 cycle")


def test_predict_does_not_offer_tools_for_mappings(gnomon):
    done = gnomon("predict", "resnet-18", "--on", "t4", "--engine", "zigzag")
    assert done.code == 3
    assert "'zigzag' answers for mappings of tensor operations alone: see `gnomon map compare`" in done.err
    assert json.loads(gnomon("list", "adapters", "--json").out)["rows"]
