"""Work of the matrix unit against counts by the models' own libraries (flop.csv) and published figures."""

import csv
from pathlib import Path

import pytest

from gnomon.core.op import SOFTMAX_FLOP, Attention, MatMul
from gnomon.core.plan import Plan
from gnomon.zoo.models import model

ROWS = list(csv.DictReader((Path(__file__).parent / "flop.csv").read_text(encoding="utf-8").splitlines()))


def _matrix_flop(workload, *, is_pure):
    """flop of matrix operators; pure: without the additions of biases and the softmax inside eager attention."""
    total = 0.0
    for node in workload.nodes:
        if node.op.unit != "matrix":
            continue
        op, flop = node.op, node.op.work()[0]
        if is_pure and isinstance(op, Attention):
            flop -= SOFTMAX_FLOP * op.batch * op.heads * op.pairs
        if is_pure and isinstance(op, MatMul) and op.has_bias:
            flop -= op.m * op.n
        total += flop * node.repeat
    return total


def _built(row):
    seq = int(row["seq"]) if row["seq"] else None
    return model(row["name"]).build(Plan(batch=int(row["batch"]), seq=seq, dtype="fp32", attention="eager"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_products_take_the_flop_that_the_library_counts(row):
    assert _matrix_flop(_built(row), is_pure=True) == pytest.approx(float(row["flop"]), rel=0.005)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_biases_and_softmax_add_less_than_two_percent(row):
    assert _matrix_flop(_built(row), is_pure=False) == pytest.approx(float(row["flop"]), rel=0.02)


def test_resnet_50_takes_4_09_giga_multiply_adds():
    # torchvision's model page: GFLOPS 4.09 (multiply-adds), 224 x 224.
    flop = _matrix_flop(model("resnet-50").build(Plan(batch=1)), is_pure=True)
    assert flop / 2 == pytest.approx(4.09e9, rel=0.01)
