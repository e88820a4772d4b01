"""Clusters by classes of equal ranks, held to every rank message by message; and which are left to that."""

import numpy as np
import pytest

from gnomon.core.cluster_rules import Algorithm, AlgorithmName, Optimization
from gnomon.core.fabric import Wiring
from gnomon.core.remote_memory import RemoteMemory, RemoteMemoryKind
from gnomon.core.trace import SIMULATED, ClusterTrace, CollectiveKind, NodeKind, RankTrace, TraceNode
from gnomon.engines.training.simulate.given import Given
from gnomon.engines.training.simulate.simulate import simulate
from gnomon.engines.training.simulate.symmetry.course import RingSteps
from gnomon.engines.training.simulate.symmetry.crossing import Crossing
from gnomon.engines.training.simulate.symmetry.fold import Fold
from gnomon.engines.training.simulate.symmetry.spans import Spans, union_ns
from gnomon.engines.training.simulate.symmetry.uneven_ring import uneven_ring_ns
from tests.engines.training.clusters import collective, compute, ends, fabric, message, rules
from tests.engines.training.random_clusters import random_cluster, told
from tests.long import LONG

SEEDS = range(120)  # `python -m benchmarks.training_symmetry` tries thousands
RING, SWITCH = Wiring.RING, Wiring.SWITCH
MIB = 2**20
SUM = collective(CollectiveKind.ALL_REDUCE, 64 * MIB, id=9)


def _given(network, ranks, made=None, **more):
    """Nodes by rank; those of one alone are those of all."""
    traces = [RankTrace(nodes=tuple(nodes), place="workload.json") for nodes in ranks]
    everyone = traces * network.npus if len(traces) == 1 else traces
    return Given(trace=ClusterTrace(ranks=tuple(everyone)), fabric=network, rules=made or rules(), **more)


def _both(given):
    """By classes and by every rank, after the two were found to say the same."""
    by_classes, by_events = simulate(given), simulate(given, exact_events=True)
    assert told(by_classes) == told(by_events)
    assert by_events.how.why_all == "asked for"
    return by_classes


def _changed(node, **changes):
    """A node with other fields."""
    return TraceNode(**{name: getattr(node, name) for name in node.__slots__} | changes)


@pytest.mark.slow
def test_random_clusters_come_out_as_message_by_message():
    by_classes = 0
    for seed in SEEDS:
        given = random_cluster(seed)
        try:
            made = simulate(given)
        except Exception as fault:
            with pytest.raises(type(fault)):
                simulate(given, exact_events=True)
            continue
        if made.how.why_all is None:
            by_classes += 1
            assert told(made) == told(simulate(given, exact_events=True)), f"seed {seed}"
    assert by_classes > len(SEEDS) // 3


@pytest.mark.slow
@pytest.mark.parametrize("optimization", list(Optimization))
@pytest.mark.parametrize("shape", [(4, 4, 4), (8, 8, 4)])
def test_a_torus_of_one_class_is_one_rank(shape, optimization):
    names = [AlgorithmName.RING] * 3
    network = fabric(*((RING, npus) for npus in shape))
    made = _both(_given(network, [[SUM]], rules(*names, optimization=optimization)))
    assert made.how.ranks == 1
    assert made.how.closed_phases == 4 * (3 if optimization is Optimization.BASELINE else 5)


