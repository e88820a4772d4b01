"""Linked traces of PyTorch -> Chakra: what waits for what, what the network does, and faults in one line.

The waits of the small trace are those that Chakra's converter (21585d8) gives for it, but for node 50: that converter leaves out what
a synchronization waits for, as it compares times that it never sets.
"""

import json

import pytest

from gnomon.core.errors import BadInput
from gnomon.core.trace import CollectiveKind, NodeKind
from gnomon.formats.chakra.node import node as trace_node
from gnomon.formats.pytorch_trace.convert import convert_torch_trace
from tests.formats.pytorch_trace.traces import kernel, linked, operator, write


def _converted(tmp_path, trace, **options):
    made = convert_torch_trace(write(tmp_path / "trace.json", trace), rank=1, **options)
    return {node.id: node for node in made.nodes}, made.notes


def _fault(tmp_path, trace):
    with pytest.raises(BadInput) as fault:
        _converted(tmp_path, trace)
    assert "\n" not in str(fault.value)
    assert str(fault.value).count("trace.json") == 1
    return str(fault.value)


def test_operators_wait_in_the_order_of_calls_and_kernels_for_who_launched_them(tmp_path):
    nodes, _ = _converted(tmp_path, linked())
    waits = {number: set(node.data_parents) for number, node in nodes.items()}
    assert waits == {
        2: set(), 3: {2}, 10: {3}, 11: {10}, 12: {11}, 13: {11}, 20: {11}, 21: {20}, 30: {20}, 31: {30}, 32: {31},
        40: {31}, 41: {40}, 42: {41}, 50: {41, 12, 32}, 51: {50}, 60: set(), 61: {60, 20},
    }  # fmt: skip


def test_kernels_of_a_stream_wait_for_one_another_where_that_is_asked_for(tmp_path):
    nodes, _ = _converted(tmp_path, linked(), in_stream_order=True)
    assert set(nodes[13].data_parents) == {11, 12}
    assert set(nodes[21].data_parents) == {20, 13}
    assert set(nodes[32].data_parents) == {31}  # on a stream of its own


def test_kinds_times_and_places_are_those_of_the_trace(tmp_path):
    nodes, notes = _converted(tmp_path, linked())
    kinds = {number: NodeKind(node.type) for number, node in nodes.items()}
    assert {number for number, kind in kinds.items() if kind is not NodeKind.COMP} == {3, 32, 42}
    assert (kinds[3], kinds[32], kinds[42]) == (NodeKind.METADATA, NodeKind.COLLECTIVE, NodeKind.SEND)
    assert (nodes[12].duration_us, nodes[51].duration_us) == (250, 0)  # an annotation of the whole step takes none
    assert [trace_node(nodes[number]).is_cpu for number in (10, 12)] == [True, False]
    assert nodes[32].attributes["stream"].value == 20
    assert notes == ()


def test_what_the_network_does_is_read(tmp_path):
    nodes, _ = _converted(tmp_path, linked())
    summed, sent, named = (trace_node(nodes[number]) for number in (32, 42, 3))
    assert (summed.collective, summed.comm_bytes, summed.group) == (CollectiveKind.ALL_REDUCE, 4096, "1")
    assert (sent.source, sent.destination, sent.tag, sent.comm_bytes) == (1, 2, 5, 4096)
    assert named.groups == (("0", ()), ("1", (1, 3)), ("2", (0, 2)))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ncclDevKernel_ReduceScatter_Sum_bf16_RING_LL", CollectiveKind.REDUCE_SCATTER),
        ("ncclDevKernel_AllGather_RING_LL", CollectiveKind.ALL_GATHER),
        ("ncclKernel_Broadcast_RING_LL_Sum_int8_t(ncclDevComm*)", CollectiveKind.BROADCAST),
        ("ncclDevKernel_Reduce_Sum_f32_RING_LL", CollectiveKind.REDUCE),
        ("ncclDevKernel_Generic_4", CollectiveKind.ALL_REDUCE),  # by what NCCL's record says
    ],
)
def test_a_collective_is_known_by_its_kernel_else_by_its_record(tmp_path, name, kind):
    trace = linked()
    _by_id(trace, 32)["name"] = name
    nodes, _ = _converted(tmp_path, trace)
    assert trace_node(nodes[32]).collective == kind


