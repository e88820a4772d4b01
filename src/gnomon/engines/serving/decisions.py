"""What a scheduler decided, step by step, so that it can be laid beside the log of a real one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gnomon.engines.serving.simulator import records
from gnomon.engines.serving.simulator.records import Log
from gnomon.engines.serving.simulator.state import THROUGH

COLUMNS = (
    "step",
    "replica",
    "start_s",
    "end_s",
    "tokens",
    "requests",
    "admitted",
    "preempted",
    "found_tokens",
    "free_blocks",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One step of a replica."""

    step: int  # of all replicas, in the order in which they were made
    replica: int
    start_s: float  # when it was made
    end_s: float | None  # when its last stage ended; None: the run ended before
    requests: tuple[tuple[int, int], ...]  # ids with their tokens, in the order of the batch
    admitted: tuple[int, ...]  # those of them that were waiting before
    preempted: tuple[int, ...]  # ids that lost their blocks, in this order
    found_tokens: int  # that a cache had of those that were admitted
    free_blocks: int  # that nobody holds once all these have theirs


def decisions(log: Log, ids: Sequence[int]) -> Iterator[Decision]:
    """Rows of a log, with the ids of requests."""
    count = int(log.counts[records.STEPS])
    members = log.members[: log.counts[records.ALL_MEMBERS]].tolist()
    victims = log.victims[: log.counts[records.VICTIMS], 0].tolist()
    for step, (row, (start_s, end_s)) in enumerate(
        zip(log.steps[:count].tolist(), log.steps_s[:count].tolist(), strict=True)
    ):
        first, lost = row[records.MEMBERS_FROM], row[records.VICTIMS_FROM]
        batch = members[first : first + row[records.IN_BATCH]]
        came = [(request, before) for request, _, before, is_admitted in batch if is_admitted and before != THROUGH]
        yield Decision(
            step=step,
            replica=row[records.IN_REPLICA],
            start_s=start_s,
            end_s=end_s or None,
            requests=tuple((ids[request], tokens) for request, tokens, *_ in batch),
            admitted=tuple(ids[request] for request, _ in came),
            preempted=tuple(ids[request] for request in victims[lost : lost + row[records.LOST]]),
            found_tokens=sum(before for _, before in came),
            free_blocks=row[records.FREE],
        )


def decisions_csv(rows: Iterable[Decision]) -> str:
    """The text of a file: ids with blanks between them, `id:tokens` where a request has more than one."""
    return "\n".join([",".join(COLUMNS), *map(_line, rows), ""])


def decisions_of_pools_csv(pools: Mapping[str, Iterable[Decision]]) -> str:
    """The same of several pools by their names, in the order of time; the step is counted in each."""
    rows = sorted(((name, row) for name, own in pools.items() for row in own), key=lambda pair: pair[1].start_s)
    return "\n".join([",".join(("pool", *COLUMNS)), *(f"{name},{_line(row)}" for name, row in rows), ""])


def _line(row: Decision) -> str:
    tokens = sum(tokens for _, tokens in row.requests)
    names = " ".join(f"{name}:{tokens}" if tokens != 1 else str(name) for name, tokens in row.requests)
    end = "" if row.end_s is None else repr(row.end_s)
    return (
        f"{row.step},{row.replica},{row.start_s!r},{end},{tokens},{names},{' '.join(map(str, row.admitted))},"
        f"{' '.join(map(str, row.preempted))},{row.found_tokens},{row.free_blocks}"
    )
