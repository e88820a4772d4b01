"""Collectives: times that can be worked out apart from the simulation, and laws that hold for any of them."""

from math import log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.core.cluster_rules import AlgorithmName, Optimization
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.fabric import BACKENDS, Wiring
from gnomon.core.trace import SIMULATED, CollectiveKind, NodeKind, TraceNode
from gnomon.engines.training.simulate.algorithms.double_binary_tree import branch
from tests.engines.training.clusters import collective, compute, ends, fabric, message, rules, run

AR, AG, RS, A2A = SIMULATED
_MIB = 2**20
_SWITCH8 = fabric((Wiring.SWITCH, 8))
_POWERS_OF_TWO = (AlgorithmName.HALVING_DOUBLING, AlgorithmName.DOUBLE_BINARY_TREE)


def _message_ns(message_bytes: int, hops: int = 2) -> int:
    return int(hops * 500 + message_bytes / (50 * 2**30 / 1e9))


def _sum_ns(message_bytes: int) -> int:
    return 3 * int(message_bytes / 1.6e12 * 1e9)


def _ring_ns(kind: CollectiveKind, chunk_bytes: int, ranks: int) -> int:
    """e + steps (c + e), and n - 1 sums where there are any. [Patarasuk & Yuan 2009, with ASTRA-sim's charges]"""
    size = chunk_bytes if kind is AG else chunk_bytes // ranks
    steps = {AR: 2 * (ranks - 1), A2A: ranks * (ranks - 1) // 2}.get(kind, ranks - 1)
    sums = ranks - 1 if kind in (AR, RS) else 0
    return 10 + steps * (_message_ns(size) + 10) + sums * _sum_ns(size)


def _direct_ns(kind: CollectiveKind, chunk_bytes: int, ranks: int) -> int:
    size = chunk_bytes if kind is AG else chunk_bytes // ranks
    rounds = 2 if kind is AR else 1
    return 10 + rounds * (_message_ns(size) + 10) + (_sum_ns(size) if kind in (AR, RS) else 0)


@given(st.sampled_from(SIMULATED), st.integers(1000, 10**8), st.integers(2, 9), st.integers(1, 3))
def test_a_ring_takes_its_steps_chunk_after_chunk(kind, comm_bytes, ranks, splits):
    chunk = comm_bytes // splits
    made = run(fabric((Wiring.SWITCH, ranks)), [[collective(kind, comm_bytes)]], rules(splits=splits))
    assert ends(made) == [-(-comm_bytes // chunk) * _ring_ns(kind, chunk, ranks)] * ranks


@given(st.sampled_from(SIMULATED), st.integers(1000, 10**8), st.integers(2, 9))
def test_direct_takes_one_round_or_two(kind, comm_bytes, ranks):
    made = run(fabric((Wiring.SWITCH, ranks)), [[collective(kind, comm_bytes)]], rules(AlgorithmName.DIRECT, splits=1))
    assert ends(made) == [_direct_ns(kind, comm_bytes, ranks)] * ranks


@pytest.mark.parametrize("ranks", [2, 4, 8, 16])
def test_halving_doubling_sends_halves_and_doubles(ranks):
    made = run(
        fabric((Wiring.SWITCH, ranks)),
        [[collective(AR, _MIB)]],
        rules(AlgorithmName.HALVING_DOUBLING, splits=1),
    )
    halves = [_MIB >> step for step in range(1, int(log2(ranks)) + 1)]
    sums = sum(_sum_ns(size) for size in halves[1:])  # a sum is charged by the size of the message after it
    rest = sum(_message_ns(size) + 10 for size in [*halves, *reversed(halves)])
    # as many sums as a turn has packets that follow: one less than the steps of a half
    assert ends(made) == [10 + rest + sums] * ranks


@pytest.mark.parametrize("tree", [0, 1])
@pytest.mark.parametrize("count", [2, 4, 8, 32])
def test_a_tree_joins_all_places_and_its_branches_agree(tree, count):
    branches = [branch(place, count, tree) for place in range(count)]
    assert sum(one.parent is None for one in branches) == 1
    for place, one in enumerate(branches):
        assert all(branches[child].parent == place for child in one.children)
    assert sorted(child for one in branches for child in one.children) == [
        place for place, one in enumerate(branches) if one.parent is not None
    ]


def test_most_leaves_of_one_tree_work_in_the_other():
    leaves = [{place for place in range(16) if not branch(place, 16, tree).children} for tree in (0, 1)]
    assert not leaves[0] & leaves[1]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("wiring", list(Wiring))
@pytest.mark.parametrize("name", list(AlgorithmName))
def test_more_bandwidth_never_slows_a_collective(backend, wiring, name):
    slow, quick = (
        max(
            ends(run(fabric((wiring, 8), bandwidth=bandwidth), [[collective(AR, 10**7)]], rules(name), backend=backend))
        )
        for bandwidth in (25.0, 50.0)
    )
    assert quick < slow


@pytest.mark.parametrize("name", list(AlgorithmName))
@pytest.mark.parametrize("wiring", list(Wiring))
def test_congestion_never_helps_a_collective(wiring, name):
    unaware, aware = (
        max(ends(run(fabric((wiring, 8)), [[collective(AR, 10**7)]], rules(name, active_chunks=4), backend=backend)))
        for backend in BACKENDS
    )
    assert unaware <= aware


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.sampled_from(list(Wiring)), st.sampled_from([2, 4])), min_size=2, max_size=3),
    st.sampled_from(SIMULATED),
    st.sampled_from(list(Optimization)),
    st.integers(1, 3),
    st.integers(1, 4),
    st.sampled_from(BACKENDS),
)
def test_a_collective_ends_on_every_rank_of_every_torus(shape, kind, optimization, active, queues, backend):
    network = fabric(*shape)
    made = run(
        network,
        [[collective(kind, 10**6)]],
        rules(*[AlgorithmName.RING] * len(shape), optimization=optimization, active_chunks=active),
        backend=backend,
        queues_per_dimension=queues,
    )
    assert min(ends(made)) > 0


