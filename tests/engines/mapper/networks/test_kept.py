"""Mappings that are kept: used again, gone on with, and never believed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gnomon.core.digest import plain
from gnomon.core.prediction import Prediction
from gnomon.engines.mapper.engine import MapperEngine
from gnomon.engines.mapper.layers import layers
from gnomon.engines.mapper.networks import kept
from gnomon.engines.mapper.networks.best import asked
from gnomon.engines.mapper.networks.settings import Settings
from tests.engines.mapper.networks.machine import SQUARE, TINY, WIDE, on

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("compiled"),
]  # what is compiled takes a minute: once, and by one worker

QUICK = Settings(effort=10)
SCENARIO = on(TINY, SQUARE, WIDE)


def _ask(folder: Path, settings: Settings = QUICK) -> tuple[Prediction, int]:
    """The answer, and how many layers were searched for it."""
    told: list[str] = []
    found = MapperEngine(settings, folder, told.append).predict(SCENARIO)
    return found, len(told)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_the_second_answer_is_the_first_to_the_byte_without_a_search(tmp_path: Path) -> None:
    first, second = _ask(tmp_path), _ask(tmp_path)
    assert (first[1], second[1]) == (2, 0)
    assert json.dumps(plain(first[0])) == json.dumps(plain(second[0]))


def test_nothing_is_left_but_a_file_for_each_layer(tmp_path: Path) -> None:
    _ask(tmp_path)
    assert [file.suffix for file in _files(tmp_path)] == [".json", ".json"]


def test_what_another_objective_seed_or_machine_found_is_not_used(tmp_path: Path) -> None:
    _ask(tmp_path)
    assert _ask(tmp_path, replace(QUICK, objective="energy"))[1] == 2
    assert _ask(tmp_path, replace(QUICK, seed=1))[1] == 2
    memories = TINY.accelerator.memories
    larger = (*memories[:-1], replace(memories[-1], shared_words_per_cycle=8))
    machine = replace(TINY, accelerator=replace(TINY.accelerator, memories=larger))
    told: list[str] = []
    MapperEngine(QUICK, tmp_path, told.append).predict(on(machine, SQUARE, WIDE))
    assert len(told) == 2


def test_less_effort_takes_what_more_has_found(tmp_path: Path) -> None:
    much = _ask(tmp_path, replace(QUICK, effort=30))[0]
    little, searched = _ask(tmp_path, replace(QUICK, effort=10))
    assert searched == 0
    assert little.mapped == much.mapped


def test_more_effort_goes_on_from_what_is_kept(tmp_path: Path) -> None:
    little = _ask(tmp_path, replace(QUICK, effort=10))[0]
    much = _ask(tmp_path, replace(QUICK, effort=40))[0]
    assert little.mapped is not None
    assert much.mapped is not None
    for before, after in zip(little.mapped.layers, much.mapped.layers, strict=True):
        assert after.cycles * after.total_energy_pj <= before.cycles * before.total_energy_pj
        assert after.least >= before.least
        assert after.gap == 0 or after.effort >= 40


def test_less_effort_does_not_write_over_more(tmp_path: Path) -> None:
    one = asked(layers(SCENARIO.workload).layers[0].problem, TINY, "gnomon")
    _ask(tmp_path)
    best = kept.read(tmp_path, one, QUICK)
    state = kept.read_state(tmp_path, one, QUICK)
    assert best is not None
    assert state is not None
    before = [file.read_bytes() for file in _files(tmp_path)]
    kept.write(tmp_path, one, QUICK, replace(best, effort=0, is_proved=False), state[1])
    assert [file.read_bytes() for file in _files(tmp_path)] == before


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{",
        b"[]\n",
        b"null\n{}",
        b"\xff\xfe\n",
        b'{"schema": "gnomon/kept-mapping/1", "sum": "0"}\n{}',
    ],
)
def test_a_file_that_is_damaged_is_written_anew(tmp_path: Path, damaged: bytes) -> None:
    first = _ask(tmp_path)[0]
    whole = [file.read_bytes() for file in _files(tmp_path)]
    for file in _files(tmp_path):
        file.write_bytes(damaged)
    again, searched = _ask(tmp_path)
    assert searched == 2
    assert again == first
    assert [file.read_bytes() for file in _files(tmp_path)] == whole


def test_a_changed_number_is_noticed(tmp_path: Path) -> None:
    first = _ask(tmp_path)[0]
    for file in _files(tmp_path):
        head, state = file.read_text().split("\n")
        written = json.loads(head)
        written["least"] = 0.5
        file.write_text(f"{json.dumps(written)}\n{state}")
    again, searched = _ask(tmp_path)
    assert searched == 2
    assert again == first


def test_a_state_that_is_cut_off_is_not_gone_on_with(tmp_path: Path) -> None:
    _ask(tmp_path)
    for file in _files(tmp_path):
        file.write_bytes(file.read_bytes()[:-40])
    one = asked(layers(SCENARIO.workload).layers[0].problem, TINY, "gnomon")
    assert kept.read(tmp_path, one, QUICK) is not None
    assert kept.read_state(tmp_path, one, QUICK) is None
    assert _ask(tmp_path, replace(QUICK, effort=30))[0] == MapperEngine(Settings(effort=30, is_kept=False)).predict(
        SCENARIO
    )


def test_a_mapping_that_breaks_the_rules_or_does_not_make_up_the_layer_is_not_used(tmp_path: Path) -> None:
    one = asked(layers(SCENARIO.workload).layers[0].problem, TINY, "gnomon")
    _ask(tmp_path)
    best, found = kept.read(tmp_path, one, QUICK), kept.read_state(tmp_path, one, QUICK)
    assert best is not None
    assert found is not None
    lost = replace(best.nest, tilings=tuple(replace(tiling, temporal=()) for tiling in best.nest.tilings))
    kept.write(tmp_path, one, QUICK, replace(best, nest=lost, effort=10**6, is_proved=True), found[1])
    assert kept.read(tmp_path, one, QUICK) is None


def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a-file"
    file.write_text("in the way")
    told: list[str] = []
    found = MapperEngine(QUICK, file, told.append).predict(SCENARIO)
    assert found == MapperEngine(replace(QUICK, is_kept=False)).predict(SCENARIO)
    assert any("mappings cannot be kept" in text for text in told)


def test_two_processes_at_once_leave_whole_files(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from gnomon.engines.mapper.engine import MapperEngine\n"
        "from tests.engines.mapper.networks.test_kept import QUICK, SCENARIO\n"
        "print(MapperEngine(QUICK, Path(sys.argv[1])).predict(SCENARIO).value)"
    )
    root = Path(__file__).parents[4]
    path = os.pathsep.join([str(root / "src"), str(root), os.environ.get("PYTHONPATH", "")])
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": str(seed)},
        )
        for seed in (1, 2)
    ]
    values = {float(process.communicate()[0]) for process in running}
    found, searched = _ask(tmp_path)
    assert searched == 0
    assert values == {found.value}
    assert len(_files(tmp_path)) == 2


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"XDG_CACHE_HOME": "/caches"}, Path("/caches/gnomon/mappings")),
        ({"XDG_CACHE_HOME": "relative"}, Path.home() / ".cache/gnomon/mappings"),
        ({}, Path.home() / ".cache/gnomon/mappings"),
    ],
)
def test_the_folder_is_the_user_s_for_caches(variables: dict[str, str], folder: Path) -> None:
    assert kept.usual_folder(variables) == folder