def test_an_all_to_all_made_of_messages_is_one_collective(tmp_path):
    trace = linked()
    _by_id(trace, 40)["name"] = "nccl:all_to_all"
    _by_id(trace, 41)["inputs"]["values"][4] = "all_to_all"
    nodes, _ = _converted(tmp_path, trace)
    assert trace_node(nodes[42]).collective == CollectiveKind.ALL_TO_ALL


def test_a_receive_comes_from_the_rank_of_the_group_that_is_named(tmp_path):
    trace = linked()
    _by_id(trace, 40).update(name="c10d::recv_")
    _by_id(trace, 40)["inputs"]["values"][2:] = [0, 5]
    _by_id(trace, 41)["inputs"]["values"][4] = "recv"
    for number in (41, 42):
        next(one for one in _by_id(trace, number)["attrs"] if one["name"] == "pg_name")["value"] = "1"
    nodes, _ = _converted(tmp_path, trace)
    received = trace_node(nodes[42])
    assert received.kind is NodeKind.RECV
    assert (received.source, received.destination) == (1, 1)  # rank 0 of the group is rank 1


def test_groups_without_a_number_get_one(tmp_path):
    text = json.dumps(linked()).replace('\\"pg_name\\": \\"1\\"', '\\"pg_name\\": \\"dp\\"')
    trace = json.loads(text.replace('"value": "1"', '"value": "dp"'))
    nodes, notes = _converted(tmp_path, trace)
    number = trace_node(nodes[32]).group
    assert number.isdecimal()
    assert dict(trace_node(nodes[3]).groups)[number] == (1, 3)
    assert notes == (f"process groups have numbers: 'dp' is {number}",)


def test_fractions_of_us_that_are_dropped_are_told(tmp_path):
    trace = linked()
    _by_id(trace, 12)["exclusive_dur"] = 250.9
    nodes, notes = _converted(tmp_path, trace)
    assert nodes[12].duration_us == 250
    assert "fractions of us dropped, as in Chakra's traces: 1 us" in notes[0]


def test_a_node_that_hangs_on_nothing_is_a_fault_or_left_out(tmp_path):
    trace = linked()
    trace["nodes"] += [operator(70, "aten::relu", 69), kernel(71, "relu_kernel", operator(70, "", 69), 5)]
    assert "node 70 'aten::relu' hangs on node 69, which does not exist (and so 1 others)" in _fault(tmp_path, trace)
    nodes, notes = _converted(tmp_path, trace, mends=True)
    assert not {70, 71} & set(nodes)
    assert notes == ("2 nodes left out that hang on nodes that do not exist",)


def test_a_cycle_is_shown(tmp_path):
    trace = linked()
    _by_id(trace, 10)["inter_thread_dep"] = 50
    said = _fault(tmp_path, trace)
    assert "nodes wait for one another: node " in said
    assert " waits for node " in said


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda trace: trace.pop("nodes"), "chakra_trace_link writes"),
        (lambda trace: trace.update(schema="1.0.1"), "schema: no schema '1.0.1'"),
        (lambda trace: trace["nodes"].append(operator(10, "again", 2)), "two nodes have id 10"),
        (lambda trace: _by_id(trace, 61).update(inter_thread_dep=99), "node 61 'autograd::engine' waits for node 99"),
        (lambda trace: _by_id(trace, 32).update(name="ncclDevKernel_X", attrs=[]), None),
        (
            lambda trace: [one.update(exclusive_dur=None, inclusive_dur=None) for one in trace["nodes"]],
            "the host alone",
        ),
        (lambda trace: [one.update(name="x") for one in trace["nodes"]], "no thread"),
    ],
)
def test_what_is_broken_is_one_line(tmp_path, spoil, said):
    trace = linked()
    spoil(trace)
    if said is None:  # the record above the kernel still says what it is
        assert _converted(tmp_path, trace)[0]
    else:
        assert said in _fault(tmp_path, trace)


def test_a_file_that_is_cut_off_is_told_with_its_place(tmp_path):
    file = write(tmp_path / "trace.json", linked())
    file.write_text(file.read_text()[:2000])
    with pytest.raises(BadInput, match=r"trace.json:1:\d+: not JSON"):
        convert_torch_trace(file, rank=0)


def _by_id(trace, number):
    return next(one for one in trace["nodes"] if one["id"] == number)
