"""requests.csv and batches.csv as they were recorded of Vidur: floats are those of repr()."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gnomon.core.service import Floats, Ints

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
    is_completed: Ints  # 0 or 1
    execution_s: Floats
    idle_s: Floats
    restarts: Ints
    prefill: Ints
    decode: Ints
    after_first_s: Floats  # of those that are through


def requests_csv(rows: RequestRows) -> str:
    """The text of the file."""
    done = rows.is_completed.astype(bool)
    has_first = rows.first_token_s != 0
    is_scheduled = rows.scheduled_s != 0
    execution = _texts(rows.execution_s)
    columns = (
        map(str, rows.ids.tolist()),
        _where(is_scheduled | has_first | done, map(str, rows.replicas.tolist())),
        _texts(rows.arrived_s),
        _texts(rows.scheduled_s),
        _texts(rows.first_token_s),
        _texts(rows.completed_s),
        map(str, rows.is_completed.tolist()),
        _where(has_first, _texts(rows.first_token_s - rows.arrived_s)),
        _where(done, _texts(rows.completed_s - rows.arrived_s)),
        _texts((rows.scheduled_s - rows.arrived_s) * is_scheduled),
        execution,
        execution,
        _texts(rows.idle_s),
        map(str, rows.restarts.tolist()),
        map(str, rows.prefill.tolist()),
        map(str, rows.decode.tolist()),
        _where(done, _texts(rows.after_first_s)),
    )
    lines = map(",".join, zip(*columns, strict=True))
    return ",".join(REQUEST_COLUMNS) + "\n" + "\n".join(lines) + "\n"


def _texts(values: Floats) -> list[str]:
    return list(map(repr, values.tolist()))


def _where(shown: Sequence[bool] | Floats, texts: Iterable[str]) -> list[str]:
    return [text if show else "" for show, text in zip(shown, texts, strict=True)]
