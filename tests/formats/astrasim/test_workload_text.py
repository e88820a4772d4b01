"""A document that is written reads back as the same traces, its ranks in as few classes as they are."""

import json

import pytest

from gnomon.core.errors import BadInput
from gnomon.core.fabric import Fabric, FabricDimension, Wiring
from gnomon.core.trace import ClusterTrace, CollectiveKind, NodeKind, RankTrace, TraceNode
from gnomon.formats.astrasim.workload import read_workload
from gnomon.formats.astrasim.workload_text import workload_text

COMPUTE = TraceNode(id=0, name="a", kind=NodeKind.COMP, duration_us=7, flop=10, tensor_bytes=3)
SUM = TraceNode(
    id=1,
    name="sum",
    kind=NodeKind.COLLECTIVE,
    parents=(0,),
    collective=CollectiveKind.ALL_REDUCE,
    comm_bytes=64,
    dimensions=(True, False),
)


def fabric(npus):
    one = FabricDimension(wiring=Wiring.SWITCH, npus=npus, bandwidth_gib_per_s=1.0, latency_ns=0.0)
    return Fabric(dimensions=(one,))


def message(source, destination, kind=NodeKind.SEND):
    return TraceNode(
        id=2, name="on", kind=kind, parents=(0, 1), source=source, destination=destination, tag=5, comm_bytes=9
    )


def cluster(*ranks):
    return ClusterTrace(ranks=tuple(RankTrace(nodes=tuple(nodes), place="") for nodes in ranks))


def written(trace, path):
    path.write_text(workload_text(trace, "a test"))
    return json.loads(path.read_text())


def read_back(path, npus):
    return [trace.nodes for trace in read_workload(str(path), fabric(npus)).ranks]


@pytest.mark.parametrize(
    ("trace", "classes"),
    [
        (cluster(*[(COMPUTE, SUM)] * 4), ["0-3"]),
        (cluster(*[(COMPUTE, SUM)] * 2, (COMPUTE,), (COMPUTE, SUM)), ["0-1", "2", "3"]),
        (
            cluster(
                *[(COMPUTE, message(rank, rank + 2)) for rank in range(2)],
                *[(COMPUTE, message(rank - 2, rank, NodeKind.RECV)) for rank in range(2, 4)],
            ),
            ["0-1", "2-3"],
        ),
        (cluster(*[(message(0, 3),)] * 4), ["0", "1", "2", "3"]),  # the same peer is another distance from each
        (cluster((message(0, 1),), (message(1, 0),)), ["0", "1"]),
    ],
)
def test_traces_are_read_back_as_they_were_by_classes_of_alike_ranks(tmp_path, trace, classes):
    document = written(trace, tmp_path / "w.json")
    assert [one["ranks"] for one in document["classes"]] == classes
    assert read_back(tmp_path / "w.json", len(trace.ranks)) == [one.nodes for one in trace.ranks]


def test_ranks_of_a_class_share_the_nodes_that_name_no_rank(tmp_path):
    trace = cluster(*[(COMPUTE, message(rank, rank + 2)) for rank in range(2)], *[(COMPUTE,)] * 2)
    written(trace, tmp_path / "w.json")
    first, second, *others = read_back(tmp_path / "w.json", 4)
    assert first[0] is second[0]
    assert others[0] is others[1]


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"comm_dst": ["offset", 2]}, "node 0 'm' of rank 1 names rank 3: 0 to 2"),
        ({"comm_dst": ["offset", -1]}, "node 0 'm' of rank 0 names rank -1: 0 to 2"),
        ({"comm_dst": ["offset", 0.5]}, r"attrs\.comm_dst: 0\.5 is no offset"),
        ({"comm_size": ["offset", 1]}, "no kind 'offset'"),
        ({"comm_dst": ["ofset", 1]}, "no kind 'ofset'; did you mean 'offset'"),
    ],
)
def test_a_distance_that_leads_nowhere_is_refused(tmp_path, attributes, said):
    node = {"id": 0, "name": "m", "type": "COMM_SEND_NODE", "attrs": attributes}
    (tmp_path / "w.json").write_text(json.dumps({"npus": 3, "all": [node]}))
    with pytest.raises(BadInput, match=said):
        read_back(tmp_path / "w.json", 3)
