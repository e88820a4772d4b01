"""Folding equal blocks: nothing but the number of nodes may change."""

from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.collapse import collapsed
from gnomon.core.op import Elementwise, MatMul
from gnomon.core.workload import Node, Workload


def _chain(sizes):
    """A product for each size, each after the one before."""
    return tuple(
        Node(name=f"n{i}", op=MatMul(m=4, n=size, k=8), after=(f"n{i - 1}",) if i else ())
        for i, size in enumerate(sizes)
    )


def _workload(nodes):
    return Workload(name="w", mode="forward", nodes=nodes, batch=1, dtype="fp32", item="token", items=1)


def test_eighty_equal_layers_become_one():
    layer = (3, 5, 7)
    folded = collapsed(_chain((1, *layer * 80, 2)))
    assert [(node.op.n, node.repeat) for node in folded] == [(1, 1), (3, 80), (5, 80), (7, 80), (2, 1)]
    assert folded[-1].after == ("n3",)


def test_blocks_of_blocks_fold_twice():
    folded = collapsed(_chain((3, 3, 5) * 4))
    assert [(node.op.n, node.repeat) for node in folded] == [(3, 8), (5, 4)]


@given(st.lists(st.integers(1, 3), max_size=30))
def test_folding_keeps_work_and_parameters(sizes):
    nodes = _chain(sizes)
    written, folded = _workload(nodes), _workload(collapsed(nodes))
    assert folded.parameters == written.parameters
    assert folded.table.total_flop == written.table.total_flop
    assert folded.table.total_moved_bytes == written.table.total_moved_bytes
    assert len(folded.nodes) <= len(written.nodes)


def test_a_skip_that_outlives_the_next_block_is_not_folded_away():
    # Four equal nodes; the last one reads them all, as the way up of a U-Net does.
    way_down = tuple(Node(name=f"d{i}", op=MatMul(m=4, n=8, k=8), after=(f"d{i - 1}",) if i else ()) for i in range(4))
    joined = Node(name="up", op=Elementwise(elements=32, function="add", inputs=4), after=("d0", "d1", "d2", "d3"))
    nodes = (*way_down, joined)
    assert _workload(collapsed(nodes)).footprint.activations_bytes == _workload(nodes).footprint.activations_bytes
