"""gnomon train convert, as a user calls it."""

import json
import re
from pathlib import Path

import pytest

from gnomon.cli.main import main
from tests.formats.pytorch_trace.traces import linked, linked_ranks, write

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "json.md"
TEXT = "DATA\n1\nmlp -1 10 NONE 0 20 NONE 0 30 ALLREDUCE 4096 1\n"


@pytest.fixture
def text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mlp.txt").write_text(TEXT)
    return ("--from", "text", "mlp.txt", "--out", "et/mlp")


def _convert(*words):
    return main(["train", "convert", *words])


def _refused(capsys, code, *words):
    assert _convert(*words) == code
    return capsys.readouterr().err.strip()


def test_a_text_workload_is_written_for_every_rank_and_pass(text, capsys):
    assert _convert(*text, "--npus", "3", "--passes", "2", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["from"]) == ("gnomon/trace-conversion/1", "text")
    assert [(one["rank"], one["path"], one["nodes"]) for one in found["files"]] == [
        (rank, f"et/mlp.{rank}.et", 6) for rank in range(3)
    ]
    assert all(Path(one["path"]).stat().st_size == one["bytes"] for one in found["files"])


def test_the_reference_describes_every_field(text, capsys):
    assert _convert(*text, "--npus", "1", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    (section,) = re.findall(r"^## gnomon/trace-conversion/1\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S)
    assert ({*found} - {"schema"}) | {*found["files"][0]} <= set(re.findall(r"`(\w+)`", section))


def test_traces_of_pytorch_are_ranks_in_order_or_the_rank_that_is_named(tmp_path, capsys):
    files = [str(write(tmp_path / name, linked())) for name in ("a.json", "b.json")]
    assert _convert("--from", "pytorch", *files, "--out", f"{tmp_path}/et/step", "--json") == 0
    assert [one["rank"] for one in json.loads(capsys.readouterr().out)["files"]] == [0, 1]
    assert _convert("--from", "pytorch", files[0], "--out", f"{tmp_path}/et/step.5.et", "--in-stream-order") == 0
    assert (tmp_path / "et" / "step.5.et").exists()
    assert "for 2 files; give the prefix step" in _refused(
        capsys, 3, "--from", "pytorch", *files, "--out", f"{tmp_path}/et/step.5.et"
    )


def test_a_chakra_trace_is_checked_and_mended(tmp_path, capsys, text):
    assert _convert(*text, "--npus", "1") == 0
    assert _convert("--from", "chakra", "et/mlp.0.et", "--out", "et/again", "--mend") == 0
    assert Path("et/again.0.et").read_bytes() == Path("et/mlp.0.et").read_bytes()
    Path("et/mlp.0.et").write_bytes(Path("et/mlp.0.et").read_bytes()[:-3])
    said = _refused(capsys, 3, "--from", "chakra", "et/mlp.0.et", "--out", "et/again")
    assert re.search(r"et/mlp.0.et: byte \d+: .* the file is cut off", said)


def test_what_is_read_is_not_written_over(capsys, text):
    assert _convert(*text, "--npus", "2") == 0
    said = _refused(capsys, 3, "--from", "chakra", "et/mlp.1.et", "et/mlp.0.et", "--out", "et/mlp")
    assert "out: et/mlp.0.et is read, and would be written over; give another prefix" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--from text needs --npus N"),
        (("--npus", "2", "--mend"), "--mend means nothing for --from text"),
        (("--npus", "2", "--in-stream-order"), "--in-stream-order means nothing for --from text"),
    ],
)
def test_what_means_nothing_is_refused(text, capsys, words, said):
    assert said in _refused(capsys, 2, *text, *words)


def test_a_text_is_that_of_all_ranks(capsys):
    said = _refused(capsys, 2, "--from", "text", "--npus", "2", "--out", "x", "a.txt", "b.txt")
    assert "--from text takes one file" in said


def test_a_folder_in_the_way_is_told_before_anything_is_read(text, capsys):
    Path("et/mlp.0.et").mkdir(parents=True)
    assert "cannot be written" in _refused(capsys, 3, *text, "--npus", "1")


def test_traces_of_all_ranks_can_be_simulated(tmp_path, monkeypatch, capsys):
    """The cycles are those that ASTRA-sim (518bd51) gives for these traces, groups apart."""
    monkeypatch.chdir(tmp_path)
    files = [str(write(Path(f"rank{rank}.json"), trace)) for rank, trace in enumerate(linked_ranks())]
    assert _convert("--from", "pytorch", *files, "--out", "et/step") == 0
    Path("network.yml").write_text("topology: [Ring]\nnpus_count: [4]\nbandwidth: [50]\nlatency: [500]\n")
    rules = {"preferred-dataset-splits": 4, "local-mem-bw": 1600, "all-reduce-implementation": ["ring"]}
    Path("system.json").write_text(json.dumps(rules))
    capsys.readouterr()
    line = ("train", "simulate", "--workload", "et/step", "--system", "system.json", "--network", "network.yml")
    assert main([*line, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["cycles"], found["exposed_comm"]) == ([309_000] * 4, [9_000] * 4)
    assert sum(one["messages"] for one in found["network"]) == 34
