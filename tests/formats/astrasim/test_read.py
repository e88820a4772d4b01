"""ASTRA-sim's files, and what is wrong with them in one line."""

import json

import pytest

from gnomon.core.cluster_rules import Algorithm, AlgorithmName
from gnomon.core.errors import BadInput
from gnomon.core.fabric import Fabric, FabricDimension, Wiring
from gnomon.core.trace import CollectiveKind
from gnomon.formats.astrasim.groups import read_groups
from gnomon.formats.astrasim.memory import read_memory
from gnomon.formats.astrasim.network import read_network
from gnomon.formats.astrasim.system import read_system
from gnomon.formats.astrasim.workload import read_workload
from tests.engines.training.golden import OWN

NETWORK = "topology: [Ring, Switch]\nnpus_count: [4, 2]\nbandwidth: [50.0, 25]\nlatency: [500, 0.5]\n"


def test_a_network_has_its_dimensions_and_binary_gigabytes(tmp_path):
    (tmp_path / "network.yml").write_text(NETWORK)
    found = read_network(tmp_path / "network.yml")
    assert (found.npus, found.strides) == (8, (1, 4))
    assert [one.wiring for one in found.dimensions] == [Wiring.RING, Wiring.SWITCH]
    assert found.dimensions[0].bytes_per_ns == 50 * 2**30 / 1e9


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("50.0", "-50", r"network.yml:3: bandwidth.0: .*greater than 0, not -50"),
        ("[4, 2]", "[4, 1]", r"network.yml:2: npus_count.1: .*greater than 1, not 1"),
        ("[4, 2]", "[4]", r"network.yml:2: npus_count: 1 given for the 2 dimensions of topology"),
        ("Ring", "Torus", r"network.yml:1: topology.0: .*not 'Torus'"),
        ("50.0", "1.0e-300", r"network.yml:3: bandwidth.0: 1e-300: from 1e-09 to 1e\+18; .* ASTRA-sim counts in"),
        ("0.5", "1.0e+300", r"network.yml:4: latency.1: 1e\+300 ns: from 0 to 9.223e\+18 \(292 years\)"),
        ("latency", "latencies", r"latencies: unknown key; did you mean 'latency'\?"),
    ],
)
def test_what_is_wrong_with_a_network_is_told(tmp_path, old, new, text):
    (tmp_path / "network.yml").write_text(NETWORK.replace(old, new))
    with pytest.raises(BadInput, match=text):
        read_network(tmp_path / "network.yml")


def _system(tmp_path, **keys):
    path = tmp_path / "system.json"
    path.write_text(json.dumps({key.replace("_", "-"): value for key, value in keys.items()}))
    return path


def test_algorithms_are_read_with_their_windows_and_spans(tmp_path):
    names = ["direct", "direct4", "oneDirect2", "oneRing", "halvingDoubling", "doubleBinaryTree"]
    found = read_system(_system(tmp_path, all_reduce_implementation=names), 6, 1.0)
    assert found.algorithms[CollectiveKind.ALL_REDUCE] == (
        Algorithm(name=AlgorithmName.DIRECT),
        Algorithm(name=AlgorithmName.DIRECT, window=4),
        Algorithm(name=AlgorithmName.DIRECT, window=2, spans_all=True),
        Algorithm(name=AlgorithmName.RING, spans_all=True),
        Algorithm(name=AlgorithmName.HALVING_DOUBLING),
        Algorithm(name=AlgorithmName.DOUBLE_BINARY_TREE),
    )


def test_the_endpoint_delay_is_scaled_where_it_is_given_and_only_there(tmp_path):
    assert read_system(_system(tmp_path, endpoint_delay=15), 1, 1.5).endpoint_delay_ns == 22
    assert read_system(_system(tmp_path), 1, 1.5).endpoint_delay_ns == 10


