"""Each kind of fault in Timeloop's files, and the one line that tells of it."""

from pathlib import Path

import pytest

from gnomon.core.errors import BadInput, Unsupported
from gnomon.formats.timeloop.expressions import evaluated
from gnomon.formats.timeloop.read import read
from tests.formats.timeloop.small import ARCHITECTURE, FILES, PROBLEM, read_small, write


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("problem", "R: 3,", "R: 0,", "15: problem.instance.R: 0 is below 1"),
        ("problem", "R: 3,", "R: -3,", "15: problem.instance.R: -3 is below 1"),
        ("problem", "R: 3,", "R: 2.5,", "15: problem.instance.R: expected a whole number, not 2.5"),
        ("problem", "R: 3, ", "", "15: problem.instance.R: missing"),
        ("problem", "R: 3,", "R: null,", "15: problem.instance.R: has no value"),
        ("problem", "[R, P, M]", "[R, P, Mm]", "4: problem.shape.dimensions.2: 'Mm': a dimension has a name of one letter"),
        ("problem", "[R, P, M]", "[R, P, R]", "4: problem.shape.dimensions.2: dimension 'R' is given twice"),
        ("problem", "[P, Pstride]", "[P, Pstrde]", "11: problem.shape.data_spaces.1.projection.0.1.1: 'Pstrde' is no coefficient; did you mean 'Pstride'? (known: Pstride)"),
        ("problem", "[P, Pstride]", "[Q, Pstride]", "11: problem.shape.data_spaces.1.projection.0.1.0: 'Q' is no dimension (known: R, P, M)"),
        ("problem", "[P, Pstride]", "[P, Pstride, M]", "11: problem.shape.data_spaces.1.projection.0.1: expected a dimension and perhaps its coefficient, not ['P', 'Pstride', 'M']"),
        ("problem", "name: Inputs", "name: Weights", "10: problem.shape.data_spaces.1.name: data space 'Weights' is given twice"),
        ("problem", "read_write: true", "read_write: often", "14: problem.shape.data_spaces.2.read_write: expected true or false, not 'often'"),
        ("problem", "read_write: true", "read_wrte: true", "14: problem.shape.data_spaces.2.read_wrte: no part of a data space; did you mean 'read_write'? (known: name, projection, read_write)"),
        ("problem", "Pstride: 2}", "Pstide: 2}", "15: problem.instance.Pstide: unknown key; did you mean 'Pstride'?"),
        ("arch", "class: intmac\n      attributes: {word_bits", "class: intmac\n      attributes: {word_bitss", "17: architecture.subtree.0.local.3.attributes.word_bitss: unknown key; did you mean 'word_bits'?"),
        ("arch", "class: intmac\n      attributes:", "class: intmac\n      attribtes:", "17: architecture.subtree.0.local.3.attribtes: unknown key; did you mean 'attributes'?"),
        ("problem", "R: 3,", f"R: 1{'0' * 400},", "15: problem.instance.R: above 9,007,199,254,740,992, up to which is counted exactly"),
        ("problem", "R: 3,", "R: 9000000000000000,", "15: problem.instance: more than 9,007,199,254,740,992 multiply-accumulates, up to which is counted exactly"),
        ("arch", "read_bandwidth: 8", f"read_bandwidth: 1{'0' * 400}", "11: architecture.subtree.0.local.1.attributes.read_bandwidth: above 1e+30"),
        ("arch", "read_bandwidth: 8", "read_bandwidth: 1e-300", "11: architecture.subtree.0.local.1.attributes.read_bandwidth: 1e-300 is no positive number"),
        ("arch", "depth: 256", "depth: 256, cluster_size: 3", "11: architecture.subtree.0.local.1.attributes.cluster_size: Buffer: 1 instances do not make clusters of 3"),
        ("ert", "name: chip.Buffer\n", "name: other.DRAM\n", "6: ERT.tables.1.name: 'chip.DRAM' is there too, and parts go by their last name, 'DRAM'"),
        ("problem", "problem:", "problm:", "1: problm: unknown key; did you mean 'problem'?"),
        ("arch", "meshX: 4, meshY: 2}\n    - name: MAC", "meshX: 3, meshY: 2}\n    - name: MAC", "14: architecture.subtree.0.local.2.attributes: Registers: meshX 3 times meshY 2 does not make its 8 instances"),
        ("arch", "Registers[0..7]", "Registers[7..0]", "12: architecture.subtree.0.local.2.name: 'Registers[7..0]' ends before it begins"),
        ("arch", "Registers[0..7]", "Registers[0-7]", "12: architecture.subtree.0.local.2.name: 'Registers[0-7]' is no name like 'PE' or 'PE[0..15]'"),
        ("arch", "MAC[0..7]\n      class: intmac\n      attributes: {word_bits: 16, meshX: 4", "MAC[0..5]\n      class: intmac\n      attributes: {word_bits: 16, meshX: 3", "17: architecture.subtree.0.local.3.attributes: 3 instances of MAC along x cannot be shared evenly by 4 of Registers"),
        ("arch", "class: intmac", "class: intmc", "3: architecture.subtree: expected one component whose class is of multiply-accumulate units, found none; 'intmc': did you mean 'intmac'?"),
        ("arch", "depth: 256, ", "depth: 256, min_utilization: 2, ", "11: architecture.subtree.0.local.1.attributes.min_utilization: 2 is above 1: it is a share of the words"),
        ("arch", "class: intmac", "class: adder", "3: architecture.subtree: expected one component whose class is of multiply-accumulate units, found none"),
        ("arch", "name: Buffer", "name: DRAM", "11: architecture.subtree.0.local.1.attributes: two components are named 'DRAM'"),
        ("arch", "depth: 256, ", "", "11: architecture.subtree.0.local.1.attributes: Buffer: its size is missing; give depth, entries or sizeKB (a DRAM may have none)"),
        ("arch", "depth: 256", "depth: 256, sizeKB: 2", "11: architecture.subtree.0.local.1.attributes.sizeKB: the size is given twice, as depth too"),
        ("arch", "depth: 256", "depth: lots", "11: architecture.subtree.0.local.1.attributes.depth: expected a whole number, not 'lots'"),
        ("arch", "depth: 256", "depth: 256, width: 40", "11: architecture.subtree.0.local.1.attributes.width: 40 bits are not made of 4 words of 16 bits in 1 instances"),
        ("arch", "depth: 256", "depth: 256, width: 128, cluster_size: 4", "11: architecture.subtree.0.local.1.attributes.width: 128 bits are not made of 4 words of 16 bits in 4 instances"),
        ("arch", "read_bandwidth: 8", "read_bandwith: 8", "11: architecture.subtree.0.local.1.attributes.read_bandwith: unknown key; did you mean 'read_bandwidth'?"),
        ("arch", "read_bandwidth: 8", "read_bandwidth: 0", "11: architecture.subtree.0.local.1.attributes.read_bandwidth: 0 is no positive number"),
        ("arch", "read_bandwidth: 8", "bandwidth: -1", "11: architecture.subtree.0.local.1.attributes.bandwidth: -1 is below 0"),
        ("arch", "read_bandwidth: 8", "power_gated_at: DRM", "11: architecture.subtree.0.local.1.attributes.power_gated_at: 'DRM' is no memory; did you mean 'DRAM'? (known: Registers, Buffer, DRAM)"),
        ("arch", "read_bandwidth: 8", "per_dataspace_bandwidth_consumption_scale: {Weight: 2}", "11: architecture.subtree.0.local.1.attributes.per_dataspace_bandwidth_consumption_scale.Weight: no data space; did you mean 'Weights'? (known: Weights, Inputs, Outputs)"),
        ("arch", "read_bandwidth: 8", "network_type: '2:1'", "11: architecture.subtree.0.local.1.attributes.network_type: '2:1' is none of 1:1, 1:N, M:N"),
        ("arch", "{word_bits: 16, block_size: 4}", "{word_bits: 16, cluster_size: 2}", "8: architecture.subtree.0.local.0.attributes.cluster_size: DRAM: a DRAM has a cluster_size of 1, not 2"),
        ("arch", "{word_bits: 16, block_size: 4}", "{word_bits: 16, min_utilization: 0.5}", "8: architecture.subtree.0.local.0.attributes.min_utilization: a memory without end has no utilization; give its size"),
        ("arch", "class: SRAM\n", "clas: SRAM\n", "9: architecture.subtree.0.local.1.class: missing; 'clas' is there"),
        ("arch", "subtree:", "subtre:", "1: architecture: expected 'nodes', 'subtree', or 'storage' and 'arithmetic'; 'subtre' is there"),
        ("mapping", "R=3", "R=2", "1: mapping: the factors of R make up 2, not its bound of 3"),
        ("mapping", "P=2 M=2", "P=4 M=2", "1: mapping: the factors of P make up 32, not its bound of 16"),
        ("mapping", "factors: P=2 M=2, permutation: MP", "factors: 'P=2,1 M=2', permutation: MP", "1: mapping: the factors of P make up 8, not its bound of 16"),
        ("mapping", "factors: P=2 M=2, permutation: MP", "factors: 'P=2,3 M=2', permutation: MP", "3: mapping.1.factors: 'P=2,3': the last pass has 1 to 2 iterations, not 3"),
        ("mapping", "P=2 M=2", "P=2 Q=2", "3: mapping.1.factors: 'Q' is no dimension (known: R, P, M)"),
        ("mapping", "P=2 M=2", "P=2 P=2", "3: mapping.1.factors: dimension 'P' is given twice"),
        ("mapping", "P=2 M=2", "P<=2 M=2", "3: mapping.1.factors: 'P<=2' is no factor like 'R=3', 'R3' or 'R=4,1'"),
        ("mapping", "permutation: MP", "permutation: MQ", "3: mapping.1.permutation: 'Q' is no dimension (known: R, P, M)"),
        ("mapping", "permutation: MP", "permutation: MM", "3: mapping.1.permutation: dimension 'M' is given twice"),
        ("mapping", "target: Registers", "target: Register", "6: mapping.4.target: 'Register' is no memory; did you mean 'Registers'? (known: Registers, Buffer, DRAM)"),
        ("mapping", "target: Registers", "target: 3", "6: mapping.4.target: '3' is no memory (known: Registers, Buffer, DRAM)"),
        ("mapping", "type: bypass", "type: [bypass]", "2: mapping.0.type: expected a word, not ['bypass']"),
        ("mapping", "target: Registers", "target: true", "6: mapping.4.target: expected a word, not True"),
        ("mapping", "type: bypass", "type: bypas", "2: mapping.0.type: 'bypas' is no type; did you mean 'bypass'? (known: temporal, spatial, datatype, bypass, dataspace)"),
        ("mapping", "factors: M=4", "factors: M=8", "5: mapping.3.factors: 8 instances along x are asked for; Buffer has 4 inside"),
        ("mapping", "factors: M=4, permutation: M, split: 1", "factors: M=4, permutation: M, split: 0", "5: mapping.3.factors: 4 instances along y are asked for; Buffer has 2 inside"),
        ("mapping", "target: Buffer, type: temporal, factors: P8", "target: DRAM, type: temporal, factors: P8", "4: mapping.2: DRAM has a temporal directive already, in mapping.yaml:3"),
        ("mapping", "keep: [Inputs, Outputs]", "keep: [Inputs, Output]", "2: mapping.0.keep.1: 'Output' is no data space; did you mean 'Outputs'? (known: Weights, Inputs, Outputs)"),
        ("mapping", "keep: [Inputs, Outputs]", "keep: [Inputs, Weights]", "2: mapping.0: Weights is both kept and bypassed"),
        ("mapping", "- {target: DRAM", "- {target: DRAM, type: bypass, bypass: [Weights]}\n- {target: Registers, type: bypass, bypass: [Weights]}\n- {target: DRAM", "1: mapping: Weights is kept by no memory; keep it at DRAM"),
        ("mapping", "permutation: RPM", "permutaton: RPM", "6: mapping.4.permutaton: unknown key; did you mean 'permutation'?"),
        ("mapping", "permutation: RPM", "permutation: RPM, no_link_transfer: [Inputs]", "6: mapping.4.no_link_transfer: belongs to a spatial directive, not to a temporal one"),
        ("mapping", "split: 1", "split: -1", "5: mapping.3.split: -1 is below 0"),
        ("mapping", "mapping:\n- {target: Buffer", "mapping: none\nvariables:\n- {target: Buffer", "2: variables: expected a mapping of keys, not [{'target': 'Buffer', 'type': 'bypass', 'keep': ['Inputs', '"),
        ("ert", "name: chip.Buffer", "name: chip.Bufer", "1: ERT: no row for Buffer (there: DRAM, Bufer, Registers, MAC)"),
        ("ert", "{name: read, energy: 512}, ", "", "1: ERT: DRAM has no action random_read or read (there: write)"),
        ("ert", "compute", "computes", "1: ERT: MAC has no action mac_random, mult_random, mac, mult or compute (there: computes)"),
        ("ert", "energy: 512", "energy: -512", "5: ERT.tables.0.actions.0.energy: -512 is below 0"),
        ("ert", "energy: 512", "enrgy: 512", "5: ERT.tables.0.actions.0.energy: missing; 'enrgy' is there"),
        ("ert", "tables:", "table:", "1: ERT.tables: missing; 'table' is there"),
        ("ert", "ERT:", "problem: {}\nERT:", "1: problem: given twice, first in problem.yaml:1"),
        ("ert", "ERT:", "ERTs:", "1: ERTs: unknown key; did you mean 'ERT'?"),
        ("ert", "ERT:", "ERT: [", "3:9: expected ',' or ']', but got ':'"),
        ("ert", "version: 0.4", "version: 0.4\n  version: 0.4", "3:3: key 'version' is given twice, first on line 2"),
    ],
)  # fmt: skip
def test_a_fault_is_told_in_one_line(file, old, new, message, tmp_path, monkeypatch):
    assert _told(BadInput, file, old, new, tmp_path, monkeypatch) == f"{file}.yaml:{message}"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("problem", "Pstride: 2}", "Pstride: 2, densities: {Inputs: 0.5}}", "15: problem.instance.densities: sparse data"),
        ("problem", "    name: conv1d", "    flatten: [{name: X, dimensions: [R, P]}]\n    name: conv1d", "3: problem.shape.flatten: flattened dimensions"),
        ("arch", "read_bandwidth: 8", "allow_overbooking: true", "11: architecture.subtree.0.local.1.attributes.allow_overbooking: tiles larger than their memory"),
        ("arch", "read_bandwidth: 8", "network_read: Mesh", "11: architecture.subtree.0.local.1.attributes.network_read: networks of their own; leave it out for the wires between two memories"),
        ("arch", "read_bandwidth: 8", "network_type: 'M:N'", "11: architecture.subtree.0.local.1.attributes.network_type: multicast from several memories at once"),
        ("mapping", "permutation: RPM}", "permutation: RPM}\n- {target: DRAM, type: skew, modulo: 2}", "7: mapping.5.type: skewed loops"),
        ("mapping", "keep: [Inputs, Outputs]", "keep: [Inputs, Outputs], no_coalesce: [Inputs]", "2: mapping.0.no_coalesce: accesses that are not coalesced"),
        ("ert", "ERT:", "sparse_optimizations: {}\nERT:", "1: sparse_optimizations: sparse optimizations"),
        ("mapping", "mapping:", "{{ include('x') }}\nmapping:", "1: a template ({{ include('x') }}); give the file that it makes"),
    ],
)  # fmt: skip
def test_what_no_model_here_covers_is_named(file, old, new, message, tmp_path, monkeypatch):
    assert _told(Unsupported, file, old, new, tmp_path, monkeypatch) == f"{file}.yaml:{message}"


