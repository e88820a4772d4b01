"""serve(): a service run request by request, with every request's times, the steps of its scheduler and its states over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gnomon.api.answers import Answer, answer
from gnomon.api.plugins import tuned
from gnomon.api.questions import Question
from gnomon.api.scenarios import ScenarioQuestion, read_scenario
from gnomon.core.digest import plain
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.scenario import Scenario
from gnomon.core.schema import SERVE_CAPACITY, SERVE_RUN
from gnomon.core.service_facts import ServiceFacts
from gnomon.core.slo import Limit, parse_limits
from gnomon.core.tell import Tell, silent
from gnomon.core.units import show
from gnomon.core.workload import SERVE
from gnomon.engines.serving.capacity import Capacity, NoCapacity
from gnomon.engines.serving.decisions import decisions, decisions_csv, decisions_of_pools_csv
from gnomon.engines.serving.engine import ServingEngine
from gnomon.engines.serving.facts import request_times
from gnomon.engines.serving.outcome import Outcome
from gnomon.engines.serving.prediction import Grounds
from gnomon.engines.serving.simulator import records
from gnomon.engines.serving.simulator.admission import QUEUE_FULL, WAITED_TOO_LONG
from gnomon.formats.files import write_whole

if TYPE_CHECKING:
    import polars as pl

ENGINE = "serving"
OF_THE_DRAWS = "Student's t of draws of the traffic; the error of the times themselves is not in it"
_TURNED_AWAY = {0: None, QUEUE_FULL: "queue full", WAITED_TOO_LONG: "waited too long"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRun:
    """A service that has run."""

    answer: Answer
    outcome: Outcome

    @property
    def facts(self) -> ServiceFacts:
        """Spreads, rates, cost, and what to be warned of."""
        found = self.answer.outcomes[0].service
        assert found is not None  # an answer of the serving engine
        return found

    def goodput(self, limits: tuple[Limit, ...]) -> tuple[float, float]:
        """Share of requests that keep every limit, each by itself, and how many a second; statistics do not count.

        Of all, but for those that came while the service warmed up.
        """
        times = request_times(self.outcome, self._warmup_s)
        kept = np.ones(len(times.e2e), bool)
        for one in limits:
            series = getattr(times, one.metric)
            kept &= np.isnan(series) | (series <= one.most_s)
        count = float(kept.sum())
        return count / self.facts.measured.requests, count / self.facts.measured.span_s

    @property
    def _warmup_s(self) -> float | None:
        return None if self.facts.after_warmup is None else self.facts.after_warmup.warmup_s

    def table(self) -> pl.DataFrame:
        """A row for every request, in the order of the stream; nothing where a time has not come. Of two models one after the other."""
        import polars as pl

        together, beside = self.outcome.together, self.facts.beside
        if together is None or together.other is None or beside is None:
            return self._table(self.outcome)
        name = self.answer.outcomes[0].scenario.workload.name
        both = [
            self._table(made).insert_column(0, pl.lit(model).alias("model"))
            for model, made in ((name, self.outcome), (beside.model, together.other))
        ]
        return pl.concat(both, how="diagonal")

    def _table(self, made: Outcome) -> pl.DataFrame:
        import polars as pl

        found, ids = made.requests, made.arrivals.ids
        has_first, is_through = found.first_token_s != 0, found.is_completed
        further = np.where(is_through & (found.asked > 1), found.asked - 1, np.nan)

        def where(has: np.ndarray, values: np.ndarray) -> np.ndarray:
            return np.where(has, values, np.nan)

        columns = {
            "request": ids,
            "replica": found.replica,
            "prompt_tokens": made.arrivals.prefill_tokens,
            "answer_tokens": made.arrivals.decode_tokens,
            "found_tokens": found.found,
            "arrived_s": found.arrived_s,
            "scheduled_s": where(found.is_begun, found.scheduled_s),
            "first_token_s": where(has_first, found.first_token_s),
            "completed_s": where(is_through, found.completed_s),
            "queueing_s": where(found.is_begun, found.scheduled_s - found.arrived_s),
            "ttft_s": where(has_first, found.first_token_s - found.arrived_s),
            "tpot_s": (found.completed_s - found.first_token_s) / further,
            "e2e_s": where(is_through, found.completed_s - found.arrived_s),
            "preemptions": found.restarts,
            "turned_away": [_TURNED_AWAY[why] for why in found.turned_away.tolist()],
            "turned_away_s": where(found.turned_away > 0, found.turned_away_s),
        }
        if made.arrivals.priorities is not None:
            columns["priority"] = made.arrivals.priorities
        if made.together is not None:
            columns["device_wait_s"] = where(is_through, made.together.waits_s.sum(axis=1))
        if made.tiered is not None:
            columns |= {
                "loaded_tokens": made.tiered.tokens,
                "kv_load_s": where(made.tiered.tokens > 0, made.tiered.waits_s),
            }
        if (between := made.handover) is not None:
            columns |= {
                "decode_replica": pl.Series(
                    [None if one < 0 else one for one in between.decode_replica.tolist()], dtype=pl.Int64
                ),
                "sent_s": between.sent_s,
                "decode_scheduled_s": between.begun_s,
                "kv_transfer_s": between.sent_s - between.left_s,
                "decode_queueing_s": between.begun_s - between.sent_s,
            }
        return pl.DataFrame(columns, schema_overrides={"turned_away": pl.String}).fill_nan(None)

    def series(self) -> pl.DataFrame:
        """How many requests wait and run at the replicas, and blocks of their KV caches in use, whenever a step is made.

        Of two pools each by itself, its name in the column `pool`.
        """
        import polars as pl

        frames = [self._series_of(run) for run in self.outcome.by_pool]
        if len(frames) == 1:
            return frames[0]
        named = zip(self.outcome.service.pools, frames, strict=True)
        return pl.concat(frame.with_columns(pool=pl.lit(pool.name)) for pool, frame in named).sort("time_s")

    def _series_of(self, run: Outcome) -> pl.DataFrame:
        """The series of the run of one pool."""
        import polars as pl

        log, pool = _log(run), run.pool
        count = int(log.counts[records.STEPS])
        steps, made_s = log.steps[:count], log.steps_s[:count, 0]
        requests = run.requests
        arrived = np.sort(requests.arrived_s)
        waited = [requests.scheduled_s[requests.is_begun], requests.turned_away_s[requests.turned_away > 0]]
        waiting = np.searchsorted(arrived, made_s, "right") - np.searchsorted(
            np.sort(np.concatenate(waited)), made_s, "right"
        )
        return pl.DataFrame(
            {
                "time_s": made_s,
                "replica": steps[:, records.IN_REPLICA],
                "waiting": waiting,  # at all replicas
                "replicas": _ready(run, made_s),
                "in_step": steps[:, records.IN_BATCH],
                "kv_blocks": pool.kv_blocks - steps[:, records.FREE],
            }
        ).sort("time_s")

    def write_requests(self, path: str | Path) -> None:
        """Write the table of requests: .csv or .parquet. BadInput."""
        _write(self.table(), Path(path))

    def write_series(self, path: str | Path) -> None:
        """Write the series: .csv or .parquet. BadInput."""
        _write(self.series(), Path(path))

    def write_decisions(self, path: str | Path) -> None:
        """Write what the scheduler decided, a row for every step, of two pools with the name of its own. BadInput."""
        found = {run.pool.name: decisions(_log(run), run.arrivals.ids.tolist()) for run in self.outcome.by_pool}
        text = decisions_of_pools_csv(found) if len(found) > 1 else decisions_csv(*found.values())
        write_whole(Path(path), text)

    def to_dict(self, limits: tuple[Limit, ...] = ()) -> dict[str, Any]:
        """One JSON object: the answer as of `gnomon predict`, and the goodput under limits."""
        found: dict[str, Any] = {"schema": SERVE_RUN, "rows": [self.answer.to_dict()]}
        if limits:
            share, rate_per_s = self.goodput(limits)
            found["goodput"] = {"limits": _limits(limits), "share": share, "requests_per_s": rate_per_s}
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCapacity:
    """What a search for the highest rate found."""

    scenario: ScenarioQuestion
    limits: tuple[Limit, ...]
    found: Capacity
    grounds: Grounds

    def to_dict(self) -> dict[str, Any]:
        """One JSON object."""
        one = self.found
        return {
            "schema": SERVE_CAPACITY,
            "scenario": self.scenario.name,
            "limits": _limits(self.limits),
            "rate": {
                "value": one.rate_per_s,
                "unit": "request/s",
                "interval": {"low": one.low_per_s, "high": one.high_per_s, "level": 0.9, "method": OF_THE_DRAWS},
            },
            "draws_per_s": list(one.draws_per_s),
            "throughput_per_s": one.throughput_per_s,
            "binding": one.binding,
            "at_rate_s": one.at_rate,
            "turnovers": one.turnovers,
            "runs": one.runs,
            "curve": [plain(run) for run in one.curve],
            "assumptions": list(self.grounds.assumptions),
            "outside": list(self.grounds.outside),
            "provenance": plain(self.grounds.provenance),
        }


def serve(
    scenario: str | Path,
    *,
    settings: Mapping[str, str] | None = None,
    records: bool = False,
    warmup_s: float | None = None,
    tell: Tell = silent,
) -> ServiceRun:
    """Run the service of a scenario: a name of `gnomon list scenarios`, or a file of mode serve.

    settings: the engine's own. records: every step, which costs time. warmup_s: instead of the scenario's. BadInput, Unsupported.
    """
    asked = _service(scenario, warmup_s)
    engine = _engine(settings, tell)
    plan = _one(asked).plan.serving
    if records and plan is not None and plan.beside is not None:
        raise Unsupported("steps of two models are in no table: leave out --series and --decisions, and see --timeline")
    with asked.placed():
        found = answer(asked.question, ENGINE, engine, settings or {})
        if not found.has_predictions:  # answers of one token have no TPOT
            raise Unsupported("; ".join(found.reasons))
        outcome = engine.outcome(found.outcomes[0].scenario, records=records)
    return ServiceRun(answer=found, outcome=outcome)


def serve_capacity(
    scenario: str | Path,
    slo: str | tuple[Limit, ...],
    *,
    settings: Mapping[str, str] | None = None,
    warmup_s: float | None = None,
    tell: Tell = silent,
) -> ServiceCapacity:
    """The highest rate at which the service of a scenario keeps limits like "ttft_p99=500ms,tpot_p99=50ms".

    warmup_s: instead of the scenario's. BadInput; Unsupported where no rate keeps them, with what they are where requests hardly
    meet.
    """
    limits = parse_limits(slo) if isinstance(slo, str) else slo
    asked = _service(scenario, warmup_s)
    engine = _engine(settings, tell)
    with asked.placed():
        found = engine.capacity(_one(asked), limits, tell=tell)
        rests_on = engine.grounds(_one(asked))
    if isinstance(found, NoCapacity):
        alone = ", ".join(f"{name} {show(value, 's')}" for name, value in found.alone.items())
        raise Unsupported(f"no rate keeps {', '.join(map(str, limits))}: where requests hardly meet, {alone}")
    return ServiceCapacity(scenario=asked, limits=limits, found=found, grounds=rests_on)


def _service(scenario: str | Path, warmup_s: float | None) -> ScenarioQuestion:
    asked = read_scenario(scenario)
    if asked.written.mode != SERVE:
        raise BadInput(f"{asked.name} asks for no service: its mode is to be {SERVE}", field="mode", where=asked.where)
    return asked if warmup_s is None else replace(asked, question=_warmed_up(asked.question, warmup_s))


def _warmed_up(asked: Question, warmup_s: float) -> Question:
    """The question with a warm-up of its own. BadInput."""
    passes = {
        name: replace(plan, serving=replace(plan.serving, warmup_s=warmup_s))
        for name, plan in asked.passes.items()
        if plan.serving is not None
    }
    return replace(asked, passes=passes, options={**asked.options, "warmup_s": warmup_s})


def _one(asked: ScenarioQuestion) -> Scenario:
    return next(iter(asked.question.scenarios().values()))


def _engine(settings: Mapping[str, str] | None, tell: Tell) -> ServingEngine:
    engine = tuned(ENGINE, settings or {}, tell)
    assert isinstance(engine, ServingEngine)  # Gnomon's own part, which no plug-in replaces
    return engine


def _limits(limits: tuple[Limit, ...]) -> list[dict[str, Any]]:
    return [{"metric": one.metric, "statistic": one.statistic, "most_s": one.most_s} for one in limits]


def _log(run: Outcome) -> records.Log:
    """The steps of a run. BadInput."""
    if run.log is None:
        raise BadInput("no steps were recorded: run with records=True", field="records")
    return run.log


def _ready(run: Outcome, times_s: np.ndarray) -> np.ndarray:
    """How many replicas get requests at these times."""
    if run.scaling is None:
        return np.full(len(times_s), run.pool.replicas)
    since_s, ready = (np.array([getattr(one, name) for one in run.scaling.course]) for name in ("time_s", "ready"))
    return np.asarray(ready[np.maximum(np.searchsorted(since_s, times_s, "right") - 1, 0)])


def _write(frame: pl.DataFrame, path: Path) -> None:
    if path.suffix == ".parquet":
        from io import BytesIO

        held = BytesIO()
        frame.write_parquet(held)
        write_whole(path, held.getvalue())
    elif path.suffix == ".csv":
        write_whole(path, frame.write_csv())
    else:
        raise BadInput(f"{path}: a table is written as .csv or .parquet")
