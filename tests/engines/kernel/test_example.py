"""The example that README.md works by hand."""

import pytest

from gnomon.core.op import MatMul
from gnomon.core.workload import Node, Workload
from gnomon.engines.kernel.engine import KernelEngine
from gnomon.engines.kernel.equations import sustained_flop_per_s, tile_s, tiles, waves
from gnomon.engines.kernel.fitted import shipped
from gnomon.engines.kernel.times import gpu, started_s
from gnomon.formats.device_file import catalogue_device


def test_the_example_of_the_essay():
    device, fit = catalogue_device("a100-sxm-80gb"), shipped().products["half"]
    on = gpu(device)
    held = sustained_flop_per_s(312e12, on.power_w / 312e12, fit.share, fit.exponent)
    assert held == pytest.approx(261.1e12, rel=1e-3)
    rounds = waves(tiles(8192, 4096, 1, 256, 256, 1), on.units, fit.quantised)
    assert rounds == pytest.approx(4.795, rel=1e-3)
    l2 = fit.l2_bytes_per_clock * on.clock_hz
    block = tile_s(256, 256, 4096, 2, held / on.units, l2, fit.half_area, fit.prologue_s)
    assert block == pytest.approx(238.5e-6, rel=1e-3)
    assert rounds * block == pytest.approx(1143.6e-6, rel=1e-3)
    assert started_s(on, fit) == pytest.approx(3.6e-6, rel=1e-2)
    node = Node(name="linear", op=MatMul(m=8192, n=4096, k=4096, dtype="bf16"))
    workload = Workload(name="w", mode="forward", nodes=(node,), batch=1, dtype="bf16", item="sequence", items=1)
    assert KernelEngine().times_s(workload.table, device)[0] == pytest.approx(1171e-6, rel=1e-3)
