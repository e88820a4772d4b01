from __future__ import annotations

import pytest

from gnomon.core.plan import Plan
from gnomon.core.training_plan import Schedule, TrainingPlan
from gnomon.engines.training.step.accounts import account
from gnomon.engines.training.step.lanes import one_for_exchanges
from gnomon.engines.training.step.run import COMPILED_FROM, Ran, run
from gnomon.parallel.model_share import model_share
from gnomon.parallel.passes import Compute
from gnomon.parallel.program import Program, programs
from gnomon.zoo.decoder import decoder
from gnomon.zoo.decoder_shape import Decoder


def pipeline(stages: int, microbatches: int, schedule: Schedule = "1f1b", virtual: int = 1) -> tuple[Program, ...]:
    """A decoder of 12 layers whose head is that of another model: every stage has the same."""
    config = Decoder(
        name="layers", layers=12, hidden=64, heads=4, kv_heads=4, head_dim=16, intermediate=256, vocab=128, positions=64
    )
    training = TrainingPlan(pp=stages, global_batch=microbatches, schedule=schedule, virtual=virtual)
    plan = Plan(mode="forward+backward+optimizer", seq=16, dtype="bf16", training=training)
    return programs(model_share(decoder(config, plan), plan, stages))


def timed(
    of: tuple[Program, ...], forward: int, backward: int, *, compiled_from: int = COMPILED_FROM
) -> tuple[Ran, ...]:
    """Run with so long a forward and backward pass of each chunk of a stage, nothing else taking time."""
    durations = []
    for program in of:
        each = [0] * len(program.actions)
        for at, action in enumerate(program.actions):
            if isinstance(action, Compute) and action.role in ("forward", "backward"):
                runs = int((program.action == at).sum())
                if "layer" in action.name:
                    each[at] = {"forward": forward, "backward": backward}[action.role] * _share(program, at) // runs
        durations.append(each)
    return run(of, durations, one_for_exchanges(of), compiled_from=compiled_from)


def _share(program: Program, at: int) -> int:
    """Passes of micro-batches that the program has."""
    return len(set(program.microbatch.tolist()) - {-1})


@pytest.mark.parametrize(("stages", "microbatches"), [(4, 8), (2, 2), (3, 12), (6, 6)])
@pytest.mark.parametrize("schedule", ["1f1b", "gpipe"])
def test_a_pipeline_waits_as_the_papers_say(stages: int, microbatches: int, schedule: Schedule) -> None:
    # Narayanan et al. 2021, section 2.2.1: (p - 1) (t_f + t_b) of waiting, a share of (p - 1) / m of the time without.
    of = pipeline(stages, microbatches, schedule)
    ran = timed(of, 12_000, 24_000)
    end = max(one.last_ps for one in ran)
    assert end == (microbatches + stages - 1) * 36_000
    for program, one, lanes in zip(of, ran, one_for_exchanges(of).of, strict=True):
        assert account(program, one, lanes, [0] * len(program.actions), end).idle_ps == (stages - 1) * 36_000


@pytest.mark.parametrize(("stages", "microbatches", "virtual"), [(2, 4, 2), (2, 8, 3), (4, 8, 3), (3, 6, 2)])
def test_interleaved_stages_wait_less_by_their_chunks(stages: int, microbatches: int, virtual: int) -> None:
    # Narayanan et al. 2021, section 2.2.2: (p - 1) (t_f + t_b) / v.
    of = pipeline(stages, microbatches, "interleaved", virtual)
    end = max(one.last_ps for one in timed(of, 12_000 // virtual, 24_000 // virtual))
    assert end == microbatches * 36_000 + (stages - 1) * 36_000 // virtual


@pytest.mark.slow
def test_compiled_and_interpreted_runs_are_the_same() -> None:
    of = pipeline(4, 8)
    plain = timed(of, 12_000, 24_000)
    fast = timed(of, 12_000, 24_000, compiled_from=0)
    for one, other in zip(plain, fast, strict=True):
        assert (one.start_ps == other.start_ps).all()
        assert (one.end_ps == other.end_ps).all()


def test_an_update_waits_for_every_gradient() -> None:
    config = Decoder(
        name="layers", layers=4, hidden=64, heads=4, kv_heads=4, head_dim=16, intermediate=256, vocab=128, positions=64
    )
    plan = Plan(mode="forward+backward+optimizer", seq=16, dtype="bf16", training=TrainingPlan(dp=2))
    (program,) = programs(model_share(decoder(config, plan), plan, 2))
    durations = [5 if isinstance(action, Compute) else 1_000_000 for action in program.actions]
    (ran,) = run((program,), (durations,), one_for_exchanges((program,)))
    update = next(at for at, action in enumerate(program.actions) if getattr(action, "role", "") == "update")
    begins = int(ran.start_ps[program.action == update][0])
    gradients = sum(1 for at in program.action.tolist() if getattr(program.actions[at], "name", "") == "gradients")
    assert begins >= gradients * 1_000_000
