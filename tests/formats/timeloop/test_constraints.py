"""What each constraint is read as, and each that is refused in one line."""

from pathlib import Path

import pytest

from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.map_space import LevelRules, LoopRules, MapRules
from gnomon.formats.timeloop.read import read
from tests.formats.timeloop.small import ARCHITECTURE, ERT, FILES, PROBLEM, write

PLAIN = {name: text for name, text in FILES.items() if name != "mapping.yaml"}


def _rules(folder: Path, text: str) -> MapRules:
    return read(write(folder, {**PLAIN, "rules.yaml": text})).rules


def _one(folder: Path, entry: str, level: int = 1) -> LevelRules:
    """The rules of one memory, Buffer unless another is meant, under one constraint."""
    return _rules(folder, f"mapspace_constraints:\n- {entry}\n").levels[level]


def test_without_constraints_the_outermost_memory_keeps_all_and_nothing_else_is_said(tmp_path):
    free = [LevelRules(memory=name) for name in ("Registers", "Buffer")]
    every = frozenset(("Weights", "Inputs", "Outputs"))
    assert read(write(tmp_path, PLAIN)).rules == MapRules(levels=(*free, LevelRules(memory="DRAM", kept=every)))


@pytest.mark.parametrize(
    "text",
    [
        "architecture_constraints:\n  targets:\n  - {}",
        "arch_constraints:\n  targets:\n  - {}",
        "mapspace_constraints:\n  version: 0.4\n  targets:\n  - {}",
        "mapspace:\n  template: uber\n  constraints:\n  - {}",
        "constraints:\n- {}",
        "mapspace_constraints:\n- {{target: Buffer, constraints: [{}]}}",
        "mapspace_constraints:\n- {{name: Buffer, constraints: [{}]}}",
        "mapspace_constraints:\n- {{target: 1, type: temporal, attributes: {{factors: P=4, permutation: MR}}}}",
    ],
)
def test_constraints_may_stand_in_each_place_and_form(text, tmp_path):
    entry = "{target: Buffer, type: temporal, factors: P=4, permutation: MR}"
    found = _rules(tmp_path, text.format(entry)).levels[1].temporal
    assert (found.exactly, found.inner) == ({"P": 4}, ("M", "R"))
    assert found.place.rpartition(":")[0] == str(tmp_path / "rules.yaml")


@pytest.mark.parametrize("architecture", ["architecture", "arch"])
def test_an_architecture_may_hold_its_constraints_itself(architecture, tmp_path):
    lists = """: {
  arithmetic: {instances: 8, meshX: 8},
  storage: [{name: RF, entries: 64, instances: 8, meshX: 8}, {name: DRAM, technology: DRAM, instances: 1}],
  constraints: [{target: RF, type: temporal, factors: R=0 P=2}]}
"""
    found = read(write(tmp_path, {"problem.yaml": PROBLEM, "arch.yaml": architecture + lists}))
    assert found.rules.levels[0].temporal.exactly == {"R": 3, "P": 2}


@pytest.mark.parametrize(
    ("written", "exactly", "at_most", "at_least"),
    [
        ("R=3 P<=8 M>=2", {"R": 3}, {"P": 8}, {"M": 2}),
        ("R3,P <= 8, M >=2 # P=1", {"R": 3}, {"P": 8}, {"M": 2}),
        ("[R=3, P<=8, M>=2]", {"R": 3}, {"P": 8}, {"M": 2}),
        ("R=0 P==4 P<=4", {"R": 3, "P": 4}, {"P": 4}, {}),
        ("P<=99 M>=2 M<=6", {}, {"P": 99, "M": 6}, {"M": 2}),
        ("[R=-1, P=size]", {"P": 4}, {}, {}),
    ],
)
def test_factors_may_be_exact_or_bounds(written, exactly, at_most, at_least, tmp_path):
    text = f"'{written}'" if "[" not in written else written
    entry = f"constraints:\n- {{target: Buffer, type: temporal, factors: {text}}}\nvariables: {{size: 2 * 2}}\n"
    assert _rules(tmp_path, entry).levels[1].temporal == LoopRules(
        exactly=exactly, at_most=at_most, at_least=at_least, place=f"{tmp_path / 'rules.yaml'}:2"
    )


