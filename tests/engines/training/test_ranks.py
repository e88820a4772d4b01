"""What a rank begins, when, and why it never ends."""

import pytest

from gnomon.core.errors import BadInput
from gnomon.core.fabric import Wiring
from gnomon.core.trace import NodeKind, TraceNode
from gnomon.engines.training.simulate.statistics import times_of
from tests.engines.training.clusters import compute, ends, fabric, message, rules, run

PAIR = fabric((Wiring.RING, 2))
SEND, RECV = NodeKind.SEND, NodeKind.RECV
_MIB = 2**20


def test_computations_of_one_accelerator_run_one_after_another_by_id():
    made = run(PAIR, [[compute(0, 3), compute(1, 2), compute(2, 1)]])
    assert [(done.at, done.end_ns) for done in made.ranks[0].log] == [(0, 3000), (1, 5000), (2, 6000)]
    assert made.ranks[0].exposed_ns == 0


def test_host_and_accelerator_work_beside_each_other():
    made = run(PAIR, [[compute(0, 3, is_cpu=True), compute(1, 2)]])
    assert ends(made) == [3000, 3000]
    assert made.ranks[0].exposed_ns == 1000
    assert times_of(made.ranks[0]).by_kind == {"gpu": 2000, "comm": 0, "cpu": 3000, "remote_memory": 0, "other": 0}


def test_what_was_not_recorded_takes_a_nanosecond():
    assert ends(run(PAIR, [[compute(0, 0)]])) == [1, 1]


def test_overlap_is_the_time_in_which_both_are_at_work():
    sends = [compute(0, 3), message(1, SEND, 1, 0, _MIB)]
    receives = [compute(0, 100), message(1, RECV, 0, 0, _MIB)]
    made = run(PAIR, [sends, receives])
    sent_ns = made.ranks[0].end_ns
    assert [times_of(rank).overlap for rank in made.ranks] == [3000, sent_ns]


def test_a_node_that_is_passed_over_lets_others_go_on_at_the_next_end():
    skipped = TraceNode(id=0, name="nothing", kind=NodeKind.INVALID)
    made = run(PAIR, [[skipped, compute(1, 2), compute(2, 1, 0)]])
    assert [(done.at, done.end_ns) for done in made.ranks[0].log] == [(0, 0), (1, 2000), (2, 3000)]


def test_a_node_behind_one_that_is_passed_over_with_nothing_left_is_told():
    skipped = TraceNode(id=0, name="nothing", kind=NodeKind.INVALID)
    with pytest.raises(BadInput, match="node 1 'compute 1' of rank 0 waits for a node that is passed over"):
        run(PAIR, [[skipped, compute(1, 2, 0)]])


@pytest.mark.parametrize(
    ("received", "text"),
    [
        (message(0, RECV, 0, 5, 64), "waits in node 0 'recv 0' for 64 bytes with tag 5 from rank 0, which sends 32 bytes with tag 5"),
        (message(0, RECV, 0, 6, 32), "for 32 bytes with tag 6 from rank 0, which sends 32 bytes with tag 5"),
        (message(0, RECV, 1, 5, 32), "from rank 1, which never sends it"),
    ],
)  # fmt: skip
def test_a_send_and_a_receive_that_do_not_match_are_told(received, text):
    with pytest.raises(BadInput, match=text):
        run(fabric((Wiring.RING, 3)), [[message(0, SEND, 2, 5, 32)], [compute(0, 1)], [received]])


def test_a_send_that_waits_for_its_receiver_is_told_under_rendezvous():
    with pytest.raises(
        BadInput, match="rank 0 sends 32 bytes with tag 5 to rank 1 in node 0 'send 0', which is never received"
    ):
        run(PAIR, [[message(0, SEND, 1, 5, 32)], [compute(0, 1)]], has_rendezvous=True)


def test_a_message_that_nobody_waits_for_is_reported():
    (key,) = run(PAIR, [[message(0, SEND, 1, 5, 32)], [compute(0, 1)]]).unreceived
    assert (key.source, key.destination, key.tag, key.message_bytes) == (0, 1, 5, 32)


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        ([compute(0, 1, 1), compute(1, 1, 0)], "node 0 waits for node 1 waits for node 0"),
        ([compute(0, 1), compute(1, 1, 3), compute(2, 1, 1), compute(3, 1, 2)], "node 1 waits for node 3 waits for node 2 waits for node 1"),
        ([compute(0, 1), compute(1, 1, 9)], "node 1 'compute 1' waits for node 9, which does not exist"),
        ([message(0, SEND, 0, 0, 8)], "rank 0 sends a message of 8 bytes to itself"),
        ([message(0, SEND, 9, 0, 8)], "rank 0, node 0 'send 0': no rank 9: the network has 2 NPUs"),
        ([message(0, SEND, 1, 0, 0)], "rank 0 sends no bytes to rank 1"),
        ([TraceNode(id=0, name="x", kind=SEND, source=1, destination=0, tag=0, comm_bytes=1)], "comm_src is 1: a rank sends"),
        ([TraceNode(id=0, name="x", kind=SEND, destination=1, tag=0, comm_bytes=1, is_cpu=True)], "is_cpu_op is true"),
        ([TraceNode(id=0, name="x", kind=SEND, destination=1, comm_bytes=1)], "node 0 'x': no comm_tag"),
        ([TraceNode(id=0, name="x", kind=NodeKind.MEM_LOAD, tensor_bytes=1)], "node 0 'x': the trace loads or stores, and no remote memory is given"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_told(nodes, text):
    with pytest.raises(BadInput, match=text):
        run(PAIR, [nodes])


def test_times_beyond_what_the_tool_counts_are_told():
    years = 9 * 10**15  # us, 285 of them
    with pytest.raises(BadInput, match=r"something takes until 1.8e\+19 ns: to 9.223e\+18 \(292 years\)"):
        run(PAIR, [[compute(0, years), compute(1, years, 0)]])


def test_under_the_roofline_a_computation_needs_its_work():
    made = rules(has_roofline=True, flop_per_s=1e14)
    with pytest.raises(BadInput, match="node 0 'compute 0': no num_ops"):
        run(PAIR, [[compute(0, 1)]], made)
    with pytest.raises(BadInput, match="num_ops is 0 of 8 bytes"):
        run(PAIR, [[compute(0, 1, flop=0, tensor_bytes=8)]], made)


def test_replay_takes_what_was_recorded_of_every_node():
    nodes = [message(0, SEND, 1, 0, 8), compute(1, 2, 0)]
    made = run(PAIR, [nodes, [compute(0, 1)]], rules(replays_only=True))
    assert ends(made) == [2001, 1000]
    assert made.ranks[0].exposed_ns == 0
