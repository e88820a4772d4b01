"""What each stage of each replica runs when, as spans for a timeline."""

from __future__ import annotations

from gnomon.core.timeline import Span, Timeline
from gnomon.engines.serving.outcome import Outcome
from gnomon.engines.serving.simulator.records import DECODING, NUMBER, REPLICA, ROWS, SIZE, STAGE, TOTAL


def timeline(made: Outcome, most: int) -> Timeline:
    """The first `most` steps of a run whose steps were recorded; of two pools or models the first so many of both together."""
    runs = [(made, "")]
    if made.handover is not None:
        runs = [(one, f"{one.pool.name} ") for one in (made.handover.prefill, made.handover.decode)]
    elif made.together is not None and made.together.other is not None:
        runs.append((made.together.other, "other model, "))
    if len(runs) == 1:
        spans, count = _spans(made, most, "")
    else:
        pools = [_spans(one, most, name) for one, name in runs]
        spans = sorted((span for found, _ in pools for span in found), key=lambda span: span.start_s)[:most]
        count = sum(rows for _, rows in pools)
    return Timeline(spans=tuple(spans), left_out=max(count - most, 0))


def _spans(made: Outcome, most: int, pool: str) -> tuple[list[Span], int]:
    """The first `most` steps of a pool, whose tracks are named so, and how many it has."""
    log = made.log
    assert log is not None  # who asks for spans has recorded steps
    count, has_stages = int(log.counts[ROWS]), made.pool.stages > 1
    spans = []
    for row, (begin_s, took_s) in zip(
        log.rows[: min(count, most)].tolist(), log.times_s[: min(count, most)].tolist(), strict=True
    ):
        prompts, answers = row[SIZE] - row[DECODING], row[DECODING]
        name = " + ".join(
            words
            for number, words in (
                (prompts, f"{row[TOTAL] - answers:,} tokens of {prompts} prompts"),
                (answers, f"{answers} answers"),
            )
            if number
        )
        spans.append(
            Span(
                track=f"{pool}replica {row[REPLICA]}{f', stage {row[STAGE]}' if has_stages else ''}",
                name=name,
                kind="compute",
                start_s=begin_s,
                end_s=begin_s + took_s,
                details={"step": row[NUMBER], "requests": row[SIZE], "tokens": row[TOTAL]},
            )
        )
    return spans, count
