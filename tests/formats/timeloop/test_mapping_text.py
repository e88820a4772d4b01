"""A mapping as text is read back as the same mapping."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from gnomon.core.errors import Unsupported
from gnomon.core.loop_nest import Loop, LoopNest, Tiling
from gnomon.core.problem import Problem
from gnomon.formats.timeloop.mapping_text import mapping_text
from gnomon.formats.timeloop.read import TimeloopInput, read
from tests.formats.timeloop.small import PROBLEM, read_small, write

TWINS = Path(__file__).parent / "nodes"


def test_the_text_names_every_dimension_and_data_space_of_each_memory(tmp_path):
    given = read_small(tmp_path)
    assert given.nest is not None
    assert (
        mapping_text(given.problem, given.accelerator, given.nest)
        == """mapping:
- target: Registers
  type: datatype
  keep:
  - Weights
  - Inputs
  - Outputs
  bypass: []
- target: Buffer
  type: datatype
  keep:
  - Inputs
  - Outputs
  bypass:
  - Weights
- target: DRAM
  type: datatype
  keep:
  - Weights
  - Inputs
  - Outputs
  bypass: []
- target: Registers
  type: temporal
  factors: R=3 P=1 M=1
  permutation: RPM
- target: Buffer
  type: spatial
  factors: R=1 P=1 M=4
  permutation: MRP
  split: 1
- target: Buffer
  type: temporal
  factors: R=1 P=8 M=1
  permutation: PRM
- target: DRAM
  type: temporal
  factors: R=1 P=2 M=2
  permutation: MPR
"""
    )


def test_a_permutation_that_yaml_takes_for_a_truth_value_is_quoted(tmp_path):
    lettered = (
        PROBLEM.replace("R, P, M]", "N, O, M]").replace("[R]", "[N]").replace("[P, ", "[O, ").replace("[[P]]", "[[O]]")
    )
    lettered = lettered.replace("R: 3, P: 16", "N: 3, O: 16")
    mapping = "mapping:\n- {target: DRAM, type: temporal, factors: N=3 O=16 M=8, permutation: 'NOM'}\n"
    given = read_small(tmp_path, problem=lettered, mapping=mapping)
    assert given.nest is not None
    assert given.problem.bounds == {"N": 3, "O": 16, "M": 8}
    text = mapping_text(given.problem, given.accelerator, given.nest)
    assert all(isinstance(item.get("permutation", ""), str) for item in yaml.safe_load(text)["mapping"])
    assert read_small(tmp_path, problem=lettered, mapping=text).nest == given.nest


def test_a_dimension_along_both_axes_cannot_be_written(tmp_path):
    given = read_small(tmp_path, mapping=None)
    two = Loop(dim="M", count=2, last=2)
    plain = Tiling(kept=frozenset())
    nest = LoopNest(tilings=(plain, replace(plain, spatial_x=(two,), spatial_y=(two,)), plain))
    with pytest.raises(Unsupported, match="two loops of one dimension in a directive of Buffer"):
        mapping_text(given.problem, given.accelerator, nest)


@pytest.mark.parametrize("seed", range(40))
def test_any_mapping_is_read_back_as_it_was(seed, tmp_path):
    given = read_small(tmp_path, mapping=None)
    nest = _drawn(given, random.Random(seed))
    text = mapping_text(given.problem, given.accelerator, nest)
    assert read_small(tmp_path, mapping=text).nest == nest


@pytest.mark.parametrize("twin", ["array", "beside", "fanned_out_component"])
def test_what_stands_for_a_fan_out_goes_by_its_own_name(twin, tmp_path):
    (tmp_path / "problem.yaml").write_text(PROBLEM, encoding="utf-8")
    given = read([TWINS / f"{twin}.yaml", tmp_path / "problem.yaml"])
    nest = _drawn(given, random.Random(1), passing=given.passing)
    text = mapping_text(given.problem, given.accelerator, nest)
    targets = {item["target"] for item in yaml.safe_load(text)["mapping"]}
    assert targets == {memory.name for memory in given.accelerator.memories}
    for form in ("", ".tree"):
        files = write(tmp_path, {"problem.yaml": PROBLEM, "mapping.yaml": text})
        assert read([TWINS / f"{twin}{form}.yaml", *files]).nest == nest


def test_some_of_the_drawn_mappings_are_ragged_and_some_run_along_both_axes(tmp_path):
    given = read_small(tmp_path, mapping=None)
    tilings = [tiling for seed in range(40) for tiling in _drawn(given, random.Random(seed)).tilings]
    assert any(loop.last != loop.count for tiling in tilings for loop in tiling.temporal)
    assert any(tiling.spatial_x and tiling.spatial_y for tiling in tilings)


def _drawn(given: TimeloopInput, dice: random.Random, passing: frozenset[str] = frozenset()) -> LoopNest:
    """A mapping of the whole problem: dimensions are cut from inside out, evenly or not, the rest left for outside."""
    left = dict(given.problem.bounds)
    tilings = []
    for level, memory in enumerate(given.accelerator.memories):
        is_last = level == len(given.accelerator.memories) - 1
        x_room, y_room = given.accelerator.fanout(level)
        dims = dice.sample(sorted(left), len(left))
        x = _cut(dims[:1], left, x_room, dice)
        y = _cut(dims[1:2], left, y_room, dice)
        room = 1 if memory.name in passing else None if is_last else 4
        order = dice.sample(sorted(left), len(left))
        temporal = _cut(order, left, room, dice)
        found = _tiling(given.problem, temporal, x, y, dice, is_last=is_last, is_passing=memory.name in passing)
        if (x_room, y_room) == (1, 1):  # there are no flags of what moves between children
            found = replace(found, no_multicast=frozenset(), no_link_transfer=frozenset())
        tilings.append(found)
    return LoopNest(tilings=tuple(tilings))


def _cut(dims: list[str], left: dict[str, int], room: int | None, dice: random.Random) -> tuple[Loop, ...]:
    """A loop of each dimension, of at most so many iterations; without a limit, of all that is left."""
    loops = []
    for dim in dims:
        count = left[dim] if room is None else dice.randint(1, min(left[dim], room))
        left[dim], last = -(-left[dim] // count), (left[dim] - 1) % count + 1
        if count > 1:
            loops.append(Loop(dim=dim, count=count, last=last))
    return tuple(loops)


def _tiling(problem: Problem, temporal, x, y, dice: random.Random, *, is_last: bool, is_passing: bool) -> Tiling:
    def some() -> frozenset[str]:
        return frozenset(space.name for space in problem.spaces if dice.random() < 0.3)

    every = frozenset(space.name for space in problem.spaces)
    kept = frozenset() if is_passing else every if is_last else every - some()
    return Tiling(
        temporal=temporal,
        spatial_x=x,
        spatial_y=y,
        kept=kept,
        no_temporal_reuse=some(),
        no_multicast=some(),
        no_link_transfer=some(),
        reads_first_update=some(),
    )