def test_a_scaled_endpoint_delay_stays_within_what_the_tool_holds(tmp_path):
    with pytest.raises(
        BadInput, match=r"endpoint-delay: 15 times injection-scale 1e\+300 is 1.5e\+301 ns: to 2,147,483,647"
    ):
        read_system(_system(tmp_path, endpoint_delay=15), 1, 1e300)


def test_local_memory_has_decimal_gigabytes_and_the_peak_decimal_teraflops(tmp_path):
    found = read_system(_system(tmp_path, local_mem_bw=1600, peak_perf=312), 1, 1.0)
    assert (found.local_bytes_per_s, found.flop_per_s) == (1.6e12, 3.12e14)


def test_keys_that_the_tool_itself_does_not_read_are_passed_over(tmp_path):
    assert read_system(_system(tmp_path, boost_mode=1, intra_dimension_scheduling="FIFO"), 1, 1.0).splits is None


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"scheduling_policy": "RANDOM"}, "scheduling-policy: .*'LIFO', 'FIFO' or 'EXPLICIT'"),
        ({"endpoint_dealy": 1}, r"unknown key; did you mean 'endpoint-delay'\?"),
        ({"preferred_dataset_splits": 0}, "preferred-dataset-splits: .*greater than or equal to 1, not 0"),
        (
            {"all_reduce_implementation": ["rign"]},
            r"all-reduce-implementation: no algorithm 'rign'; did you mean 'ring'\?",
        ),
        ({"all_reduce_implementation": ["direct0"]}, "'direct0' would never send"),
        ({"all_reduce_implementation": ["ring", "ring"]}, "2 algorithms for a network of 1 dimensions"),
        ({"local_mem_bw": 1e-300}, r"local-mem-bw: 1e-300: from 1e-09 to 1e\+18"),
        ({"G": 1e300, "model_shared_bus": 1}, r"G: 1e\+300 ns: from 0 to 9.223e\+18"),
        ({"all_reduce_implementation_custom": ["no/such"]}, r"no/such.0.et: no such file"),
    ],
)
def test_what_is_wrong_with_a_system_is_told(tmp_path, keys, text):
    with pytest.raises(BadInput, match=text):
        read_system(_system(tmp_path, **keys), 1, 1.0)


@pytest.mark.parametrize(
    ("groups", "text"),
    [
        ({"0": [0, 1]}, "'0' is no name of a group"),
        ({"1": [0, 9]}, "1: no rank 9: the network has 4 NPUs"),
        ({"1": [0, 0]}, "1: a rank stands twice"),
        ({"1": []}, "1: expected a list of ranks"),
    ],
)
def test_what_is_wrong_with_groups_is_told(tmp_path, groups, text):
    (tmp_path / "groups.json").write_text(json.dumps(groups))
    with pytest.raises(BadInput, match=text):
        read_groups(tmp_path / "groups.json", 4)


def test_groups_keep_the_order_of_their_ring(tmp_path):
    (tmp_path / "groups.json").write_text('{"2": [3, 0, 1]}')
    assert read_groups(tmp_path / "groups.json", 4) == {2: (3, 0, 1)}
    assert read_groups(tmp_path / "empty.json", 4) == {}


