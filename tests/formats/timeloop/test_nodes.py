from dataclasses import replace
from pathlib import Path

import pytest

from gnomon.core.errors import BadInput, Unsupported
from gnomon.formats.timeloop.read import TimeloopInput, read
from tests.formats.timeloop.small import MAPPING, PROBLEM, write

TWINS = Path(__file__).parent / "nodes"
NAMES = sorted(path.stem for path in TWINS.glob("*.yaml") if not path.stem.endswith(".tree"))


def _read(folder: Path, architecture: Path, **files: str) -> TimeloopInput:
    texts = {"problem.yaml": PROBLEM, **{f"{name}.yaml": text for name, text in files.items()}}
    return read([architecture, *write(folder, texts)])


@pytest.mark.parametrize("name", NAMES)
def test_nodes_are_the_accelerator_that_their_lowered_tree_is(name, tmp_path):
    nodes, tree = (_read(tmp_path, TWINS / f"{name}{form}.yaml") for form in ("", ".tree"))
    assert nodes.accelerator == tree.accelerator
    assert (nodes.problem, nodes.nest, nodes.has_ert) == (tree.problem, None, False)


def test_there_are_six_twins():
    assert NAMES == ["array", "beside", "clusters", "expressions", "fanned_out_component", "flat"]


def test_a_fan_out_keeps_nothing_and_loops_over_it_may_name_what_is_fanned_out(tmp_path):
    mapping = """mapping:
- {target: DRAM, type: temporal, factors: P=16}
- {target: column, type: spatial, factors: M=8}
- {target: inter_row_spatial, type: spatial, factors: R=3, split: 0}
"""
    found = _read(tmp_path, TWINS / "array.yaml", mapping=mapping)
    assert found.passing == {"inter_column_spatial", "inter_row_spatial"}
    assert found.nest is not None
    registers, row, column, dram = found.nest.tilings
    assert [loop.dim for loop in column.spatial_x] == ["M"]
    assert [loop.dim for loop in row.spatial_y] == ["R"]
    assert [sorted(tiling.kept) for tiling in (row, column)] == [[], []]
    assert sorted(registers.kept) == ["Outputs"]  # as its constraint says, where the mapping says nothing
    assert sorted(dram.kept) == ["Inputs", "Outputs", "Weights"]


def test_memories_beside_each_other_keep_what_is_listed_and_nothing_else(tmp_path):
    mapping = "mapping:\n- {target: DRAM, type: temporal, factors: R=3 P=16 M=8}\n"
    found = _read(tmp_path, TWINS / "beside.yaml", mapping=mapping)
    assert found.nest is not None
    assert [sorted(tiling.kept) for tiling in found.nest.tilings[:2]] == [["Outputs"], ["Weights"]]


def test_constraints_beside_a_part_are_rules_of_its_memory_or_its_fan_out(tmp_path):
    found = _read(tmp_path, TWINS / "array.yaml").rules.levels
    registers, row, column, dram = found
    assert (sorted(registers.kept), sorted(registers.bypassed)) == (["Outputs"], ["Inputs", "Weights"])
    assert (column.spatial.exactly, column.spatial.inner, column.along_x) == ({"R": 1}, ("R", "M"), 999)
    assert column.spatial.place.endswith("array.yaml:16")
    assert (row.spatial.exactly, row.along_x) == ({}, None)
    assert [sorted(level.kept) for level in (row, column)] == [[], []]
    assert [len(level.bypassed) for level in (row, column)] == [3, 3]
    assert [level.temporal.exactly for level in (row, column)] == [{"R": 1, "P": 1, "M": 1}] * 2
    assert sorted(dram.kept) == ["Inputs", "Outputs", "Weights"]


def test_memories_beside_each_other_may_keep_what_is_listed_and_nothing_else(tmp_path):
    sums, weights, *_ = _read(tmp_path, TWINS / "beside.yaml").rules.levels
    assert [(sorted(level.kept), sorted(level.bypassed)) for level in (sums, weights)] == [
        (["Outputs"], ["Inputs", "Weights"]),
        (["Weights"], ["Inputs", "Outputs"]),
    ]


def test_a_split_in_nodes_counts_unnamed_dimensions_of_one_iteration_first(tmp_path):
    """The front end writes them into the permutation; for [C, M] and R=1 S=1 P=1 Q=1 it gives NQPSRCM where N is 1."""
    text = (TWINS / "array.yaml").read_text(encoding="utf-8")
    text = text.replace("factors: [R=1], permutation: [R, M], split: 999", "factors: [R=1], permutation: [M], split: 1")
    (tmp_path / "arch.yaml").write_text(text, encoding="utf-8")
    one = PROBLEM.replace("P: 16", "P: 1")
    column = read([tmp_path / "arch.yaml", *write(tmp_path, {"problem.yaml": one})]).rules.levels[2]
    assert (column.spatial.inner, column.along_x) == (("P", "R", "M"), 1)
    assert column.bound_to_axes("RPM") == ({"P"}, {"R", "M"})