def test_baseline_runs_an_all_reduce_in_each_dimension():
    network = fabric((Wiring.SWITCH, 4), (Wiring.SWITCH, 2))
    ring2 = rules(AlgorithmName.RING, AlgorithmName.RING, optimization=Optimization.BASELINE, splits=1)
    made = run(network, [[collective(AR, _MIB)]], ring2)
    assert ends(made) == [_ring_ns(AR, _MIB, 4) + _ring_ns(AR, _MIB, 2)] * 8


def test_only_the_involved_dimensions_are_used():
    network = fabric((Wiring.SWITCH, 4), (Wiring.SWITCH, 2))
    ring2 = rules(AlgorithmName.RING, AlgorithmName.RING, splits=1)
    made = run(network, [[collective(AR, _MIB, dimensions=(False, True))]], ring2)
    assert ends(made) == [_ring_ns(AR, _MIB, 2)] * 8


def test_a_small_collective_is_grown_to_a_byte_for_each_npu_of_a_chunk():
    assert ends(run(_SWITCH8, [[collective(AR, 1)]])) == ends(run(_SWITCH8, [[collective(AR, 32)]]))


def test_rendezvous_adds_a_message_of_8_kib_before_each():
    plain = run(_SWITCH8, [[collective(AG, _MIB)]], rules(splits=1))
    called_for = run(_SWITCH8, [[collective(AG, _MIB)]], rules(splits=1), has_rendezvous=True)
    assert max(ends(called_for)) - max(ends(plain)) == 7 * _message_ns(8192)


def test_two_collectives_of_a_rank_run_one_after_the_other():
    one, two = collective(AR, _MIB), collective(AR, _MIB, id=1)
    assert max(ends(run(_SWITCH8, [[one, two]]))) == 2 * max(ends(run(_SWITCH8, [[one]])))


def test_groups_run_beside_one_another():
    nodes = [[collective(AR, _MIB, group=str(1 + rank % 2))] for rank in range(8)]
    members = {1: (0, 2, 4, 6), 2: (1, 3, 5, 7)}
    both = run(_SWITCH8, nodes, groups=members)
    alone = run(_SWITCH8, [row if rank % 2 == 0 else [compute(0, 1)] for rank, row in enumerate(nodes)], groups=members)
    assert ends(both)[0] == ends(alone)[0] == ends(both)[1]


