"""gnomon map search, as a user calls it."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from gnomon.cli.main import main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("compiled"),
]  # what is compiled takes a minute: once, and by one worker

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "search-for-a-mapping.md"
FILES = ("gemm.yaml", "row-of-four.yaml", "constraints.yaml")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The files of the page, to be spoilt."""
    written = re.findall(
        r"[Ss]ave this as\s`([^`]+)`:\n\n```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
    )
    for name, text in written:
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return list(FILES)


def _json(capsys, *words):
    assert main(["map", "search", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_best_is_proved_written_and_evaluated_alike(files, capsys):
    found = _json(capsys, *files, "--no-ragged", "--out", "best.yaml")
    assert found["schema"] == "gnomon/mapping-search/1"
    assert (found["optimal"], found["gap"], found["objective"], found["ragged"]) == (True, 0.0, "edp", False)
    assert found["bound"] == pytest.approx(found["best"]["edp_pj_cycles"])
    assert main(["map", "evaluate", *files[:2], "best.yaml", "--json"]) == 0
    evaluated = json.loads(capsys.readouterr().out)
    assert evaluated == found["evaluation"]
    assert evaluated["cycles"] == found["best"]["cycles"]
    assert evaluated["energy_pj"] == pytest.approx(found["best"]["energy_pj"])
    assert "Buffer" in found["best"]["mapping"]


def test_ragged_tiles_are_the_default_and_never_worse(files, capsys):
    Path("gemm.yaml").write_text(Path("gemm.yaml").read_text().replace("N: 16", "N: 7"))
    even = _json(capsys, *files, "--objective", "latency", "--budget", "5s", "--no-ragged")
    ragged = _json(capsys, *files, "--objective", "latency", "--budget", "5s")
    assert ragged["ragged"]
    assert (even["best"]["cycles"], ragged["best"]["cycles"]) == (7 * 256, 2 * 256)
    assert ragged["optimal"]


def test_a_front_has_no_mapping_that_another_one_beats(files, capsys):
    found = _json(capsys, *files, "--objective", "pareto", "--budget", "1s", "--no-ragged")
    figures = [(one["cycles"], one["energy_pj"]) for one in found["mappings"]]
    assert figures == sorted(figures)
    assert all(after[1] < before[1] for before, after in pairwise(figures))
    assert set(found["bounds"]) == {"latency", "energy", "edp"}
    assert found["bound"] is found["gap"] is None


def test_mappings_to_which_timeloops_rules_do_not_apply_are_said_not_to_be_in_the_space(files, capsys):
    """Rows of Z four words apart: the words between them count as first partial sums, and nobody writes them."""
    gemm = Path("gemm.yaml").read_text().replace("[[[M]], [[N]]]", "[[[M, gap]], [[N]]]")
    gemm = gemm.replace("[M, N, K]", "[M, N, K]\n    coefficients: [{name: gap, default: 4}]", 1)
    Path("gemm.yaml").write_text(gemm)
    found = _json(capsys, *files, "--budget", "1s", "--no-ragged")
    assert "mappings of which Timeloop's rules count less than nothing" in found["space"]["excluded"]
    assert found["candidates"]["rejected"]["counts that are not below zero"] > 0
    found = _json(capsys, *files, "--budget", "1s", "--no-ragged", "--conventions", "gnomon")
    assert "mappings of which Timeloop's rules count less than nothing" not in found["space"]["excluded"]


def test_gnomons_own_conventions_count(files, capsys):
    found = _json(capsys, *files, "--conventions", "gnomon", "--budget", "1s")
    assert found["conventions"]["name"] == "gnomon"
    assert found["evaluation"]["cycles"] == found["best"]["cycles"]


def test_what_was_found_is_told_as_by_an_evaluation_of_it_by_gnomons_own_conventions_too(files, capsys):
    found = _json(capsys, *files, "--conventions", "gnomon", "--budget", "1s", "--no-ragged", "--out", "best.yaml")
    assert main(["map", "evaluate", *files[:2], "best.yaml", "--conventions", "gnomon", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found["evaluation"]
    assert max(network["fanout"] for network in found["evaluation"]["networks"]) == 4


def test_a_machine_of_the_catalogue_brings_its_dataflow(files, capsys):
    found = _json(capsys, "gemm.yaml", "--on", "eyeriss-like", "--budget", "1s", "--objective", "latency")
    assert found["architecture"] == "eyeriss-like"
    assert found["bound"] <= found["best"]["cycles"] < 16**3
    assert main(["map", "search", "gemm.yaml", "--on", "eyeris-like"]) == 3
    assert "did you mean 'eyeriss-like'" in capsys.readouterr().err
    assert main(["map", "search", *files, "--on", "eyeriss-like"]) == 3
    assert "row-of-four.yaml:1: architecture: stands beside eyeriss-like" in capsys.readouterr().err


def test_a_search_goes_on_from_its_state(files, capsys):
    first = _json(capsys, *files, "--budget", "0.2s", "--out", "best.yaml")
    second = _json(capsys, *files, "--budget", "0.2s", "--out", "best.yaml", "--resume")
    assert second["candidates"]["evaluated"] > first["candidates"]["evaluated"]
    assert second["time_s"] > first["time_s"]
    assert second["best"]["edp_pj_cycles"] <= first["best"]["edp_pj_cycles"] * (1 + 1e-9)


def test_ctrl_c_leaves_the_best_so_far(files, capsys, monkeypatch):
    def interrupted(self, budget_s):
        self.search.run(0.2)
        raise KeyboardInterrupt

    monkeypatch.setattr("gnomon.cli.map_search.MappingSearch.run", interrupted)
    assert main(["map", "search", *files, "--out", "best.yaml"]) == 130
    assert "the best so far, and --resume goes on from best.state.json" in capsys.readouterr().err
    assert Path("best.yaml").exists()
    assert Path("best.state.json").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--objective", "edpp"), 2, "did you mean 'edp'"),
        (("--budget", "10"), 3, "--budget: '10' has no unit"),
        (("--budget", "0 s"), 3, "no time to search"),
        (("--seed", "-1"), 3, "seed: -1 is below 0"),
        (("--resume",), 3, "--resume: of which state?"),
        (("--resume", "--state", "none.json"), 3, "none.json: cannot be read"),
        (("--out", "gemm.yaml/best.yaml"), 3, "cannot be written"),
        (("--out", "best.yaml", "--state", "gemm.yaml/state.json"), 3, "cannot be written"),
    ],
)
def test_a_slip_ends_in_one_line(files, capsys, words, code, said):
    assert main(["map", "search", *files, *words]) == code
    (line,) = [line for line in capsys.readouterr().err.splitlines() if said in line]
    assert line.startswith("gnomon: ")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("M=1 K=1", "M=3 N=1 K=1", "cannot be made of parts that divide it under .*Buffer over its children M=3"),
        ("M=1 K=1", "M=1 K=2 N=16", "32 children .*4|asked for|fan"),
        ("keep: [A, B, Z], bypass: []}", "keep: [A, B, Q], bypass: []}", "'Q'"),
        ("target: Buffer", "target: Bufer", "'Bufer' .*Buffer"),
    ],
)
def test_constraints_that_leave_nothing_are_named(files, capsys, old, new, said):
    text = Path("constraints.yaml").read_text()
    Path("constraints.yaml").write_text(text.replace(old, new))
    assert main(["map", "search", *files, "--no-ragged"]) == 3
    assert re.search(said, capsys.readouterr().err)


def test_a_memory_without_room_for_any_tile_is_named(files, capsys):
    machine = Path("row-of-four.yaml")
    machine.write_text(machine.read_text().replace("depth: 64", "depth: 2"))
    assert main(["map", "search", *files]) == 3
    assert "Registers has room for 2 words, and the smallest tiles take 3" in capsys.readouterr().err
