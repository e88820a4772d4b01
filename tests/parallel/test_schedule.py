from __future__ import annotations

import pytest

from gnomon.core.errors import BadInput
from gnomon.core.training_plan import SCHEDULES, Schedule
from gnomon.parallel.memory import Kept, most_kept
from gnomon.parallel.schedule import Task, order

VIRTUAL = {"interleaved": 2}


def tasks(schedule: Schedule, stage: int, stages: int, microbatches: int) -> tuple[Task, ...]:
    return order(schedule, stage=stage, stages=stages, microbatches=microbatches, virtual=VIRTUAL.get(schedule, 1))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("stages", [2, 3, 4])
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_every_pass_of_every_micro_batch_is_run_once_and_backward_after_forward(
    schedule: Schedule, stages: int, groups: int
) -> None:
    for stage in range(stages):
        found = tasks(schedule, stage, stages, groups * stages)
        place = {task: at for at, task in enumerate(found)}
        assert len(place) == len(found)
        kinds = 3 if schedule == "zero-bubble" else 2
        assert len(found) == kinds * groups * stages * VIRTUAL.get(schedule, 1)
        for task, at in place.items():
            if task.kind == "backward":
                assert place[Task("forward", task.microbatch, task.chunk)] < at
            if task.kind == "weights":
                assert place[Task("backward", task.microbatch, task.chunk)] < at


def test_one_forward_one_backward_keeps_as_many_micro_batches_as_stages_follow() -> None:
    # Narayanan et al. 2021, section 2.2.1: at most as many as there are stages, not all of them as GPipe.
    each = [Kept(activations=1.0, logits=0.25)]
    assert [most_kept(tasks("1f1b", stage, 4, 16), each) for stage in range(4)] == [
        (4, 1),
        (3, 0.75),
        (2, 0.5),
        (1, 0.25),
    ]
    assert most_kept(tasks("gpipe", 0, 4, 16), each) == (16, 4)


def test_a_pipeline_without_bubbles_keeps_what_weights_wait_for_and_no_more_than_the_first_stage_of_1f1b() -> None:
    # Qi et al. 2023, section 2.3 and table 3: ZB-H1 keeps p M_B at most; a gradient of weights that waits keeps M_W <= M_B.
    found = [most_kept(tasks("zero-bubble", at, 4, 16), [Kept(activations=34, for_weights=32)])[0] for at in range(4)]
    assert found == [(4 - stage) * 34 + stage * 32 for stage in range(4)]


def test_interleaved_stages_begin_as_in_the_paper_s_figure() -> None:
    # Narayanan et al. 2021, figure 4: device 1 of 4 with two chunks runs 1-4 through its first chunk, 1-4 through its
    # second, then 5, 6, 7 before its first backward pass, which is of micro-batch 1 and its second chunk.
    found = tasks("interleaved", 0, 4, 8)
    assert [(task.kind, task.microbatch + 1, task.chunk) for task in found[:12]] == [
        *[("forward", at, 0) for at in (1, 2, 3, 4)],
        *[("forward", at, 1) for at in (1, 2, 3, 4)],
        *[("forward", at, 0) for at in (5, 6)],
        ("forward", 7, 0),
        ("backward", 1, 1),
    ]


def test_interleaved_stages_refuse_micro_batches_that_do_not_fill_their_groups() -> None:
    with pytest.raises(BadInput, match="multiple of pp"):
        tasks("interleaved", 0, 4, 6)
