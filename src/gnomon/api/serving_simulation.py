"""Services of language models, from Vidur's own files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gnomon.core.errors import BadInput
from gnomon.core.service import Floats
from gnomon.core.slo import SHARES
from gnomon.engines.serving.decisions import decisions_csv
from gnomon.engines.serving.memory import planned
from gnomon.engines.serving.outcome import Outcome
from gnomon.engines.serving.policies import follows
from gnomon.engines.serving.simulate import simulate
from gnomon.engines.serving.simulator import records as columns
from gnomon.engines.serving.simulator.records import Log
from gnomon.engines.serving.simulator.state import THROUGH
from gnomon.formats.files import write_whole
from gnomon.formats.vidur.config import read_vidur_config
from gnomon.formats.vidur.requests import BatchRow, RequestRows, batches_csv, requests_csv
from gnomon.formats.vidur.tables import read_stage_times
from gnomon.formats.vidur.trace import read_trace
from gnomon.stats.quantiles import quantiles

SCHEMA = "gnomon/serving-simulation/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingSimulation:
    """A service, its requests, and what became of them."""

    outcome: Outcome

    def to_dict(self) -> dict[str, Any]:
        """One JSON object; times in seconds, of requests that are through."""
        made, pool = self.outcome, self.outcome.pool
        requests, done = made.requests, made.is_completed
        completed, span_s = int(np.count_nonzero(done)), made.end_s - float(made.arrivals.arrived_s[0])
        tokens = int(requests.asked[done].sum())
        return {
            "schema": SCHEMA,
            "policy": pool.batching.policy,
            "follows": follows(pool.batching),
            "compat": "vidur" if made.has_defects else None,
            "router": made.service.routing.name,
            "replicas": pool.replicas,
            "tensor_parallel": pool.tensor_parallel,
            "stages": pool.stages,
            "kv_blocks": pool.kv_blocks,
            "kv_sequences": pool.kv_sequences,
            "requests": len(made.arrivals),
            "completed": completed,
            "restarts": int(requests.restarts.sum()),
            "batches": made.batches,
            "end_s": made.end_s,
            "ttft_s": summary((requests.first_token_s - requests.arrived_s)[requests.first_token_s != 0]),
            "e2e_s": summary((requests.completed_s - requests.arrived_s)[done]),
            "tpot_s": summary(made.tokens_after_first_s()),
            "scheduling_delay_s": summary((requests.scheduled_s - requests.arrived_s)[requests.is_begun]),
            "requests_per_s": completed / span_s if span_s else None,
            "output_tokens_per_s": tokens / span_s if span_s else None,
            "never_scheduled": made.arrivals.ids[made.waiting].tolist(),
            "lost_blocks": made.lost_blocks,
            "outside": list(made.outside),
            "notes": list(made.notes),
        }

    def requests_csv(self) -> str:
        """A row for every request, with the columns of Vidur's recorded runs."""
        made = self.outcome
        requests, after_first_s = made.requests, np.zeros(len(made.arrivals))
        after_first_s[made.is_completed] = made.tokens_after_first_s()
        return requests_csv(
            RequestRows(
                ids=made.arrivals.ids,
                replicas=requests.replica,
                arrived_s=requests.arrived_s,
                scheduled_s=requests.scheduled_s,
                first_token_s=requests.first_token_s,
                completed_s=requests.completed_s,
                is_begun=requests.is_begun,
                is_completed=requests.is_completed,
                execution_s=requests.execution_s,
                idle_s=requests.idle_s,
                restarts=requests.restarts,
                prefill=requests.prefill,
                decode=requests.decode,
                after_first_s=after_first_s,
            )
        )

    def write_requests(self, path: str | Path) -> None:
        """Write it to a file. BadInput where it cannot be written."""
        write_whole(Path(path), self.requests_csv())

    def write_batches(self, path: str | Path) -> None:
        """Write a row for every batch and stage. BadInput where they were not asked for, or it cannot be written."""
        if self.outcome.log is None:
            raise BadInput("no batches were recorded: simulate with records=True", field="batches")
        write_whole(Path(path), batches_csv(_batch_rows(self.outcome.log, self.outcome.arrivals.ids.tolist())))

    def write_decisions(self, path: str | Path) -> None:
        """Write a row for every step of a replica. BadInput where they were not asked for, or it cannot be written."""
        write_whole(Path(path), decisions_csv(self.outcome.decisions()))


def simulate_service(
    config: str | Path, *, trace: str | Path, stage_times: str | Path, records: bool = False
) -> ServingSimulation:
    """Simulate a service from Vidur's files, with Vidur's defects. BadInput, Unsupported.

    `records`: batches, too.
    """
    run = read_vidur_config(Path(config))
    arrivals = read_trace(Path(trace), run.sequence_tokens)
    times = read_stage_times(Path(stage_times), run.tables)
    try:
        plan = planned(run.room)
    except BadInput as fault:
        raise fault.at(where=str(config)) from None
    service = run.service(len(arrivals), times, kv_sequences=plan.sequences, kv_blocks=plan.blocks)
    return ServingSimulation(outcome=simulate(service, arrivals, has_defects=True, records=records))


def summary(values: Floats) -> dict[str, float] | None:
    """Mean and quantiles; None of nothing."""
    if not len(values):
        return None
    return {"mean": float(values.mean())} | dict(
        zip(SHARES, quantiles(values, [*SHARES.values()]).tolist(), strict=True)
    )


def _batch_rows(log: Log, ids: list[int]) -> Iterator[BatchRow]:
    rows, times_s = log.rows[: log.counts[0]].tolist(), log.times_s[: log.counts[0]].tolist()
    members = log.members[: log.counts[1]].tolist()
    for row, (begin_s, took_s) in zip(rows, times_s, strict=True):
        first = row[columns.MEMBERS]
        yield BatchRow(
            number=row[columns.NUMBER],
            replica=row[columns.REPLICA],
            stage=row[columns.STAGE],
            begin_s=begin_s,
            took_s=took_s,
            tokens=row[columns.TOTAL],
            tokens_rounded=row[columns.ROUNDED],
            decodes=row[columns.DECODING],
            decode_kv=row[columns.KV],
            members=[
                (ids[request], tokens, None if before == THROUGH else before)
                for request, tokens, before, _ in members[first : first + row[columns.SIZE]]
            ],
        )