def test_a_metadata_node_names_a_group_before_what_waits_for_it():
    groups = (("4", (0, 1)), ("5", (2, 3, 4, 5, 6, 7)))
    names = TraceNode(id=0, name="groups", kind=NodeKind.METADATA, groups=groups)
    nodes = [[names, collective(AR, _MIB, id=1, group="4" if rank < 2 else "5", parents=(0,))] for rank in range(8)]
    assert min(ends(run(_SWITCH8, nodes))) > 0


def test_a_metadata_node_names_no_rank_that_is_not_there():
    names = TraceNode(id=0, name="groups", kind=NodeKind.METADATA, groups=(("4", (0, 8)),))
    with pytest.raises(BadInput, match="process group 4 has a rank that the network has not: it has 8 NPUs"):
        run(_SWITCH8, [[names]])


def test_group_0_is_everyone_whatever_a_metadata_node_says():
    names = TraceNode(id=0, name="groups", kind=NodeKind.METADATA, groups=(("0", (0, 1)),))
    asked = collective(AR, _MIB, id=1, group="0")
    assert ends(run(_SWITCH8, [[names, asked]])) == ends(run(_SWITCH8, [[asked]]))


@pytest.mark.parametrize(
    ("node", "made", "error", "text"),
    [
        (collective(AG, 3), rules(), BadInput, "an all-gather of 3 bytes cannot be cut into preferred-dataset-splits"),
        (collective(AR, 8), rules(splits=None), BadInput, "system.json: preferred-dataset-splits: missing"),
        (collective(A2A, 8), rules(AlgorithmName.HALVING_DOUBLING), BadInput, "halvingDoubling does no all-to-all"),
        (collective(AR, 8), rules(algorithms={}), BadInput, "system.json: all-reduce-implementation: missing"),
        (collective(AR, 8), rules(local_bytes_per_s=0.0), BadInput, "system.json: local-mem-bw: missing"),
        (collective(AR, 8, group="3"), rules(), BadInput, "no process group 3; no groups are given"),
        (collective(AR, 8, dimensions=(False,)), rules(), BadInput, "it would never end"),
        (collective(AR, 8, dimensions=()), rules(), BadInput, "involved_dim tells of 0 dimensions"),
        (collective(AR, None), rules(), BadInput, "node 0 'all_reduce': no comm_size"),
        (collective(CollectiveKind.BARRIER, 8), rules(), Unsupported, "barrier is not simulated"),
        (
            TraceNode(id=0, name="x", kind=NodeKind.COLLECTIVE, collective=77, comm_bytes=8),
            rules(),
            Unsupported,
            "no collective 77",
        ),
    ],
)
def test_what_cannot_run_is_told(node, made, error, text):
    with pytest.raises(error, match=text):
        run(_SWITCH8, [[node]], made)


@pytest.mark.parametrize("name", _POWERS_OF_TWO)
def test_some_algorithms_need_a_power_of_two(name):
    with pytest.raises(BadInput, match=f"{name} over 6 ranks: a power of two is needed"):
        run(fabric((Wiring.SWITCH, 6)), [[collective(AR, 10**6)]], rules(name))


def test_several_dimensions_need_an_optimization():
    made = rules(AlgorithmName.RING, AlgorithmName.RING, optimization=None)
    with pytest.raises(BadInput, match="collective-optimization: missing; write baseline or localBWAware"):
        run(fabric((Wiring.RING, 2), (Wiring.RING, 2)), [[collective(AR, 10**6)]], made)


def test_ranks_that_issue_different_collectives_are_told_who_waits_for_whom():
    nodes = [[collective(AR, 10**6)]] * 7 + [[compute(0, 1)]]
    with pytest.raises(
        BadInput, match=r"7 of 8 ranks never end: rank 0 waits in node 0 'all_reduce' .* from rank 7, which sends no"
    ):
        run(_SWITCH8, nodes)


def test_messages_of_the_trace_and_of_collectives_do_not_meet():
    nodes = [
        [message(0, NodeKind.SEND, 1, 0, 64), collective(AR, 512, id=1)],
        [collective(AR, 512, id=1), message(2, NodeKind.RECV, 0, 0, 64)],
    ]
    assert min(ends(run(fabric((Wiring.RING, 2)), nodes))) > 0
