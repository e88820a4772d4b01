import numpy as np
import pytest
from hypothesis import given

from gnomon.core.dtype import DTYPES
from gnomon.core.errors import Unsupported
from gnomon.core.op import FAMILIES
from gnomon.core.workload import Node, Workload
from gnomon.testing import workloads


@given(workloads())
def test_table_holds_what_the_operators_say(workload):
    table = workload.table
    assert len(table) == len(workload.nodes)
    for index, node in enumerate(workload.nodes):
        assert (table.flop[index], table.read_bytes[index], table.write_bytes[index]) == node.op.work()
        assert table.dtype[index] == DTYPES[node.op.dtype].index
        assert table.is_matrix[index] == (node.op.unit == "matrix")
        assert FAMILIES[table.family[index]] == node.op.family
        assert (table.launches[index], table.repeat[index]) == (node.op.launches, node.repeat)


@given(workloads())
def test_sums_multiply_by_repeat(workload):
    assert workload.parameters == sum(node.op.parameters * node.repeat for node in workload.nodes)
    assert workload.weight_bytes == sum(node.op.weight_bytes * node.repeat for node in workload.nodes)


def test_an_empty_workload_has_an_empty_table():
    empty = Workload(name="empty", mode="forward", nodes=(), batch=1, dtype="fp32", item="image", items=1)
    assert len(empty.table) == 0
    assert np.array_equal(empty.table.flop, np.zeros(0))
    assert (empty.parameters, empty.weight_bytes, empty.kv_cache_bytes) == (0, 0, 0)


def test_an_operator_without_a_rule_is_an_error_that_names_it():
    class Scan:
        """An operator that nobody knows."""

    node = Node(name="mixer", op=Scan())
    workload = Workload(name="w", mode="forward", nodes=(node,), batch=1, dtype="fp16", item="token", items=1)
    with pytest.raises(Unsupported, match="node 'mixer': operator Scan has no rule"):
        _ = workload.table