@pytest.mark.parametrize(
    ("written", "inner", "outer"),
    [("RP", "RP", ""), ("R_P", "R", "P"), ("_PM", "", "PM"), ("[M, _, R]", "M", "R"), ("'M R # P'", "MR", "")],
)
def test_a_permutation_names_the_innermost_and_after_an_underscore_the_outermost(written, inner, outer, tmp_path):
    found = _one(tmp_path, f"{{target: Buffer, type: temporal, permutation: {written}}}").temporal
    assert (found.inner, found.outer) == (tuple(inner), tuple(outer))


def test_directives_of_one_memory_add_up_and_name_both_places(tmp_path):
    text = """architecture_constraints:
  targets:
  - {target: Buffer, type: spatial, factors: R=1}
mapspace_constraints:
- {target: Buffer, type: spatial, factors: P<=2, permutation: MP, split: 1}
"""
    found = _rules(tmp_path, text).levels[1]
    where = tmp_path / "rules.yaml"
    assert found.spatial == LoopRules(
        exactly={"R": 1}, at_most={"P": 2}, inner=("M", "P"), place=f"{where}:3, {where}:5"
    )
    assert found.along_x == 1


@pytest.mark.parametrize(
    ("entry", "exactly"),
    [
        ("factors_only: [P=4]", {"P": 4, "R": 1, "M": 1}),
        ("factors_only: []", {"R": 1, "P": 1, "M": 1}),
        ("factors_only: [P=-1]", {"R": 1, "M": 1}),
        ("factors_only: [P=4], factors: [M<=2]", {"P": 4, "R": 1}),
        ("no_iteration_over_dataspaces: [Weights]", {"R": 1, "M": 1}),
        ("must_iterate_over_dataspaces: [Outputs]", {"R": 1}),
        ("must_iterate_over_dataspaces: ['*']", {}),
    ],
)
def test_shorthands_of_the_front_end_leave_dimensions_one_iteration(entry, exactly, tmp_path):
    assert _one(tmp_path, f"{{target: Buffer, type: temporal, {entry}}}").temporal.exactly == exactly


def test_default_bounds_are_those_of_dimensions_without_their_own(tmp_path):
    entry = "{target: Buffer, type: temporal, factors: P<=8 M>=2, default_max_factor: 4, default_min_factor: 1}"
    found = _one(tmp_path, entry).temporal
    assert (found.at_most, found.at_least) == ({"P": 8, "R": 4, "M": 4}, {"M": 2, "R": 1, "P": 1})


@pytest.mark.parametrize(
    ("entry", "kept", "bypassed"),
    [
        ("type: bypass, keep: [Inputs], bypass: [Weights]", ["Inputs"], ["Weights"]),
        ("type: datatype, keep: [Inputs]", ["Inputs"], []),
        ("type: dataspace, keep_only: [Inputs]", ["Inputs"], ["Outputs", "Weights"]),
        ("type: bypassing, bypass_only: [Inputs]", ["Outputs", "Weights"], ["Inputs"]),
        ("type: bypass, keep: ['*'], no_coalesce: []", ["Inputs", "Outputs", "Weights"], []),
    ],
)
def test_data_spaces_are_kept_or_bypassed_or_left_free(entry, kept, bypassed, tmp_path):
    found = _one(tmp_path, f"{{target: Buffer, {entry}}}")
    assert (sorted(found.kept), sorted(found.bypassed)) == (kept, bypassed)
    assert found.keeping_place == f"{tmp_path / 'rules.yaml'}:2"


def test_the_outermost_memory_may_bypass_what_it_is_told_to(tmp_path):
    found = _one(tmp_path, "{target: DRAM, type: bypass, bypass: [Weights]}", level=2)
    assert (sorted(found.kept), sorted(found.bypassed)) == (["Inputs", "Outputs"], ["Weights"])


def test_flags_are_those_of_a_mapping(tmp_path):
    text = """constraints:
- {target: Buffer, type: temporal, no_temporal_reuse: [Inputs], rmw_first_update: [Outputs]}
- {target: Buffer, type: spatial, no_reuse: ['*'], no_link_transfer: [Weights]}
"""
    found = _rules(tmp_path, text).levels[1]
    assert (found.no_temporal_reuse, found.reads_first_update) == ({"Inputs"}, {"Outputs"})
    assert (found.no_multicast, found.no_link_transfer) == ({"Weights", "Inputs", "Outputs"}, {"Weights"})