@pytest.mark.parametrize("optimization", list(Optimization))
@pytest.mark.parametrize("along", [0, 2])
def test_a_torus_of_two_classes_is_as_many_ranks_as_its_programs_need(along, optimization):
    network = fabric((RING, 4), (RING, 4), (RING, 4))
    stride = network.strides[along]
    late = [[compute(1, 100 + 200 * (rank // stride % 4 >= 2)), SUM] for rank in range(64)]
    made = _both(_given(network, late, rules(*[AlgorithmName.RING] * 3, optimization=optimization)))
    assert made.how.ranks == 4


def test_ranks_that_take_turns_are_two_classes():
    nodes = [[compute(1, 100 + 50 * (rank % 2)), SUM] for rank in range(16)]
    assert _both(_given(fabric((RING, 16)), nodes)).how.ranks == 2


@pytest.mark.parametrize("npus", [64, *([256] if LONG else [])])
def test_a_straggler_is_exact(npus):
    after = [compute(1, 3), _changed(SUM, parents=(1,))]
    late = [compute(1, 40), *after[1:]]
    made = _both(_given(fabric((RING, npus)), [*[after] * (npus - 1), late]))
    assert (made.how.ranks, made.how.why_all) == (npus, None)
    assert min(ends(made)) > 40_000


@pytest.mark.parametrize(("tensor", "data"), [(4, 4), (8, 4)])
@pytest.mark.parametrize("backend", ["unaware", "aware"])
def test_groups_in_which_all_do_the_same_are_one_class(tensor, data, backend):
    npus = tensor * data
    groups = {1 + at: tuple(range(at * tensor, (at + 1) * tensor)) for at in range(data)}
    groups |= {101 + at: tuple(range(at, npus, tensor)) for at in range(tensor)}
    ranks = [
        [
            compute(0, 20),
            collective(CollectiveKind.ALL_REDUCE, MIB, id=1, parents=(0,), group=str(1 + rank // tensor)),
            compute(2, 5, 1),
            collective(CollectiveKind.ALL_REDUCE, 4 * MIB, id=3, parents=(1,), group=str(101 + rank % tensor)),
        ]
        for rank in range(npus)
    ]
    made = _both(_given(fabric((SWITCH, npus)), ranks, groups=groups, backend=backend))
    assert (made.how.ranks, made.how.why_all) == (1, None)


def test_what_is_not_the_same_for_all_is_left_to_every_rank():
    eight, groups = fabric((RING, 8)), {1: (0, 1, 2, 3), 2: (4, 5, 6, 7)}
    pool = RemoteMemory(kind=RemoteMemoryKind.POOL, bytes_per_ns=10, place="memory.json")
    load = TraceNode(id=1, name="load", kind=NodeKind.MEM_LOAD, tensor_bytes=1000)
    talk = [
        [message(1, NodeKind.SEND, 1, 5, 100)] if rank == 0
        else [message(1, NodeKind.RECV, 0, 5, 100)] if rank == 1
        else [compute(1, 1)]
        for rank in range(8)
    ]  # fmt: skip
    tree = rules(AlgorithmName.DOUBLE_BINARY_TREE)
    direct = rules(AlgorithmName.DIRECT)
    window = rules(algorithms=dict.fromkeys(SIMULATED, (Algorithm(name=AlgorithmName.DIRECT, window=2),)))
    halves = [[_changed(SUM, group=str(1 + rank // 4))] for rank in range(8)]
    whys = [
        (_given(eight, talk), "by number"),
        (_given(eight, [[load]], memory=pool), "share remote memory"),
        (_given(eight, [[SUM]], tree), "no two ranks"),
        (_given(eight, [[SUM]], direct), "waits for all its messages"),
        (_given(eight, [[SUM]], window), "waits for all its messages"),
        (_given(eight, [[SUM]], rules(active_chunks=2), backend="aware"), "meet on links"),
        (_given(eight, [*[[compute(1, 1), SUM]] * 7, [SUM]], backend="aware"), "no two ranks"),
        (_given(eight, halves, groups=groups), "not equally far apart"),
    ]
    for given, why in whys:
        made = simulate(given)
        assert made.how.why_all is not None
        assert why in made.how.why_all, made.how
        assert made.how.ranks == 8


def test_programs_that_differ_in_more_than_groups_are_classes_of_their_own():
    groups = {1: (0, 1, 2, 3), 2: (4, 5, 6, 7)}
    ranks = [[_changed(SUM, group=str(1 + rank // 4), comm_bytes=MIB * (1 + rank // 4))] for rank in range(8)]
    made = _both(_given(fabric((SWITCH, 8)), ranks, groups=groups))
    first, second = set(ends(made)[:4]), set(ends(made)[4:])
    assert max(first) < min(second)


def test_a_group_whose_members_do_not_meet_never_ends_either_way():
    groups = {1: (0, 1, 2, 3), 2: (4, 5, 6, 7)}
    ranks = [[_changed(SUM, group="1")]] * 3 + [[_changed(SUM, group="2")]] * 5
    with pytest.raises(Exception, match="rank 3 is not in process group 2"):
        simulate(_given(fabric((SWITCH, 8)), ranks, groups=groups))


def test_a_ring_with_a_late_rank_is_the_example_of_the_readme():
    crossing = Crossing(31_350, ())
    ring = RingSteps(delay_ns=10, crossing=crossing, sum_ns=3_144, sums=3, steps=6, message_bytes=MIB)
    sent_ns, end_ns = uneven_ring_ns(np.array([0, 0, 0, 1_000]), ring, 1)
    assert sent_ns[1].tolist() == [35_514, 34_514, 34_514, 34_514]
    assert (sent_ns[2, 1], sent_ns[3, 2]) == (70_018, 104_522)
    assert end_ns.tolist() == [197_602, 198_602, 197_602, 197_602]


def test_a_rank_stands_for_those_a_period_apart():
    fold = Fold(fabric=fabric((RING, 4), (RING, 6)), periods=(1, 3))
    assert fold.ranks == [0, 4, 8]
    assert fold.weight == 8
    assert fold.stand_in(3 + 5 * 4) == 8
    assert np.array_equal(fold.stand_ins()[:16], np.repeat([0, 1, 2, 0], 4))


@pytest.mark.parametrize(
    ("outer", "period", "swaps", "source", "destination", "moved"),
    [(6, 3, False, 20, 0, (8, 12)), (6, 3, False, 16, 20, (4, 8)), (4, 2, True, 12, 8, (4, 0))],
)
def test_a_message_is_moved_to_the_rank_that_stands_for_its_sender(outer, period, swaps, source, destination, moved):
    fold = Fold(fabric=fabric((RING, 4), (RING, outer)), periods=(1, period))
    assert fold.moved(source, destination, swaps=swaps) == moved


@pytest.mark.parametrize(
    ("spans", "length"),
    [
        ([Spans(0, 10, 4, 3)], 12),
        ([Spans(0, 3, 4, 3)], 10),
        ([Spans(0, 10, 4, 3), Spans(2, 10, 4, 3)], 18),
        ([Spans(0, 10, 4, 2), Spans(14, 5, 5, 2)], 18),
        ([], 0),
    ],
)
def test_the_union_of_trains_is_that_of_their_spans(spans, length):
    assert union_ns(spans) == length
    one_by_one = [
        Spans(one.start_ns + at * one.period_ns, 0, one.length_ns, 1) for one in spans for at in range(one.repeats)
    ]
    assert union_ns(one_by_one) == length