def _told(kind, file, old, new, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = FILES[f"{file}.yaml"]
    assert text.count(old) == 1
    with pytest.raises(kind) as fault:
        read_small(Path(), **{file: text.replace(old, new)})
    return str(fault.value)


def test_every_dimension_whose_factors_are_wrong_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput) as fault:
        read_small(Path(), problem=PROBLEM.replace("R: 3, P: 16", "R: 6, P: 17"))
    assert str(fault.value).splitlines() == [
        "mapping.yaml:1: mapping: the factors of R make up 3, not its bound of 6",
        "mapping.yaml:1: mapping: the factors of P make up 16, not its bound of 17",
    ]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"arch.yaml": ARCHITECTURE}, "arch.yaml: no 'problem:' in any of the files"),
        ({"problem.yaml": PROBLEM}, "problem.yaml: no 'architecture:' in any of the files"),
        ({"list.yaml": "- problem"}, "list.yaml: expected a mapping of keys, not ['problem']"),
        ({"both.yaml": PROBLEM, "arch.yaml": ARCHITECTURE, "again.yaml": "arch: {}"},
         "again.yaml:1: arch: given twice, as 'architecture' in arch.yaml:1 too"),
        ({"two.yaml": PROBLEM, "old.yaml": "arch: {storage: [{block-size: 2, block_size: 2}]}"},
         "old.yaml: block_size is given twice, with hyphens and with underscores"),
        ({"two.yaml": PROBLEM, "old.yaml": "arch: {arithmetic: {name: MAC}, storage: [{name: RF}]}"},
         "old.yaml:1: arch.storage.0: RF: instances are missing; give instances, or meshX and meshY"),
        ({"two.yaml": PROBLEM, "old.yaml": "arch: {arithmetic: {instances: 4}, storage: []}"},
         "old.yaml:1: arch: expected at least one component whose class is of a memory, found none"),
    ],
)  # fmt: skip
def test_files_that_make_no_whole_are_refused(files, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput) as fault:
        read(write(Path(), files))
    assert str(fault.value) == message


def test_a_libconfig_file_is_named(tmp_path):
    with pytest.raises(Unsupported, match="a libconfig file; write it as YAML"):
        read([tmp_path / "arch.cfg"])


def test_what_grows_without_end_by_references_is_read_at_once(tmp_path):
    aliases = "".join(f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 4 if n else ['1'])}]\n" for n in range(14))
    assert read(write(tmp_path, {**FILES, "globals.yaml": f"globals:\n{aliases}"})).problem.macs == 3 * 16 * 8


def test_variables_that_grow_without_end_are_read_at_once():
    names = {f"v{n}": f"v{n + 1} + v{n + 1}" for n in range(28)} | {"v28": 1}
    assert evaluated("v0", names) == 2**28
