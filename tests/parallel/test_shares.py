"""What devices that share a model's work do together: as much as one device does alone, and no more than laws allow."""

from __future__ import annotations

from functools import cache

import pytest

from gnomon.core.op import Attention, GroupedMatMul, Op
from gnomon.core.plan import Plan
from gnomon.core.training_plan import TrainingPlan
from gnomon.core.workload import Node
from gnomon.parallel.experts import on_share_of_experts
from gnomon.parallel.model_share import shared_pieces
from gnomon.parallel.piece import Boundary, Piece
from gnomon.zoo.models import model


@cache
def pieces(name: str, plan: TrainingPlan) -> tuple[Piece, ...]:
    asked = Plan(mode="forward+backward+optimizer", seq=512, dtype="bf16", training=plan)
    return shared_pieces(model(name).build(asked), plan)


def ops(of: tuple[Piece, ...], kind: type[Op]) -> list[tuple[Op, int]]:
    return [(piece.op, piece.repeat) for piece in of if isinstance(piece, Node) and isinstance(piece.op, kind)]


def flop(of: tuple[Piece, ...], kind: type[Op]) -> float:
    return sum(float(op.work()[0]) * repeat for op, repeat in ops(of, kind))


@pytest.mark.parametrize("name", ["mixtral-8x7b", "deepseek-v3"])
@pytest.mark.parametrize("parts", [2, 4, 8])
def test_devices_that_share_experts_work_on_as_many_tokens_as_each_alone(name: str, parts: int) -> None:
    whole, share = (flop(pieces(name, TrainingPlan(ep=ep)), GroupedMatMul) for ep in (1, parts))
    assert share == pytest.approx(whole, rel=0.01)  # the device has a share of the experts, and tokens of all replicas


@pytest.mark.parametrize("imbalance", [1.0, 1.25, 2.0])
def test_the_busiest_device_s_experts_take_and_are_sent_so_many_times_the_mean(imbalance: float) -> None:
    mean, busy = (pieces("mixtral-8x7b", TrainingPlan(ep=4, imbalance=one)) for one in (1.0, imbalance))
    assert flop(busy, GroupedMatMul) == pytest.approx(imbalance * flop(mean, GroupedMatMul), rel=0.01)
    sent, sent_busy = (
        sum(one.size_bytes for piece in of if isinstance(piece, Boundary) for one in piece.forward if one.axis == "ep")
        for of in (mean, busy)
    )
    assert sent_busy == pytest.approx(imbalance * sent)


def test_each_token_is_sent_to_its_experts_and_back() -> None:
    found = pieces("mixtral-8x7b", TrainingPlan(ep=8))
    around = [
        piece for piece in found if isinstance(piece, Boundary) and piece.forward and piece.forward[0].axis == "ep"
    ]
    (op, _), *_ = ops(pieces("mixtral-8x7b", TrainingPlan()), GroupedMatMul)
    assert isinstance(op, GroupedMatMul)
    assert [piece.forward[0].size_bytes for piece in around] == [512 * op.chosen * op.k * 2] * 2
    assert on_share_of_experts(found, 1, imbalance=1.0, token_parts=1) == found


@pytest.mark.parametrize("parts", [2, 4, 8])
def test_devices_that_share_a_sequence_share_its_attention(parts: int) -> None:
    whole, share = (flop(pieces("llama-2-7b", TrainingPlan(cp=cp)), Attention) for cp in (1, parts))
    assert share == pytest.approx(whole / parts, rel=0.02)


def test_keys_and_values_of_the_whole_sequence_are_gathered_before_attention() -> None:
    found = pieces("llama-3-8b", TrainingPlan(cp=4))
    (gathered,) = [piece for piece in found if isinstance(piece, Boundary) and piece.forward[0].axis == "cp"]
    heads, width = 8, 128  # of keys and values, of llama-3-8b
    assert gathered.forward[0].size_bytes == 512 * heads * width * 2 * 2
    assert (gathered.forward[0].kind, gathered.backward[0].kind) == ("all-gather", "reduce-scatter")
