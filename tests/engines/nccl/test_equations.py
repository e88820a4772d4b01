"""Times of collectives by hand, from the papers' formulas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.engines.nccl.equations import (
    crowded,
    double_tree_all_reduce_s,
    halving_doubling_all_reduce_s,
    in_switch_all_reduce_s,
    pairs_s,
    pipelined_s,
    ring_all_gather_s,
    ring_all_reduce_s,
    ring_s,
)

# 8 members, 1 GB, 100 GB/s, 2 us a step unless said otherwise.
ASKED = (8.0, 1e9, 1e11, 2e-6)


def test_a_ring_all_reduce_goes_around_twice_and_meets_the_lower_bound():
    # Patarasuk & Yuan 2009, JPDC 69(2), pp. 117-124: 2 (N-1) steps, and 2 (N-1)/N X bytes at least over one link of a member.
    assert ring_all_reduce_s(*ASKED) == pytest.approx(14 * 2e-6 + 14 / 8 * 0.01)


def test_a_ring_all_gather_goes_around_once():
    # Thakur, Rabenseifner & Gropp 2005, IJHPCA 19(1), pp. 49-66: (p-1) alpha + (p-1)/p n beta.
    assert ring_all_gather_s(*ASKED) == pytest.approx(7 * 2e-6 + 7 / 8 * 0.01)


def test_halving_and_doubling_move_what_a_ring_does_in_logarithmically_many_steps():
    # Thakur, Rabenseifner & Gropp 2005, Rabenseifner's algorithm: 2 lg p alpha + 2 (p-1)/p n beta (+ arithmetic).
    assert halving_doubling_all_reduce_s(*ASKED) == pytest.approx(6 * 2e-6 + 14 / 8 * 0.01)


def test_two_binary_trees_move_the_array_once_up_and_once_down():
    # Sanders, Speck & Träff 2009, Parallel Computing 35(12), pp. 581-594: a broadcast at full bandwidth, and a reduction
    # likewise, each n beta and of depth lg p.
    assert double_tree_all_reduce_s(*ASKED) == pytest.approx(6 * 2e-6 + 2 * 0.01)


def test_a_switch_that_adds_up_itself_spares_nearly_half_of_a_ring():
    # Each of 8 sends its array and the sum of its eighth: 9/8 of it, where a ring sends 14/8.
    assert in_switch_all_reduce_s(*ASKED) == pytest.approx(2e-6 + 9 / 8 * 0.01)


def test_an_all_to_all_sends_all_but_a_member_s_own_share():
    assert pairs_s(*ASKED) == pytest.approx(2e-6 + 7 / 8 * 0.01)


def test_half_a_step_that_nothing_hides_costs_half_a_step():
    assert ring_s(14.0, 8.0, 1e9, 1e11, 0.0, 0.5) == pytest.approx(14.5 / 8 * 0.01)


def test_pieces_are_as_many_as_cost_least():
    # 10 ms moved, 1 us a piece: 100 pieces, of which 0.1 ms for start-ups and 0.1 ms unhidden.
    assert pipelined_s(0.01, 1e-6) == pytest.approx(0.01 + 2e-4)
    assert all(0.01 + pieces * 1e-6 + 0.01 / pieces >= pipelined_s(0.01, 1e-6) - 1e-12 for pieces in range(1, 400))


def test_members_that_share_one_path_have_less_of_it_each():
    assert crowded(100.0, 2, 1.0) == 100.0
    assert crowded(100.0, 8, 1.0) == 25.0
    assert crowded(100.0, 8, 0.0) == 100.0


@pytest.mark.parametrize("equation", [ring_all_reduce_s, ring_all_gather_s, double_tree_all_reduce_s, pairs_s])
def test_one_member_exchanges_nothing(equation):
    assert equation(1.0, 1e9, 1e11, 0.0) == 0.0


@given(
    members=st.sampled_from([2.0, 4.0, 8.0, 64.0, 1024.0]),
    size=st.floats(1, 1e12),
    bandwidth=st.floats(1e8, 1e13),
    latency=st.floats(0, 1e-3),
)
def test_no_all_reduce_between_members_alone_beats_the_lower_bound(members, size, bandwidth, latency):
    bound = 2 * (members - 1) / members * size / bandwidth
    for equation in (ring_all_reduce_s, halving_doubling_all_reduce_s, double_tree_all_reduce_s):
        assert equation(members, size, bandwidth, latency) >= bound * (1 - 1e-12)
