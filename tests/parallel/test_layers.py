"""How layers are shared out to the stages of a pipeline."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.errors import BadInput
from gnomon.core.op import Norm
from gnomon.core.training_plan import TrainingPlan, counts_text
from gnomon.core.workload import Node
from gnomon.parallel.layers import Block, chunks


def block(copies: int) -> Block:
    """So many layers, or where it is 1 what stands before or after them."""
    node = Node(name=f"{copies} alike", op=Norm(rows=4, columns=8), repeat=copies)
    return Block(pieces=(node,), copies=copies, is_layer=copies > 1)


def held(layers: int, count: int, sizes: tuple[int, ...] | None) -> list[tuple[int, ...]]:
    model = (block(1), block(layers), block(1))
    return [tuple(one.copies for one in chunk.blocks) for chunk in chunks(model, count, sizes)]


def test_the_first_and_the_last_chunk_hold_what_is_before_and_after_the_layers() -> None:
    assert held(8, 4, None) == [(1, 2), (2,), (2,), (2, 1)]
    assert held(8, 3, (2, 4, 2)) == [(1, 2), (4,), (2, 1)]


def test_an_embedding_and_a_head_may_stand_alone() -> None:
    assert held(8, 4, (0, 4, 4, 0)) == [(1,), (4,), (4,), (1,)]


@pytest.mark.parametrize("sizes", [(4, 0, 4), (4, 4, 0, 0), (0, 0, 4, 4)])
def test_a_chunk_without_anything_to_run_is_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match="nothing to run"):
        held(8, len(sizes), sizes)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=30))
def test_numbers_of_layers_are_read_as_they_are_written(sizes: list[int]) -> None:
    plan = TrainingPlan(pp=len(sizes), stage_layers=counts_text(sizes))
    assert plan.chunk_layers == tuple(sizes)
    assert plan.stage_layers == counts_text(sizes)


@given(st.integers(2, 200), st.integers(1, 40))
def test_a_refusal_tells_numbers_that_would_do(layers: int, count: int) -> None:
    try:
        chunks((block(layers),), count)
    except BadInput as fault:
        if layers > count:
            split = fault.text.split("stage_layers ")[1].rstrip(")")
            sizes = TrainingPlan(pp=count, stage_layers=split).chunk_layers
            assert sizes is not None
            assert (sum(sizes), len(sizes)) == (layers, count)
            assert max(sizes) - min(sizes) == 1
            assert len(chunks((block(layers),), count, sizes)) == count
    else:
        assert layers % count == 0
