"""The example worked by hand in the engine's README."""

from __future__ import annotations

import pytest

from gnomon.core.op import MatMul
from gnomon.core.workload import Node, Workload
from gnomon.engines.roofline.engine import RooflineEngine, operator_limits_s
from gnomon.formats.device_file import catalogue_device


def test_the_linear_layer_of_the_readme_takes_299_us() -> None:
    op = MatMul(m=1024, n=11008, k=4096, dtype="fp16")
    node = Node(name="up", op=op)
    workload = Workload(name="layer", mode="forward", nodes=(node,), batch=1, dtype="fp16", item="token", items=1024)
    device = catalogue_device("a100-sxm-80gb")
    flop, read_bytes, write_bytes = op.work()
    compute, memory = operator_limits_s(workload.table, device)
    (time_s,) = RooflineEngine().times_s(workload.table, device)
    assert flop == pytest.approx(92.34e9, rel=1e-3)
    assert read_bytes + write_bytes == pytest.approx(121.1e6, rel=1e-3)
    assert compute[0] == pytest.approx(296e-6, rel=1e-3)
    assert memory[0] == pytest.approx(59.4e-6, rel=1e-3)
    assert flop / (read_bytes + write_bytes) == pytest.approx(762, rel=1e-2)
    assert device.matrix_flop_per_s["fp16"].value / device.memory_bytes_per_s.value == pytest.approx(153, rel=1e-2)
    assert time_s == pytest.approx(299e-6, rel=2e-3)
