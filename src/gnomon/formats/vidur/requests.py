"""requests.csv and batches.csv as they were recorded of Vidur, to the byte: floats are those of repr(), lines end as csv has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic_core import to_json

from gnomon.core.service import Flags, Floats, Ints

_END = "\r\n"
_PLAIN = 1e-4, 1e16  # sizes of numbers whose repr() has no exponent
REQUEST_COLUMNS = (
    "request_id",
    "replica",
    "arrived_at",
    "scheduled_at",
    "prefill_completed_at",
    "completed_at",
    "completed",
    "ttft",
    "e2e",
    "scheduling_delay",
    "execution_time",
    "model_execution_time",
    "preempted_time",
    "num_restarts",
    "final_prefill_tokens",
    "final_decode_tokens",
    "decode_time_norm",
)
BATCH_COLUMNS = (
    "batch_id",
    "replica",
    "stage",
    "start",
    "duration_s",
    "size",
    "total_tokens",
    "tokens_rounded8",
    "prefill_kv64:chunk",
    "decode_bs",
    "decode_kv64",
    "request_ids[:ntok_if_not_1]",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRows:
    """Columns of requests; a time that has not come is 0."""

    ids: Ints
    replicas: Ints
    arrived_s: Floats
    scheduled_s: Floats
    first_token_s: Floats
    completed_s: Floats
    is_begun: Flags  # it has been in a batch
    is_completed: Flags
    execution_s: Floats
    idle_s: Floats
    restarts: Ints
    prefill: Ints
    decode: Ints
    after_first_s: Floats  # of those that are through


def requests_csv(rows: RequestRows) -> str:
    """The text of the file."""
    done = rows.is_completed.tolist()
    execution = _texts(rows.execution_s)
    columns = (
        _numbers(rows.ids),
        [str(replica) if replica >= 0 else "" for replica in rows.replicas.tolist()],
        _texts(rows.arrived_s),
        _texts(rows.scheduled_s),
        _texts(rows.first_token_s),
        _texts(rows.completed_s),
        ["1" if one else "0" for one in done],
        _where((rows.first_token_s != 0).tolist(), _texts(rows.first_token_s - rows.arrived_s)),
        _where(done, _texts(rows.completed_s - rows.arrived_s)),
        _texts(np.where(rows.is_begun, rows.scheduled_s - rows.arrived_s, 0.0)),
        execution,
        execution,
        _texts(rows.idle_s),
        _numbers(rows.restarts),
        _numbers(rows.prefill),
        _numbers(rows.decode),
        _where(done, _texts(rows.after_first_s)),
    )
    lines = map(",".join, zip(*columns, strict=True))
    return _END.join([",".join(REQUEST_COLUMNS), *lines, ""])


def _texts(values: Floats) -> list[str]:
    """The repr() of each; to_json() writes the same digits in a fifth of the time where there is no exponent."""
    texts, size = _numbers(values), np.abs(values)
    for place in np.flatnonzero(~((values == 0) | ((size >= _PLAIN[0]) & (size < _PLAIN[1])))):
        texts[place] = repr(float(values[place]))
    return texts


def _numbers(values: Floats | Ints) -> list[str]:
    return to_json(values.tolist())[1:-1].decode().split(",") if len(values) else []


def _where(shown: Sequence[bool], texts: Iterable[str]) -> list[str]:
    return [text if show else "" for show, text in zip(shown, texts, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """A batch on a stage."""

    number: int
    replica: int
    stage: int
    begin_s: float
    took_s: float
    tokens: int
    tokens_rounded: int
    decodes: int
    decode_kv: int
    members: Sequence[
        tuple[int, int, int | None]
    ]  # request, tokens, what was before them in the cache; None: it decodes


def batches_csv(rows: Iterable[BatchRow]) -> str:
    """The text of the file; who is in a batch is said at its first stage."""
    lines = [",".join(BATCH_COLUMNS)]
    for row in rows:
        prompts = ";".join(f"{before}:{tokens}" for _, tokens, before in row.members if before is not None)
        names = (f"{name}:{tokens}" if tokens != 1 else str(name) for name, tokens, _ in row.members)
        lines.append(
            f"{row.number},{row.replica},{row.stage},{row.begin_s!r},{row.took_s!r},{len(row.members)},{row.tokens},"
            f"{row.tokens_rounded},{prompts},{row.decodes},{row.decode_kv},{' '.join(names) if row.stage == 0 else ''}"
        )
    return _END.join([*lines, ""])
