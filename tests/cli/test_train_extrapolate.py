"""gnomon train extrapolate, as a user calls it."""

import json
from pathlib import Path

import pytest

from gnomon.cli.main import main
from gnomon.formats.chakra.file import encode
from tests.formats.chakra.test_scaling import training_step


@pytest.fixture
def step(tmp_path, monkeypatch):
    """Traces of two by two ranks with their groups."""
    monkeypatch.chdir(tmp_path)
    cluster = training_step(2, 2)
    for rank, messages in enumerate(cluster.messages):
        Path(f"step.{rank}.et").write_bytes(encode(messages))
    Path("groups.json").write_text(json.dumps({name: list(members) for members, name in cluster.groups.items()}))
    return ("train", "extrapolate", "step", "--comm-groups", "groups.json")


def test_traces_and_groups_are_written_and_can_be_simulated(step, capsys):
    assert main([*step, "--npus", "8", "--out", "out/step8", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["from"], len(found["files"]), found["comm_groups"]) == ("extrapolated", 8, "out/step8.groups.json")
    assert [0, 2, 4, 6] in json.loads(Path("out/step8.groups.json").read_text()).values()
    assert any("a grid of 2 x 2" in note for note in found["notes"])
    Path("network.yml").write_text("topology: [Switch]\nnpus_count: [8]\nbandwidth: [50]\nlatency: [500]\n")
    names = {f"{word}-implementation": ["ring"] for word in ("all-reduce", "all-gather", "reduce-scatter")}
    Path("system.json").write_text(json.dumps(names | {"preferred-dataset-splits": 1, "local-mem-bw": 100}))
    files = ("--system", "system.json", "--network", "network.yml", "--comm-groups", "out/step8.groups.json")
    assert main(["train", "simulate", "--workload", "out/step8", *files, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["npus"] == 8


def test_the_dimension_and_the_parts_are_chosen(step, capsys):
    def written(*words):
        assert main([*step, "--npus", "8", "--out", "out/x", *words, "--json"]) == 0
        capsys.readouterr()
        return Path("out/x.0.et").read_bytes(), Path("out/x.groups.json").read_text()

    plain, stays, tensor = written(), written("--all-gather", "stays"), written("--along", "1")
    assert len({plain, stays, tensor}) == 3


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--npus", "7"), 4, "step: 7 ranks: the grid 2 x 2 grows"),
        (("--npus", "x"), 3, "--npus: 'x' is not a whole number"),
        (("--npus", "8", "--along", "0"), 3, "--along"),
        (("--npus", "8", "--comm-groups", "none.json"), 3, "none.json: no such file"),
    ],
)
def test_what_cannot_be_done_is_told(step, capsys, words, code, said):
    assert main([*step, *words, "--out", "out/x"]) == code
    assert said in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("out", "read"), [("step", "step.0.et"), ("here/step", "here/step.0.et"), ("g", "g.groups.json")]
)
def test_what_is_read_is_not_written_over(step, capsys, out, read):
    Path("here").symlink_to(".")
    Path("groups.json").rename("g.groups.json")
    before = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    words = [word if word != "groups.json" else "g.groups.json" for word in step]
    assert main([*words, "--npus", "8", "--out", out]) == 3
    assert f"out: {read} is read, and would be written over; give another prefix" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before


def test_traces_that_are_not_there_are_told(step, capsys):
    assert main(["train", "extrapolate", "stop", "--npus", "8", "--out", "x"]) == 3
    assert "stop.0.et: no such file" in capsys.readouterr().err
