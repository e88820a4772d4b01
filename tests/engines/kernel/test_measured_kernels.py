"""The engine's times beside rows of the measured table, through operators as a workload has them."""

import numpy as np
import polars as pl
import pytest

from gnomon.core.op import MatMul
from gnomon.core.workload import Node, Workload
from gnomon.engines.kernel.engine import KernelEngine
from gnomon.formats.device_file import catalogue_device


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spelled", "device", "bound"), [("a100_sxm", "a100-sxm-80gb", 0.10), ("h100_sxm", "h100-sxm", 0.10)]
)
def test_large_products_of_a_known_device_are_within_a_tenth_in_the_median(shared, spelled, device, bound):
    rows = pl.read_csv(shared / "truth" / "kernels.csv.gz", infer_schema_length=None).filter(
        pl.col("device") == spelled,
        pl.col("source") == "AIC:gemm",
        pl.col("dtype") == "bfloat16",
        pl.col("m") >= 1024,
        2.0 * pl.col("m") * pl.col("n") * pl.col("k") >= 1e10,
    )
    assert len(rows) > 1000
    ops = [MatMul(m=m, n=n, k=k, dtype="bf16") for m, n, k in rows.select("m", "n", "k").iter_rows()]
    nodes = tuple(Node(name=str(index), op=op) for index, op in enumerate(ops))
    workload = Workload(name="rows", mode="forward", nodes=nodes, batch=1, dtype="bf16", item="sequence", items=1)
    times = KernelEngine().times_s(workload.table, catalogue_device(device))
    errors = times / (rows["measured_us"].to_numpy() * 1e-6) - 1
    assert np.median(np.abs(errors)) < bound
    assert abs(np.median(errors)) < bound / 2