def test_memory_has_to_serve_every_npu(tmp_path):
    path = tmp_path / "memory.json"
    path.write_text(
        '{"memory-type": "PER_NODE_MEMORY_EXPANSION", "remote-mem-bw": 50, "num-nodes": 1, "num-npus-per-node": 2}'
    )
    with pytest.raises(BadInput, match="1 nodes of 2 NPUs are fewer than the network's 4"):
        read_memory(path, 4)
    assert read_memory(path, 2).sharer(1) == 0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"npus": 8}, "npus: 8, but the network has 4 NPUs"),
        ({"all": []}, 'no nodes for rank 0: neither under "all" nor under "classes" nor under "per_rank"'),
        ({"all": [{"id": 0, "type": "COMP"}]}, r"all.0.type: no node type 'COMP'; did you mean 'COMP_NODE'\?"),
        (
            {"all": [{"id": 0, "type": "COMM_COLL_NODE", "attrs": {"comm_type": ["int64", "ALLREDUCE"]}}]},
            r"all.0.attrs.comm_type: no collective 'ALLREDUCE'; did you mean 'ALL_REDUCE'\?",
        ),
        ({"all": [{"id": 0, "type": "COMP_NODE", "attrs": {"x": ["int", 1]}}]}, "all.0.attrs.x: no kind 'int'"),
        ({"all": [{"id": 0, "type": "COMP_NODE", "attrs": {"x": ["bool", 1]}}]}, "all.0.attrs.x: 1 is no bool"),
        (
            {"all": [{"id": 0, "type": "COMP_NODE", "duration_micros": 10**25}]},
            r"duration_micros is 1e\+25: to 9.223e\+15",
        ),
        (
            {"all": [{"id": 0, "type": "COMP_NODE", "attrs": {"num_ops": ["int64", 10**30]}}]},
            r"node 0 '': num_ops is 1e\+30, which 64 bits do not hold",
        ),
        ({"per_rank": {"1": []}}, "per_rank.1: no nodes: a rank that does nothing"),
        ({"per_rank": {"7": []}}, "per_rank: no rank '7': 0 to 3"),
    ],
)
def test_what_is_wrong_with_a_workload_is_told(tmp_path, change, text):
    case = OWN / "ring_all_reduce"
    path = tmp_path / "workload.json"
    path.write_text(json.dumps(json.loads((case / "workload.json").read_text()) | change))
    with pytest.raises(BadInput, match=text):
        read_workload(str(path), read_network(case / "network.yml"))


@pytest.mark.parametrize(("ranks", "text"), [(3, r"w.3.et: no such file: 4 NPUs"), (5, r"w.4.et: a trace for rank 4")])
def test_there_is_one_trace_for_each_npu(tmp_path, ranks, text):
    for rank in range(ranks):
        (tmp_path / f"w.{rank}.et").write_bytes(b"\x00")
    with pytest.raises(BadInput, match=text):
        read_workload(str(tmp_path / "w"), read_network(OWN / "ring_all_reduce" / "network.yml"))


_ONE = [{"id": 0, "type": "COMP_NODE"}]
_FABRIC = Fabric(dimensions=(FabricDimension(wiring=Wiring.RING, npus=8, bandwidth_gib_per_s=50.0, latency_ns=500.0),))


def _classes(tmp_path, **keys):
    path = tmp_path / "workload.json"
    path.write_text(json.dumps({"npus": 8, **keys}))
    return read_workload(str(path), _FABRIC).ranks


def test_the_ranks_of_a_class_share_their_nodes(tmp_path):
    two = [*_ONE, {"id": 1, "type": "COMP_NODE"}]
    found = _classes(tmp_path, all=_ONE, classes=[{"ranks": "0-2, 5", "nodes": two}], per_rank={"1": _ONE, "7": _ONE})
    assert [len(rank.nodes) for rank in found] == [2, 1, 2, 1, 1, 2, 1, 1]
    assert found[0] is found[2] is found[5]
    assert found[3] is found[4] is found[6]


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"classes": [{"ranks": "0-8", "nodes": _ONE}]}, r"classes.0.ranks: '0-8' is no rank and no run of ranks"),
        ({"classes": [{"ranks": "3-1", "nodes": _ONE}]}, r"'3-1' is no rank"),
        ({"classes": [{"ranks": "x", "nodes": _ONE}]}, r"'x' is no rank"),
        (
            {"classes": [{"ranks": "0-4", "nodes": _ONE}, {"ranks": "4-7", "nodes": _ONE}]},
            "classes.1.ranks: a rank is in two",
        ),
        ({"classes": [{"ranks": "0-4", "nodes": _ONE}]}, "no nodes for rank 5"),
        ({"classes": [{"ranks": "0-7"}]}, "classes.0.nodes"),
    ],
)
def test_what_is_wrong_with_a_class_is_told(tmp_path, keys, text):
    with pytest.raises(BadInput, match=text):
        _classes(tmp_path, **keys)
