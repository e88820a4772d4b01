"""Collectives that are traces of their own."""

import pytest

from gnomon.core.cluster_rules import CustomAlgorithm
from gnomon.core.errors import BadInput
from gnomon.core.fabric import Wiring
from gnomon.core.trace import SIMULATED, NodeKind, RankTrace
from gnomon.engines.training.simulate.graph import Graphs
from gnomon.engines.training.simulate.hash_order import HashOrder
from tests.engines.training.clusters import collective, compute, ends, fabric, message, rules, run

AR = SIMULATED[0]
SEND, RECV = NodeKind.SEND, NodeKind.RECV
RING = fabric((Wiring.RING, 4))
HOP_NS = int(500 + 1000 / (50 * 2**30 / 1e9))


def _around(count, member, first_tag=0):
    """Send 1,000 bytes to the next, wait for those of the one before, and add them up in 2 us."""
    after, before = (member + 1) % count, (member - 1) % count
    return [message(0, SEND, after, first_tag, 1000), message(1, RECV, before, first_tag, 1000), compute(2, 2, 1)]


def _custom(*members):
    traces = tuple(RankTrace(nodes=tuple(nodes), place=f"own.{member}.et") for member, nodes in enumerate(members))
    return rules(splits=1, custom={AR: CustomAlgorithm(members=traces, place="own")})


def test_a_collective_is_what_its_trace_says_whatever_it_was_to_move():
    made = _custom(*(_around(4, member) for member in range(4)))
    assert ends(run(RING, [[collective(AR, 10**9)]], made)) == [HOP_NS + 2000] * 4


def test_members_of_a_group_stand_for_its_ranks():
    made = _custom(*(_around(2, member) for member in range(2)))
    nodes = [[collective(AR, 10**6, group="1" if rank % 2 else "2")] for rank in range(4)]
    two_hops_ns = int(1000 + 1000 / (50 * 2**30 / 1e9))
    assert ends(run(RING, nodes, made, groups={1: (1, 3), 2: (0, 2)})) == [two_hops_ns + 2000] * 4


def test_a_rank_takes_the_trace_of_its_place_by_number_and_its_peers_by_the_order_of_the_group():
    members = [[message(0, SEND, 0, 0, 1000)], [compute(0, 1)], [compute(0, 1)]]
    nodes = [[collective(AR, 10**6, group="1")] for _ in range(3)] + [[compute(0, 1)]]
    (key,) = run(RING, nodes, _custom(*members), groups={1: (2, 1, 0)}).unreceived
    assert (key.source, key.destination) == (0, 2)


def test_an_algorithm_of_one_node_goes_before_that_of_its_kind():
    slow, quick = _custom(*[[compute(0, 9)]] * 4), _custom(*[[compute(0, 1)]] * 4).custom[AR]
    made = rules(splits=1, custom=slow.custom, custom_of_node={1: quick})
    nodes = [collective(AR, 10**6), collective(AR, 10**6, id=1)]
    assert [done.end_ns for done in run(RING, [nodes], made).ranks[0].log] == [9000, 10000]


@pytest.mark.parametrize(
    ("members", "changes", "text"),
    [
        ([[compute(0, 1)]] * 3, {}, "own: no trace for place 3 of the group: there are 3"),
        ([[collective(AR, 1)]] * 4, {}, "own.0.et: node 0 'all_reduce': a custom algorithm sends, receives and computes"),
        ([[]] * 4, {}, "own.0.et: a custom algorithm without nodes never ends"),
        ([[compute(0, 1)]] * 4, {"splits": 4}, "preferred-dataset-splits: a custom algorithm runs as one chunk"),
        ([[message(0, RECV, 1, 0, 8)]] * 4, {}, "never end"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_told(members, changes, text):
    custom = _custom(*members).custom
    with pytest.raises(BadInput, match=text):
        run(RING, [[collective(AR, 10**6)]], rules(**{"splits": 1, "custom": custom} | changes))


@pytest.mark.parametrize(
    ("numbers", "order"),
    [  # as std::unordered_set of GCC 12 gives them back
        (range(5), [4, 3, 2, 1, 0]),
        (range(15), [14, 13, *range(13)]),
        ((0, 13, 26, 1, 14, 5, 18), [18, 5, 14, 1, 26, 13, 0]),
    ],
)
def test_numbers_come_back_from_a_hash_table_as_in_the_gnu_library(numbers, order):
    assert list(HashOrder(numbers)) == order


def test_nodes_that_may_begin_together_do_so_in_the_order_of_the_hash_table():
    trace = RankTrace(nodes=tuple(compute(id, 1, *([0] if id else [])) for id in range(6)), place="own.0.et")
    order = Graphs().table_of(trace)
    assert order.roots == (0,)
    assert order.children[0] == (5, 4, 3, 2, 1)


def _pairwise(count, sizes, ids, written):
    """Every member at once to the next, the one after it and so on, a size each, then a second time behind the first arrival."""
    members = []
    for member in range(count):
        nodes, at = [], iter(ids)
        for step, size in enumerate(sizes, 1):
            nodes.append(message(next(at), SEND, (member + step) % count, step, size))
            nodes.append(message(next(at), RECV, (member - step) % count, step, size))
        behind = nodes[1].id
        for step, size in enumerate(sizes, 1):
            nodes.append(message(next(at), SEND, (member + step) % count, 10 + step, size, behind))
            nodes.append(message(next(at), RECV, (member - step) % count, 10 + step, size, behind))
        members.append([nodes[at] for at in written])
    return members


_SIZES = (1_000, 1_048_576, 65_536)
_UP = tuple(range(12))
_IDS = (46, 13, 26, 17, 11, 49, 24, 10, 48, 4, 8, 39)


@pytest.mark.parametrize(
    ("backend", "ids", "written", "cycles"),
    [  # as ASTRA-sim 518bd51 printed them, of every rank
        ("unaware", _UP, _UP, 21_549),
        ("aware", _UP, _UP, 62_069),
        ("aware", _UP, _UP[::-1], 82_600),
        ("aware", _IDS, (7, 2, 10, 0, 8, 1, 6, 5, 4, 3, 9, 11), 81_380),
    ],
)
def test_messages_that_may_leave_together_queue_in_the_order_of_astra_sim(backend, ids, written, cycles):
    made = _custom(*_pairwise(4, _SIZES, ids, written))
    assert ends(run(fabric((Wiring.SWITCH, 4)), [[collective(AR, 8)]], made, backend=backend)) == [cycles] * 4


def _crossing():
    """Six members, of which two are not to wait for the sum of the first message before they send the second."""
    members = []
    for member in range(6):
        after = () if member in (2, 3) else (2,)
        first = [message(0, SEND, (member + 3) % 6, 0, 1), message(1, RECV, (member - 3) % 6, 0, 1), compute(2, 0, 1)]
        second = [
            message(3, SEND, (member + 2) % 6, 1, 1_048_576, *after),
            message(4, RECV, (member - 2) % 6, 1, 1_048_576, *after),
        ]
        members.append([*first, *second, compute(5, 1, 4)])
    return members


def test_a_first_message_is_not_sent_behind_a_second_that_is_as_free():
    switch = fabric((Wiring.SWITCH, 6), bandwidth=0.7, latency_ns=7.0)
    made = run(switch, [[collective(AR, 8)]], _custom(*_crossing()), backend="aware")
    assert ends(made) == [2_791_209] * 4 + [2_791_193] * 2  # of ASTRA-sim 518bd51
