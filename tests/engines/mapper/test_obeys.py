"""Which rules a mapping breaks."""

from dataclasses import replace
from pathlib import Path

import pytest

from gnomon.core.loop_nest import Loop, LoopNest, Tiling
from gnomon.core.map_space import LevelRules, LoopRules, MapRules
from gnomon.core.problem import DataSpace, Problem, Term
from gnomon.engines.mapper.obeys import broken_rules
from gnomon.formats.timeloop.read import read

_SPACES = tuple(DataSpace(name=name, ranks=((Term(dim=name),),)) for name in ("A", "B"))
_PROBLEM = Problem(name="two", bounds={"A": 16, "B": 9, "C": 2}, spaces=_SPACES)


def _loop(dim: str, count: int, last: int | None = None) -> Loop:
    return Loop(dim=dim, count=count, last=last or count)


def _broken(tiling: Tiling, **rules) -> list[str]:
    nest = LoopNest(tilings=(tiling,))
    return broken_rules(nest, _PROBLEM, MapRules(levels=(LevelRules(memory="RF", **rules),)))


_TIMES = Tiling(temporal=(_loop("A", 4), _loop("B", 5, 4)), kept=frozenset("A"))
_SPREAD = Tiling(spatial_x=(_loop("A", 4),), spatial_y=(_loop("B", 3),), kept=frozenset("A"))


@pytest.mark.parametrize(
    ("rules", "broken"),
    [
        (LoopRules(exactly={"A": 4, "B": 5, "C": 1}), []),
        (LoopRules(exactly={"A": 2, "C": 2}, place="f:3"), ["RF in time: A is 4, not 2 (f:3)", "RF in time: C is 1, not 2 (f:3)"]),
        (LoopRules(at_most={"A": 4, "B": 4}), ["RF in time: B is 5, not at most 4"]),
        (LoopRules(at_least={"A": 4, "C": 2}), ["RF in time: C is 1, not at least 2"]),
        (LoopRules(inner=("C", "A", "B")), []),
        (LoopRules(inner=("C", "B")), ["RF in time: A B does not begin innermost with B"]),
        (LoopRules(outer=("B", "C")), []),
        (LoopRules(inner=("A",), outer=("A", "C")), ["RF in time: A B does not end outermost with A"]),
    ],
)  # fmt: skip
def test_loops_in_time_run_as_often_and_in_the_order_that_the_rules_say(rules, broken):
    assert _broken(_TIMES, temporal=rules) == broken
    assert _broken(_TIMES, spatial=LoopRules(inner=rules.inner, outer=rules.outer)) == []


@pytest.mark.parametrize(
    ("inner", "outer", "along_x", "broken"),
    [
        ("AB", "", None, []),
        ("BA", "", None, ["RF over its children: A B does not begin innermost with B A"]),
        ("", "A", None, ["RF over its children: A B does not end outermost with A"]),
        ("AB", "", 1, []),
        ("CAB", "", 2, []),
        ("AB", "", 2, ["RF over its children: B runs along y, where the first 2 of the order run along x"]),
        ("CAB", "", 1, ["RF over its children: A runs along x, where the first 1 of the order run along x"]),
        ("", "", 1, []),
        ("", "", 2, []),
        ("", "", 99, ["RF over its children: B runs along y, where the first 99 of the order run along x"]),
        ("", "", 0, ["RF over its children: A runs along x, where the first 0 of the order run along x"]),
        ("", "BC", 1, []),
        ("", "B", 3, ["RF over its children: B runs along y, where the first 3 of the order run along x"]),
        ("C", "", 1, ["RF over its children: A runs along x, where the first 1 of the order run along x"]),
        ("C", "", 2, []),
    ],
)  # fmt: skip
def test_the_first_of_the_spatial_order_run_along_x(inner, outer, along_x, broken):
    rules = LoopRules(inner=tuple(inner), outer=tuple(outer))
    assert _broken(_SPREAD, spatial=rules, along_x=along_x) == broken


def test_more_loops_than_places_along_an_axis_are_told():
    both_on_x = Tiling(spatial_x=(_loop("A", 4), _loop("B", 3)), kept=frozenset("A"))
    assert _broken(both_on_x, along_x=1) == [
        "RF over its children: A B cannot stand so that the first 1 of the order run along x"
    ]
    assert _broken(both_on_x, along_x=2) == []


def test_a_dimension_along_both_axes_counts_as_the_product():
    both = Tiling(spatial_x=(_loop("A", 4),), spatial_y=(_loop("A", 2),), kept=frozenset("A"))
    assert _broken(both, spatial=LoopRules(exactly={"A": 8})) == []


def test_what_must_be_kept_or_bypassed_is_told():
    assert _broken(_TIMES, kept=frozenset("A"), bypassed=frozenset("B")) == []
    assert _broken(_TIMES, kept=frozenset("B"), bypassed=frozenset("A"), keeping_place="f:2") == [
        "RF keeps A (f:2)",
        "RF does not keep B (f:2)",
    ]


@pytest.mark.parametrize("flag", ["no_temporal_reuse", "no_multicast", "no_link_transfer", "reads_first_update"])
def test_a_flag_that_is_missing_is_told(flag):
    raised = {flag: frozenset("A")}
    assert _broken(_TIMES, **raised) == [f"RF lacks {flag} of A"]
    assert _broken(replace(_TIMES, **raised), **raised) == []


def test_enough_units_must_have_work():
    nest, levels = LoopNest(tilings=(_SPREAD,)), (LevelRules(),)
    assert broken_rules(nest, _PROBLEM, MapRules(levels=levels, least_units=12)) == []
    assert broken_rules(nest, _PROBLEM, MapRules(levels=levels, least_units=13, units_place="f:9")) == [
        "12 units have work, not at least 13 (f:9)"
    ]


@pytest.fixture(scope="module")
def searched(shared) -> list[Path]:
    found = sorted(path.parent for path in (shared / "reference" / "timeloop" / "mapper").glob("*/constraints.yaml"))
    if not found:
        pytest.skip(f"no searches of Timeloop in {shared}/reference/timeloop/mapper")
    return found


@pytest.mark.slow
def test_every_mapping_that_timeloop_found_obeys_the_constraints_of_its_search(searched):
    checked = 0
    for case in searched:
        given = read(sorted(case.glob("*.yaml")))
        assert given.search.objectives == ("edp",), case
        assert any(level.kept or level.bypassed for level in given.rules.levels[:-1]), case
        if given.nest is not None:  # one search found none
            assert broken_rules(given.nest, given.problem, given.rules) == [], case
            checked += 1
    assert checked


def test_a_mapping_of_another_search_breaks_rules(searched):
    """The Eyeriss-like array has its columns in x and rows in y; turning them round breaks what its constraints say."""
    case = next(case for case in searched if case.name == "eyeriss__rn50_conv1")
    given = read(sorted(case.glob("*.yaml")))
    assert given.nest is not None
    turned = tuple(
        replace(tiling, spatial_x=tiling.spatial_y, spatial_y=tiling.spatial_x) for tiling in given.nest.tilings
    )
    assert (
        len(broken_rules(LoopNest(tilings=turned), given.problem, given.rules)) == 4
    )  # Q and M of GLB, C and M of ColBus