@pytest.mark.parametrize(
    ("kind", "share", "units"), [("parallelism", 0.3, 3), ("utilization", 0.5, 4), ("parallelism", 0, 1)]
)
def test_parallelism_is_a_share_of_all_units(kind, share, units, tmp_path):
    found = _rules(tmp_path, f"constraints:\n- {{target: Registers, type: {kind}, min: {share}}}\n")
    assert (found.least_units, found.units_place) == (units, f"{tmp_path / 'rules.yaml'}:2")


def test_tiles_that_always_fit_are_no_rule(tmp_path):
    assert _one(tmp_path, "{target: Buffer, type: max_overbooked_proportion, proportion: 0}") == LevelRules(
        memory="Buffer"
    )


@pytest.mark.parametrize(
    "text", ["constraints: []", "constraints:", "mapspace: {template: ruby}", "arch_constraints: {}"]
)
def test_empty_lists_say_nothing(text, tmp_path):
    assert _rules(tmp_path, text + "\n") == read(write(tmp_path, PLAIN)).rules


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{type: temporal, factors: R=1}", "2: constraints.0.target: missing"),
        ("{target: Bufer, type: temporal}", "2: constraints.0.target: 'Bufer' is no memory; did you mean 'Buffer'? (known: Registers, Buffer, DRAM)"),
        ("{target: 3, type: temporal}", "2: constraints.0.target: '3' is no memory (known: Registers, Buffer, DRAM)"),
        ("{target: Buffer}", "2: constraints.0.type: missing"),
        ("{target: Buffer, type: temporl}", "2: constraints.0.type: 'temporl' is no type; did you mean 'temporal'? (known: temporal, spatial, datatype, bypass, bypassing, dataspace, utilization, parallelism, max_overbooked_proportion)"),
        ("{target: Buffer, type: temporal, factor: R=1}", "2: constraints.0.factor: unknown key; did you mean 'factors'?"),
        ("{target: Buffer, type: temporal, split: 1}", "2: constraints.0.split: belongs to a spatial directive, not to a temporal one"),
        ("{target: Buffer, type: temporal, attributes: {factor: R=1}}", "2: constraints.0.factor: unknown key; did you mean 'factors'?"),
        ("{target: Buffer, type: temporal, factors: R=1, attributes: {factors: R=1}}", "2: constraints.0.attributes.factors: given beside 'attributes' too"),
        ("{target: Buffer, constraints: [{type: temporal}], factors: R=1}", "2: constraints.0.factors: unknown key"),
        ("{target: Buffer, type: temporal, factors: Q=1}", "2: constraints.0.factors: 'Q' is no dimension (known: R, P, M)"),
        ("{target: Buffer, type: temporal, factors: R=4}", "2: constraints.0.factors: 'R=4': R has 3 iterations in all"),
        ("{target: Buffer, type: temporal, factors: R>=4}", "2: constraints.0.factors: R>=4: R has 3 iterations in all"),
        ("{target: Buffer, type: temporal, factors: R<4}", "2: constraints.0.factors: 'R<4' is no factor like 'R=3', 'R<=3' or 'R>=3'"),
        ("{target: Buffer, type: temporal, factors: 'P=4,1'}", "2: constraints.0.factors: '1' is no factor like 'R=3', 'R<=3' or 'R>=3'"),
        ("{target: Buffer, type: temporal, factors: P<=0}", "2: constraints.0.factors: 0 is below 1"),
        ("{target: Buffer, type: temporal, factors: P=-2}", "2: constraints.0.factors: -2 is below -1"),
        ("{target: Buffer, type: temporal, factors: P=many}", "2: constraints.0.factors: expected a whole number, not 'many'"),
        ("{target: Buffer, type: temporal, factors: P=2 P=2}", "2: constraints.0.factors: P=2: P=2 is given in rules.yaml:2 already"),
        ("{target: Buffer, type: temporal, factors: P>=8 P<=4}", "2: constraints.0.factors: P<=4 leaves nothing of P>=8, in rules.yaml:2"),
        ("{target: Buffer, type: temporal, factors: P=8 P<=4}", "2: constraints.0.factors: P<=4 does not allow P=8, in rules.yaml:2"),
        ("{target: Buffer, type: temporal, factors: P>=8 P=4}", "2: constraints.0.factors: P=4 does not reach P>=8, in rules.yaml:2"),
        ("{target: Buffer, type: temporal, factors: P=4, default_max_factor: 2}", "2: constraints.0.default_max_factor: P<=2 does not allow P=4, in rules.yaml:2"),
        ("{target: Buffer, type: temporal, factors: P=4, no_iteration_over_dataspaces: [Outputs]}", "2: constraints.0.no_iteration_over_dataspaces: no_iteration_over_dataspaces leaves P one iteration; P=4 is given in rules.yaml:2"),
        ("{target: Buffer, type: temporal, permutation: RR}", "2: constraints.0.permutation: dimension 'R' is given twice"),
        ("{target: Buffer, type: temporal, permutation: R_R}", "2: constraints.0.permutation: dimension 'R' is given twice"),
        ("{target: Buffer, type: temporal, permutation: RQ}", "2: constraints.0.permutation: 'Q' is no dimension (known: R, P, M)"),
        ("{target: DRAM, type: spatial, factors: R=1}", "2: constraints.0: DRAM has no fan-out: there is one instance of what is inside"),
        ("{target: Buffer, type: spatial, split: -1}", "2: constraints.0.split: -1 is below 0"),
        ("{target: Buffer, type: spatial, factors: P=16}", "2: constraints.0.factors: 16 instances are asked for; Buffer has 8 inside"),
        ("{target: Buffer, type: spatial, factors: P=4 M>=3}", "2: constraints.0.factors: 12 instances are asked for; Buffer has 8 inside"),
        ("{target: Buffer, type: spatial, factors: P=8, permutation: P, split: 9}", "2: constraints.0.factors: 8 instances along x are asked for; Buffer has 4 inside"),
        ("{target: Buffer, type: spatial, factors: P=4, permutation: MP, split: 1}", "2: constraints.0.factors: 4 instances along y are asked for; Buffer has 2 inside"),
        ("{target: Buffer, type: bypass, keep: [Input]}", "2: constraints.0.keep.0: 'Input' is no data space; did you mean 'Inputs'? (known: Weights, Inputs, Outputs)"),
        ("{target: Buffer, type: bypass, keep: [Inputs], bypass: [Inputs]}", "2: constraints.0.bypass: Inputs is both kept and bypassed; the other is in rules.yaml:2"),
        ("{target: Buffer, type: bypass, keep_only: [Inputs], keep: [Outputs]}", "2: constraints.0.keep_only: Outputs is both kept and bypassed; the other is in rules.yaml:2"),
        ("{target: DRAM, type: parallelism, min: 0.5}", "2: constraints.0: parallelism is constrained at the innermost memory, Registers, alone"),
        ("{target: Registers, type: parallelism}", "2: constraints.0.min: missing"),
        ("{target: Registers, type: parallelism, min: 50}", "2: constraints.0.min: above 1, which is all units"),
    ],
)  # fmt: skip
def test_a_faulty_constraint_is_told_in_one_line(entry, message, tmp_path, monkeypatch):
    assert _told(BadInput, f"constraints:\n- {entry}\n", tmp_path, monkeypatch) == f"rules.yaml:{message}"


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("type: temporal, factors: P=2", "type: temporal, factors: P=4", "mapspace_constraints.0.factors: P=4: P=2 is given in rules.yaml:2 already"),
        ("type: temporal, factors: P<=2", "type: temporal, factors: P<=2", "mapspace_constraints.0.factors: P<=2: P<=2 is given in rules.yaml:2 already"),
        ("type: temporal, permutation: P", "type: temporal, permutation: M", "mapspace_constraints.0.permutation: given already, in rules.yaml:2"),
        ("type: spatial, split: 1", "type: spatial, split: 1", "mapspace_constraints.0.split: given already, in rules.yaml:2"),
        ("type: spatial, no_reuse: []", "type: spatial, no_multicast_no_reduction: []", "mapspace_constraints.0.no_multicast_no_reduction: given already, in rules.yaml:2"),
        ("type: bypass, keep: [Inputs]", "type: bypass, keep: [Inputs]", "mapspace_constraints.0.keep: Inputs is given already, in rules.yaml:2"),
        ("type: bypass, keep: [Inputs]", "type: bypass, bypass: [Inputs]", "mapspace_constraints.0.bypass: Inputs is both kept and bypassed; the other is in rules.yaml:2"),
    ],
)  # fmt: skip
def test_two_lists_may_not_say_the_same_thing_twice(first, second, message, tmp_path, monkeypatch):
    text = f"architecture_constraints:\n- {{target: Buffer, {first}}}\nmapspace_constraints:\n- {{target: Buffer, {second}}}\n"
    assert _told(BadInput, text, tmp_path, monkeypatch) == f"rules.yaml:4: {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("constraints: {target: []}", "1: constraints.target: unknown key; did you mean 'targets'?"),
        ("constraints: {template: ruby}", "1: constraints.template: unknown key"),
        ("constraints: {targets: [], constraints: [{}]}", "1: constraints.targets: given as 'constraints' too"),
        ("constraints: {targets: none}", "1: constraints.targets: expected a list, not 'none'"),
        ("constraints: none", "1: constraints: expected a mapping of keys, not 'none'"),
        ("constraints: [none]", "1: constraints.0: expected a mapping of keys, not 'none'"),
        ("constraints: []\nconstraint: []", "2: constraint: unknown key; did you mean 'constraints'?"),
        ("constraints:\n- {target: Registers, type: utilization, min: 1}\n- {target: 0, type: parallelism, min: 1}", "3: constraints.1: given already, in rules.yaml:2"),
        ("constraints:\n- {target: 0, type: bypass, bypass: [Weights]}\n- {target: 1, type: bypass, bypass: [Weights]}\n- {target: 2, type: bypass, bypass: [Weights]}", "4: constraints.2.bypass: Weights is bypassed at every memory"),
    ],
)  # fmt: skip
def test_lists_that_make_no_rules_are_refused(text, message, tmp_path, monkeypatch):
    assert _told(BadInput, text + "\n", tmp_path, monkeypatch) == f"rules.yaml:{message}"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("type: temporal, remainders: 2", "remainders: bounds of what remains of a dimension"),
        (
            "type: temporal, maximize_dims: [[P]]",
            "maximize_dims: factors that are made as large as they can be; write the factors",
        ),
        ("type: bypass, no_coalesce: [Inputs]", "no_coalesce: accesses that are not coalesced"),
        ("type: max_overbooked_proportion, proportion: 0.1", "proportion: tiles larger than their memory"),
        ("type: skew", "type: skewed loops"),
    ],
)
def test_what_no_search_here_covers_is_named(entry, message, tmp_path, monkeypatch):
    text = f"constraints:\n- {{target: Buffer, {entry}}}\n"
    assert _told(Unsupported, text, tmp_path, monkeypatch) == f"rules.yaml:2: constraints.0.{message}"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{target: inter_row_spatial, type: bypass, keep: [Inputs]}", "2: constraints.0.keep: inter_row_spatial stands for a fan-out and cannot keep Inputs"),
        ("{target: inter_row_spatial, type: temporal, factors: M=2}", "2: constraints.0.factors: inter_row_spatial stands for a fan-out: M has no loop in time there"),
        ("{target: row, type: temporal, factors: M=1}", "2: constraints.0.target: 'row' is no memory (known: registers, inter_row_spatial, inter_column_spatial, DRAM)"),
        ("{target: column, type: spatial, factors: R=1}", "2: constraints.0.factors: R=1: R=1 is given in arch.yaml:16 already"),
    ],
)  # fmt: skip
def test_what_stands_for_a_fan_out_is_constrained_over_its_children_alone(entry, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nodes = (Path(__file__).parent / "nodes" / "array.yaml").read_text(encoding="utf-8")
    with pytest.raises(BadInput) as fault:
        read(write(Path(), {"problem.yaml": PROBLEM, "arch.yaml": nodes, "rules.yaml": f"constraints:\n- {entry}\n"}))
    assert str(fault.value) == f"rules.yaml:{message}"


def _told(kind, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {"problem.yaml": PROBLEM, "arch.yaml": ARCHITECTURE, "ert.yaml": ERT, "rules.yaml": text}
    with pytest.raises(kind) as fault:
        read(write(Path(), files))
    return str(fault.value)
