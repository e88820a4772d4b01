"""`gnomon predict --engine mapper`: networks on spatial accelerators."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest

import gnomon as api
from gnomon.cli import progress
from gnomon.cli.complete import candidates
from gnomon.engines.mapper.networks.settings import Settings
from tests.engines.mapper.networks.machine import TEXT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("compiled"),
]  # what is compiled takes a minute: once, and by one worker

GRAPH = ("--engine", "mapper", "--set", "mapper.effort=10", "--image", "32")


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    (tmp_path / "tiny.yaml").write_text(TEXT)
    return str(tmp_path / "tiny.yaml")


def _table(text: str, first: str) -> list[str]:
    """Lines of the table whose head begins with that word."""
    lines = text.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(first))
    return lines[start + 1 : next((at for at in range(start, len(lines)) if not lines[at]), len(lines))]


def test_the_layers_their_sum_and_the_parts_stand_below_the_answer(gnomon, tiny: str) -> None:
    run = gnomon("predict", "resnet-18", "--on", tiny, *GRAPH)
    layers, parts = _table(run.out, "layer "), _table(run.out, "part ")
    assert run.code == 0
    assert layers[-1].startswith("all ")
    assert len(layers) == 13
    assert [line.split()[0] for line in parts[:4]] == ["MAC", "spad", "buffer", "DRAM"]
    assert "no interval" in run.err


def test_json_csv_and_python_have_the_same_numbers(gnomon, tiny: str, cache: Path) -> None:
    words = ("predict", "resnet-18", "--on", tiny, *GRAPH)
    found = gnomon(*words, "--json").json["rows"][0]["quantities"][0]
    (row,) = csv.DictReader(io.StringIO(gnomon(*words, "--csv").out))
    rows = list(csv.DictReader(io.StringIO(gnomon(*words, "--csv", "--layers").out)))
    answer = api.predict("resnet-18", tiny, engine="mapper", settings={"effort": "10"}, image=32)
    assert list(cache.rglob("*.json"))
    assert answer["time"].mapped is not None
    assert found["value"] == float(row["value_s"]) == answer.value
    assert found["mapped"]["energy_j"] == float(row["energy_j"]) == answer["time"].mapped.energy_j
    assert sum(float(layer["total_s"]) for layer in rows) == pytest.approx(found["value"], rel=1e-12)
    assert sum(float(layer["total_energy_j"]) for layer in rows) == pytest.approx(float(row["energy_j"]), rel=1e-12)
    assert found["provenance"]["settings"] == ["objective=edp", "conventions=gnomon", "effort=10", "seed=0"]
    assert found["memory"]["capacity_bytes"] is None
    assert found["interval"] is None


def test_operators_are_the_products_with_their_times(gnomon, tiny: str) -> None:
    found = gnomon("predict", "resnet-18", "--on", tiny, *GRAPH, "--operators", "--json").json
    quantity = found["rows"][0]["quantities"][0]
    assert {row["family"] for row in quantity["operators"]} == {"conv", "matmul"}
    whole_s = sum(row["repeat"] * row["time_s"] for row in quantity["operators"])
    assert whole_s == pytest.approx(quantity["value"], rel=1e-12)
    assert "roofs" not in quantity


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--on", "eyeriss-like"), 4, "eyeriss-like is a spatial accelerator: engine mapper maps it"),
        (("--on", "t4", "--engine", "mapper"), 4, "mapper answers for spatial accelerators, and t4 is none"),
        (("--on", "eyeris-like", "--engine", "mapper"), 3, "did you mean 'eyeriss-like'?"),
        (("--on", "t4", "--set", "mapper.effort=20"), 2, "--set: 'mapper' is not asked; --engine names it"),
        (("--on", "t4", "--set", "effort=20"), 2, "--set takes ENGINE.SETTING=VALUE"),
        (("--on", "t4", "--set", "roofline.x=1"), 3, "roofline.x: engine 'roofline' has no settings"),
        (("--on", "eyeriss", "--engine", "mapper", "--set", "mapper.effort=0"), 3, "mapper.effort: '0' is not a whole"),
        (
            ("--on", "eyeriss", "--engine", "mapper", "--efficiency", "0.5"),
            4,
            "takes the numbers of eyeriss from its file",
        ),
        (("--on", "eyeriss", "--engine", "mapper", "--mode", "forward+backward"), 4, "gradient of a convolution"),
        (("--on", "t4", "--layers"), 2, "--layers is a table of its own: it goes with --csv"),
    ],
)
def test_a_mistake_ends_in_a_line_that_says_what_to_do(gnomon, words: tuple[str, ...], code: int, message: str) -> None:
    run = gnomon("predict", "resnet-18", *words)
    assert run.code == code
    assert message in run.err
    assert "Traceback" not in run.err


def test_an_interrupted_run_keeps_the_layers_that_are_mapped(tmp_path: Path, cache: Path) -> None:
    """Ctrl-C comes while the third layer is searched."""
    program = (
        "import sys\n"
        "from gnomon.engines.mapper.networks import best\n"
        "searched, done = best.searched, []\n"
        "def interrupted(*given):\n"
        "    done.append(given)\n"
        "    if len(done) == 3: raise KeyboardInterrupt\n"
        "    return searched(*given)\n"
        "best.searched = interrupted\n"
        "from gnomon.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    (tmp_path / "tiny.yaml").write_text(TEXT)
    words = ["predict", "resnet-18", "--on", str(tmp_path / "tiny.yaml"), *GRAPH]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "gnomon: interrupted\n")
    assert len(list(cache.rglob("*.json"))) == 2
    assert not list(cache.rglob("*.part"))


def test_what_is_under_way_is_told_while_it_lasts(gnomon, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.01)
    run = gnomon("predict", "resnet-18", "--on", tiny, *GRAPH, "--json")
    told = [line for line in run.err.splitlines() if "gnomon: mapping conv 3x3" in line]
    assert told
    assert all(line.endswith("of 12") for line in told)


def test_a_quick_engine_tells_nothing(gnomon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.001)
    assert gnomon("predict", "resnet-18", "--on", "t4").err == ""


def test_compare_sets_the_mapper_beside_those_that_decline(
    gnomon, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Settings.__init__.__kwdefaults__, "effort", 10)  # compare takes no settings
    (tmp_path / "small.yaml").write_text("schema: gnomon/scenario/1\nmodel: gpt2\non: ./tiny.yaml\nseq: 4\n")
    run = gnomon("compare", str(tmp_path / "small.yaml"), "--json")
    answers = {one["engine"]: one for one in run.json["scenarios"][0]["answers"]}
    assert answers["mapper"]["quantities"][0]["value"] > 0
    assert "engine mapper maps it" in answers["roofline"]["quantities"][0]["reasons"][0]


def test_accelerators_complete_where_systems_do() -> None:
    assert candidates(["predict", "resnet-18", "--on", "eyeriss-l"]) == ["eyeriss-like"]


def test_an_engine_that_is_only_listed_does_not_wait_for_numba() -> None:
    program = "import sys, gnomon.engines.mapper.engine; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
