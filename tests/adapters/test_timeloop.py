"""Timeloop: what it is given reads back as the same, and what it said is what our mapper says."""

from dataclasses import replace

import pytest

from gnomon.adapters.timeloop.adapter import Timeloop
from gnomon.api.mapping_comparison import question_of
from gnomon.api.mapping_tools import mapper_answer
from gnomon.core.errors import BadInput, ToolError
from gnomon.core.map_space import LevelRules, LoopRules, MapRules
from gnomon.core.tool import Limits
from gnomon.formats.timeloop.read import read
from gnomon.tools.answers import ask
from tests.adapters.asked import QUESTIONS, needs, recorded
from tests.adapters.timeloop_stand_in import stand_in
from tests.engines.mapper.golden import environment, given, own_cases, shared_cases

TOOL = Timeloop()
DOZEN = [*own_cases()[::6], *shared_cases("cases", "fuzz", "official")[::20]]


def _written(question, folder):
    for name, text in TOOL.translate(question).items():
        (folder / name).write_text(text)
    return read(sorted(folder.iterdir()))


def test_the_files_of_a_mapping_read_back_as_the_same(tmp_path):
    question = QUESTIONS["halo"]()
    again = _written(question, tmp_path)
    assert (again.problem, again.accelerator, again.nest) == (question.problem, question.accelerator, question.nest)


def test_the_constraints_of_a_search_read_back_as_the_same(tmp_path):
    question = QUESTIONS["eyeriss_p"]()
    loops = LoopRules(exactly={"M": 4}, at_most={"K": 8}, inner=("N",), outer=("K", "M"))
    spatial = LoopRules(exactly={"M": 1}, inner=("N",))
    levels = [LevelRules()] * 3 + [LevelRules(temporal=loops, spatial=spatial, along_x=1), LevelRules()]
    again = _written(replace(question, rules=MapRules(levels=tuple(levels))), tmp_path)
    found = again.rules.levels[3]
    assert replace(found.temporal, place="") == loops
    assert (replace(found.spatial, place=""), found.along_x) == (spatial, 1)
    assert (found.kept, found.bypassed) == (frozenset("AZ"), frozenset("B"))
    assert question_of(again).kept == question.kept


def test_its_counts_are_those_that_are_worked_out_by_hand():
    """48 reads of the buffer's inputs: the README of our mapper has the sum."""
    question = QUESTIONS["halo"]()
    found = TOOL.read(recorded("timeloop", "halo"), question)
    (inputs,) = (one for one in found.counts if (one.part, one.space) == ("GLB", "Inputs"))
    assert inputs.reads == 48
    assert (found.cycles, found.energy_pj) == (160, pytest.approx(16_026.7))
    assert question.nest is not None
    assert found.counts == mapper_answer(question, question.nest).counts


@pytest.mark.parametrize(
    ("script", "fault", "told"),
    [
        ('echo "ERROR: couldn\'t map level RF: mapped tile too large" >&2; exit 1', BadInput, "couldn't map level RF"),
        ("echo 'ERROR: key not found: tables' >&2; kill -6 $$", ToolError, "aborted .*key not found: tables"),
        (
            "echo '<boost_serialization></boost_serialization>' > timeloop-model.map+stats.xml; echo x > timeloop-model.stats.txt",
            ToolError,
            "without memories",
        ),
        ("echo '<a>' > timeloop-model.map+stats.xml; echo x > timeloop-model.stats.txt", ToolError, "cannot be read"),
    ],
)
def test_its_ways_to_fail_are_errors_of_ours(script, fault, told, tmp_path, monkeypatch):
    stand_in(tmp_path, script, monkeypatch)
    with pytest.raises(fault, match=told):
        ask(TOOL, QUESTIONS["halo"](), Limits())


def test_docker_runs_it_where_the_image_is_there(tmp_path, monkeypatch):
    stand_in(tmp_path, "", monkeypatch)
    (tmp_path / "docker").write_text(f'#!/bin/sh\n[ "$1" = image ] || echo "$@" > {tmp_path}/asked\n')
    (tmp_path / "docker").chmod(0o755)
    assert TOOL.installed().place.startswith("docker image timeloopaccelergy/")
    with pytest.raises(ToolError, match="gave no result"):
        ask(TOOL, QUESTIONS["halo"](), Limits())
    asked = (tmp_path / "asked").read_text().split()
    assert asked[asked.index("600") + 1] == "timeloop-model"
    assert asked[-2:] == ["-o", "."]


@needs(TOOL)
@pytest.mark.slow
@pytest.mark.parametrize("case", DOZEN, ids=lambda case: case.name)
def test_timeloop_itself_counts_what_our_mapper_counts(case, monkeypatch):
    for name, value in environment(case).items():
        monkeypatch.setenv(name, value)
    question = question_of(given(case))
    assert question.nest is not None
    ours, theirs = mapper_answer(question, question.nest), ask(TOOL, question, Limits())
    assert set(map(repr, ours.counts)) == set(map(repr, theirs.counts))
    assert ours.cycles == theirs.cycles
    # Its wires and leaks have two decimals.
    assert ours.energy_pj == pytest.approx(theirs.energy_pj, rel=1e-6, abs=0.05)
