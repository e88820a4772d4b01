"""Traces as converters leave them: what is broken is told in one line, or left out and said."""

import pytest

from gnomon.core.errors import BadInput
from gnomon.core.trace import NodeKind
from gnomon.formats.chakra.attribute import Attribute
from gnomon.formats.chakra.mend import mended
from gnomon.formats.chakra.message import NodeMessage

ON_HOST = {"is_cpu_op": Attribute(kind="bool", value=True)}


def test_what_is_waited_for_twice_is_waited_for_once():
    (_, node), notes = mended(
        [NodeMessage(id=1), NodeMessage(id=2, data_parents=(1, 1), control_parents=(1, 1))], mends=False
    )
    assert (node.data_parents, node.control_parents, notes) == ((1,), (1,), ())


def test_a_parent_that_is_not_there_is_a_fault_or_left_out():
    nodes = [NodeMessage(id=1, name="mm", data_parents=(7,))]
    with pytest.raises(BadInput, match="node 1 'mm' waits for node 7, which does not exist; --mend"):
        mended(nodes, mends=False)
    (node,), notes = mended(nodes, mends=True)
    assert node.data_parents == ()
    assert notes == ("1 dependencies left out on nodes that do not exist",)


def test_callers_that_close_a_cycle_are_left_out_where_data_give_the_order():
    nodes = [NodeMessage(id=1, control_parents=(2,)), NodeMessage(id=2, data_parents=(1,))]
    with pytest.raises(BadInput, match="nodes wait for one another: node 1 '' waits for node 2 '' waits for node 1 ''"):
        mended(nodes, mends=False)
    made, (note,) = mended(nodes, mends=True)
    assert [node.control_parents for node in made] == [(), ()]
    assert "1 control dependencies left out" in note


def test_a_cycle_of_data_stays_a_fault():
    with pytest.raises(BadInput, match="wait for one another"):
        mended([NodeMessage(id=1, data_parents=(2,)), NodeMessage(id=2, data_parents=(1,))], mends=True)


def test_a_collective_of_the_host_becomes_its_operator():
    node = NodeMessage(id=1, type=int(NodeKind.COLLECTIVE), attributes=ON_HOST)
    (made,), (note,) = mended([node], mends=True)
    assert made.type == NodeKind.COMP
    assert "1 collectives of the host" in note
