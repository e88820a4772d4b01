"""gnomon map evaluate and explain, as a user calls them."""

import json
import shutil
from pathlib import Path

import pytest

import gnomon
from gnomon.cli.main import main

pytestmark = pytest.mark.xdist_group("compiled")  # by one worker, which compiles what the others need not

GOLDEN = Path(__file__).parents[1] / "golden" / "timeloop"


@pytest.fixture
def halo(tmp_path, monkeypatch):
    """A case to be spoilt; its four files."""
    shutil.copytree(GOLDEN / "05_conv1d_halo", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return ["problem.yaml", "arch.yaml", "mapping.yaml", "ert.yaml"]


def test_json_is_what_timeloop_gave(halo, capsys):
    assert main(["map", "evaluate", *halo, "--json"]) == 0
    found, expected = json.loads(capsys.readouterr().out), json.loads(Path("expected.json").read_text())
    assert found["schema"] == "gnomon/mapping-evaluation/1"
    assert (found["cycles"], found["macs"]) == (expected["cycles"], expected["macs"])
    assert found["energy_pj"] == pytest.approx(expected["energy_pJ_total"], rel=1e-6)
    assert [level["name"] for level in found["levels"]] == [level["name"] for level in expected["levels"]]
    total = sum(level["energy_pj"] + level["leakage_pj"] for level in found["levels"])
    assert found["energy_pj"] == pytest.approx(total + sum(network["energy_pj"] for network in found["networks"]))
    assert found == gnomon.evaluate_mapping(halo).to_dict()


def test_the_order_of_files_does_not_matter(halo, capsys):
    main(["map", "evaluate", *halo, "--json"])
    first = capsys.readouterr().out
    main(["map", "evaluate", *reversed(halo), "--json"])
    assert capsys.readouterr().out == first


def test_a_switch_is_turned_by_name_and_by_variable(halo, capsys, monkeypatch):
    main(["map", "evaluate", *halo, "--set", "temporal_extrapolation=off", "--json"])
    by_name = json.loads(capsys.readouterr().out)
    assert by_name["levels"][2]["dataspaces"]["Inputs"]["reads"] == 36
    monkeypatch.setenv("TIMELOOP_DISABLE_TEMPORAL_EXTRAPOLATION", "1")
    main(["map", "evaluate", *halo, "--json"])
    assert json.loads(capsys.readouterr().out) == by_name


def test_the_text_has_the_loops_and_every_part(halo, capsys):
    assert main(["map", "evaluate", *halo]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("DRAM keeps Weights, Inputs, Outputs\n  for P of 4\n")
    assert "160 multiply-accumulates, utilization 100.0%" in said.out
    assert "the total leaves both out" in said.err


def test_reasons_are_given_of_one_memory(halo, capsys):
    assert main(["map", "explain", *halo, "--level", "GLB"]) == 0
    told = capsys.readouterr().out
    assert "GLB: 48 reads of Inputs\n" in told
    assert "P of 8 at GLB goes on, 28 of 1 words\n" in told
    assert "RF:" not in told


@pytest.mark.parametrize(
    ("arguments", "spoilt", "code", "text"),
    [
        (["evaluate", "--set", "frist=off"], None, 3, "unknown switch 'frist'"),
        (["evaluate", "--set", "frist"], None, 2, "--set takes SWITCH=on or SWITCH=off, not 'frist'"),
        (["explain", "--level", "GLBB"], None, 2, "no memory 'GLBB'; did you mean 'GLB'?"),
        (["explain", "--set", "updated_rmw=on"], None, 4, "not explained"),
        (["explain", "--conventions", "gnomon"], None, 4, "not explained: ask for those of timeloop"),
        (["evaluate", "--conventions", "gnomon", "--set", "link_transfers=off"], None, 3, "are those of timeloop"),
        (["evaluate", "--conventions", "gnomom"], None, 2, "gnomon"),
        (["evalute"], None, 2, "did you mean 'evaluate'?"),
        (["evaluate"], ("mapping.yaml", "R=5", "R=4"), 3, "the factors of R make up 4, not its bound of 5"),
        (["evaluate"], ("arch.yaml", "depth: 64", "depth: 2"), 3, "words needed"),
    ],
)
def test_a_slip_ends_in_one_line(halo, capsys, arguments, spoilt, code, text):
    if spoilt:
        file, old, new = spoilt
        before = Path(file).read_text()
        assert old in before
        Path(file).write_text(before.replace(old, new))
    assert main(["map", arguments[0], *halo, *arguments[1:]]) == code
    said = capsys.readouterr().err
    assert text in said
    assert said.count("\n") == 1


@pytest.mark.slow  # what is compiled for it takes most of a minute
def test_gnomons_own_conventions_take_no_shortcut(halo, capsys):
    assert main(["map", "evaluate", *halo, "--conventions", "gnomon", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["conventions"] == {"name": "gnomon", "switches": {}}
    assert found["levels"][2]["dataspaces"]["Inputs"]["reads"] == 36  # 48 by Timeloop's two iterations
    total = sum(level["energy_pj"] + level["leakage_pj"] for level in found["levels"])
    assert found["energy_pj"] == pytest.approx(total)
    assert found == gnomon.evaluate_mapping(halo, rules="gnomon").to_dict()
    assert main(["map", "evaluate", *halo, "--conventions", "gnomon"]) == 0
    assert "counts of gnomon's own conventions" in capsys.readouterr().err


@pytest.mark.slow  # what is compiled for it takes most of a minute
def test_a_count_of_instances_that_do_not_always_have_work_is_told(capsys):
    case = GOLDEN / "37_imperfect_spatial"
    files = [str(case / f"{name}.yaml") for name in ("problem", "arch", "mapping", "ert")]
    assert main(["map", "evaluate", *files, "--conventions", "gnomon", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["macs"] == 832  # 13 x 8 x 8, of which Timeloop's rounding leaves 768
    assert found["levels"][0]["utilized_instances"] == 3.25


def test_no_mapping_is_said(halo, capsys):
    assert main(["map", "evaluate", "problem.yaml", "arch.yaml"]) == 3
    assert "no 'mapping:' in any of the files" in capsys.readouterr().err