@pytest.mark.parametrize(
    ("twin", "old", "new", "fault", "message"),
    [
        ("array", "!Container\n    name: row", "!Pipelined\n    name: row", Unsupported, "17: architecture.nodes.3: !Pipelined"),
        ("array", "- !Container\n    name: row", "- name: row", BadInput, "17: architecture.nodes.3: a tag is missing; one of !Container, !Component, !Parallel, !Hierarchical, !Nothing"),
        ("array", "!Container\n    name: row", "!Contaner\n    name: row", Unsupported, "17: architecture.nodes.3: !Contaner; did you mean 'Container'?"),
        ("array", "spatial: {meshY: 12}", "spatial: {meshZ: 12}", BadInput, "19: architecture.nodes.3.spatial.meshZ: no direction of a fan-out; did you mean 'meshX'? (known: meshX, meshY)"),
        ("array", "spatial: {meshY: 12}", "spatial: {meshY: 0}", BadInput, "19: architecture.nodes.3.spatial.meshY: 0 is below 1"),
        ("array", "spatial: {meshY: 12}", "spacial: {meshY: 12}", BadInput, "19: architecture.nodes.3.spacial: unknown key; did you mean 'spatial'?"),
        ("array", "name: row", "name: DRAM", BadInput, "18: architecture.nodes.3.name: 'DRAM' is given twice, first in array.yaml:8"),
        ("array", "class: regfile", "class: SimpleMulticast", Unsupported, "23: architecture.nodes.4.class: components of class 'SimpleMulticast': neither a memory nor units"),
        ("array", "{multiple_buffering: 2}", "{has_power_gating: true}", Unsupported, "20: architecture.nodes.3.attributes.has_power_gating: power gates; name the memory that switches off others as its 'power_gated_at'"),
        ("array", "    class: intmac", "    class: intmac\n  - !Component {name: late, class: SRAM}", BadInput, "30: architecture.nodes.6: nothing comes after the multiply-accumulate units, mac"),
        ("array", "dataspace: {keep", "datspace: {keep", BadInput, "26: architecture.nodes.4.constraints.datspace: unknown key; did you mean 'dataspace'?"),
        ("array", "permutation: [R, M]", "permutaton: [R, M]", BadInput, "16: architecture.nodes.2.constraints.spatial.permutaton: unknown key; did you mean 'permutation'?"),
        ("array", "      spatial: {factors: [R=1]", "      temporal: {factors: [R=1]", BadInput, "16: architecture.nodes.2.constraints.temporal.split: belongs to a spatial directive, not to a temporal one"),
        ("array", "spatial: {factors: [R=1], permutation: [R, M], split: 999}", "temporal: {factors: [R=1]}", BadInput, "16: architecture.nodes.2.constraints.temporal: column is no memory; constrain one of registers, inter_row_spatial, inter_column_spatial, DRAM"),
        ("array", "name: chip\n", "name: chip\n    constraints: {spatial: {factors: M=2}}\n", BadInput, "7: architecture.nodes.0.constraints.spatial.factors: 2 instances are asked for; chip has 1 inside"),
        ("array", "permutation: [R, M], split: 999", "maximize_dims: [[M]]", Unsupported, "16: architecture.nodes.2.constraints.spatial.maximize_dims: factors that are made as large as they can be; write the factors"),
        ("array", "version: 0.4", "version: 0.4\n  node: []", BadInput, "4: architecture.node: unknown key; did you mean 'nodes'?"),
        ("array", "    class: intmac", "    class: intmac\n    sparse_optimizations: {action_optimization: []}", Unsupported, "30: architecture.nodes.5.sparse_optimizations: sparse data"),
        ("array", "    name: row", "    name: row\n    <<<: {}", Unsupported, "19: architecture.nodes.3.<<<: keys taken over from another mapping; write them out"),
        ("beside", "      name: sums", "      name: sums\n      spatial: {meshX: 2}", Unsupported, "15: architecture.nodes.2.nodes.1: sums: a container or a fan-out beside others"),
        ("expressions", "{meshX: lanes}", "{meshX: lane}", BadInput, "28: architecture.nodes.2.spatial.meshX: expected a whole number, not 'lane'; did you mean 'lanes'?"),
        ("expressions", "lanes: 2 * 4", "lanes: lanes + 1", BadInput, "28: architecture.nodes.2.spatial.meshX: expected a whole number, not 'lanes', which stands for 'lanes + 1'"),
    ],
)  # fmt: skip
def test_faulty_nodes_are_refused(twin, old, new, fault, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (TWINS / f"{twin}.yaml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    name = f"{twin}.yaml"
    with pytest.raises(fault) as raised:
        read(write(Path(), {"problem.yaml": PROBLEM, name: text.replace(old, new)}))
    assert str(raised.value) == f"{name}:{message}"


def test_a_mapping_of_a_tree_names_its_memories_alone(tmp_path):
    with pytest.raises(BadInput, match="'column' is no memory"):
        _read(tmp_path, TWINS / "array.tree.yaml", mapping=MAPPING.replace("Buffer", "column"))


def test_the_name_of_an_accelerator_is_that_of_its_outermost_part(tmp_path):
    found = _read(tmp_path, TWINS / "fanned_out_component.yaml").accelerator
    assert found.name == "main"
    assert replace(found, name="other") != found
