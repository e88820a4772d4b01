"""What became of the requests of a run, as figures: spreads with their intervals, rates, and what a reader must be warned of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gnomon.core.in_words import counted
from gnomon.core.service import Flags, Floats
from gnomon.core.service_facts import (
    AfterWarmup,
    BesideFacts,
    ClassFacts,
    Energy,
    Estimate,
    KvTierFacts,
    PoolFacts,
    ServiceFacts,
    Spread,
)
from gnomon.core.slo import SHARES
from gnomon.core.units import show
from gnomon.engines.serving.outcome import Outcome
from gnomon.engines.serving.policies import follows
from gnomon.engines.serving.simulator.beside import FIRST
from gnomon.stats.bootstrap import block_bootstrap
from gnomon.stats.quantiles import quantiles

_CURVE = np.linspace(0.0, 1.0, 101)
_LEVEL = 0.9
# A queue that grows: who comes last waits so many times as long as who came in the second quarter of the run, and this share
# of his whole time. Both are far from what chance does to a stable queue of some hundred requests.
_GROWN, _OF_ALL = 2.0, 0.2
FEWEST_JUDGED = 40  # requests: ten in each quarter
_FEWEST_TURNOVERS = 5  # of the requests in the service: below it the beginning weighs on every mean


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTimes:
    """Seconds of the requests that count and are through, in the order of arrival; nan of a TPOT without a second token."""

    counts: Flags  # of all requests: which these are
    arrived: Floats
    ttft: Floats
    tpot: Floats
    e2e: Floats
    queueing: Floats
    kv_transfer: Floats | None = None  # of two pools: of the KV cache, with the wait for its link; nan of one not sent
    decode_queueing: Floats | None = None  # likewise: in the second, before its first step there
    # Beside another model: that steps took longer for it, and of that what was before the first token.
    device_wait: Floats | None = None
    device_wait_first: Floats | None = None
    kv_load: Floats | None = None  # of slower memories: until blocks were there; nan of one for which none came
    first_kv_load: Floats | None = None  # of that before the first step; 0 of one for which none came

    @property
    def waiting(self) -> Floats:
        """In the queues of all pools."""
        return self.queueing if self.decode_queueing is None else self.queueing + np.nan_to_num(self.decode_queueing)


def is_warm(made: Outcome, warmup_s: float | None) -> Flags:
    """Of each request, whether it came when the warm-up was over."""
    arrived_s = made.requests.arrived_s
    return np.asarray(arrived_s >= arrived_s.min() + (warmup_s or 0.0))


def request_times(made: Outcome, warmup_s: float | None = None, among: Flags | None = None) -> RequestTimes:
    """Times of requests that are through; none that arrived before `warmup_s` after the first, and only those `among` all."""
    requests = made.requests
    counts = made.is_completed & is_warm(made, warmup_s)
    if among is not None:
        counts &= among
    order = np.flatnonzero(counts)[np.argsort(requests.arrived_s[counts], kind="stable")]
    chosen, handover = requests[order], made.handover
    further = np.where(chosen.asked > 1, chosen.asked - 1, np.nan)
    return RequestTimes(
        counts=counts,
        arrived=chosen.arrived_s,
        ttft=chosen.first_token_s - chosen.arrived_s,
        tpot=(chosen.completed_s - chosen.first_token_s) / further,
        e2e=chosen.completed_s - chosen.arrived_s,
        queueing=chosen.scheduled_s - chosen.arrived_s,
        kv_transfer=None if handover is None else (handover.sent_s - handover.left_s)[order],
        decode_queueing=None if handover is None else (handover.begun_s - handover.sent_s)[order],
        device_wait=None if made.together is None else made.together.waits_s[order].sum(axis=1),
        device_wait_first=None if made.together is None else made.together.waits_s[order, FIRST],
        kv_load=None if made.tiered is None else made.tiered.waits_s[order],
        first_kv_load=None if made.tiered is None else made.tiered.first_waits_s[order],
    )


def facts(
    made: Outcome,
    times: RequestTimes,
    *,
    usd_per_s: float | None,
    flop: float,
    peak_flop_per_s: float | None,
    energy: Energy | None,
    warmup_s: float | None = None,
    beside: BesideFacts | None = None,
    further: Sequence[str] = (),
) -> ServiceFacts:
    """The figures of a run of at least one request that is through. The peak is that of all devices; `further`: warnings.

    What it costs and how busy devices are is of the whole run: they are paid for and draw power while it warms up, too.
    """
    requests, pool = made.requests, made.pool
    arrived = np.sort(requests.arrived_s)
    between_s = float(arrived[-1] - arrived[0])
    done, span_s = requests[made.is_completed], made.span_s
    return ServiceFacts(
        policy=pool.batching.policy,
        follows=follows(pool.batching),
        replicas=pool.replicas,
        tensor_parallel=pool.tensor_parallel,
        stages=pool.stages,
        kv_blocks=pool.kv_blocks,
        block_tokens=pool.batching.block_tokens,
        requests=len(requests),
        completed=len(done),
        never_scheduled=len(made.waiting),
        found_full=made.found_full,
        waited_too_long=made.waited_too_long,
        restarts=int(requests.restarts.sum()),
        steps=made.batches,
        hit_tokens=int(done.found.sum()),
        prompt_tokens=int(made.arrivals.prefill_tokens[made.is_completed].sum()),
        answer_tokens=int(done.asked.sum()),
        span_s=span_s,
        offered_per_s=(len(arrived) - 1) / between_s if between_s > 0 else None,
        mfu=None if peak_flop_per_s is None else flop / (peak_flop_per_s * span_s),
        busy=made.busy,
        energy=energy,
        spreads=tuple(_spreads(times)),
        usd_per_s=usd_per_s,
        scaling=made.scaling,
        warnings=(*made.notes, *_warnings(made, times, warmup_s), *further),
        pools=tuple(_pools(made)),
        adapter_loads=made.adapter_loads,
        drafted_tokens=made.drafted_tokens,
        accepted_tokens=made.accepted_tokens,
        classes=tuple(_classes(made, warmup_s)),
        after_warmup=None if warmup_s is None else _after(made, warmup_s),
        beside=beside,
        kv_tiers=tuple(_tiers(made)),
    )


def _after(made: Outcome, warmup_s: float) -> AfterWarmup:
    """What is left when the warm-up is left out."""
    warm = is_warm(made, warmup_s)
    through = warm & made.is_completed
    return AfterWarmup(
        warmup_s=warmup_s,
        left_out=int(np.count_nonzero(~warm)),
        requests=int(np.count_nonzero(warm)),
        completed=int(np.count_nonzero(through)),
        hit_tokens=int(made.requests.found[through].sum()),
        prompt_tokens=int(made.arrivals.prefill_tokens[through].sum()),
        answer_tokens=int(made.requests.asked[through].sum()),
        span_s=made.span_s - warmup_s,
    )


def _tiers(made: Outcome) -> Iterator[KvTierFacts]:
    """Each slower memory of the KV cache."""
    if made.tiered is None or made.pool.tiers is None:
        return
    tiers, tiered = made.pool.tiers, made.tiered
    for name, tier, tokens, stored in (
        ("cpu", tiers.cpu, tiered.cpu_tokens, tiered.cpu_stored_blocks),
        ("remote", tiers.remote, tiered.remote_tokens, tiered.remote_stored_blocks),
    ):
        if tier is not None:
            yield KvTierFacts(
                name=name,
                blocks=tier.blocks,
                hit_tokens=int(tokens[made.is_completed].sum()),
                loaded_bytes=float(tokens.sum()) / made.batching.block_tokens * tiers.block_bytes,
                stored_bytes=stored * tiers.block_bytes,
            )


def _pools(made: Outcome) -> Iterator[PoolFacts]:
    """Each of two pools."""
    if made.handover is None:
        return
    for alone in (made.handover.prefill, made.handover.decode):
        pool = alone.pool
        yield PoolFacts(
            name=pool.name,
            device=pool.device,
            replicas=pool.replicas,
            tensor_parallel=pool.tensor_parallel,
            stages=pool.stages,
            kv_blocks=pool.kv_blocks,
            steps=alone.batches,
            restarts=int(alone.requests.restarts.sum()),
        )


def _classes(made: Outcome, warmup_s: float | None) -> Iterator[ClassFacts]:
    """Of each priority that comes after the warm-up, the lowest first; none where requests have none."""
    priorities, warm = made.arrivals.priorities, is_warm(made, warmup_s)
    if priorities is None:
        return
    for priority in np.unique(priorities[warm]).tolist():
        own = warm & (priorities == priority)
        yield ClassFacts(
            priority=priority,
            requests=int(own.sum()),
            completed=int((own & made.is_completed).sum()),
            restarts=int(made.requests.restarts[own].sum()),
            spreads=tuple(_spreads(request_times(made, warmup_s, among=own))),
        )


def _spreads(times: RequestTimes) -> Iterator[Spread]:
    for name in ("ttft", "tpot", "e2e", "queueing", "kv_transfer", "decode_queueing", "device_wait", "kv_load"):
        series = getattr(times, name)
        if series is None:
            continue
        series = series[~np.isnan(series)]
        if not len(series):
            continue
        found = block_bootstrap(series, tuple(SHARES.values()), _LEVEL)
        yield Spread(
            quantity=name,
            count=len(series),
            estimates=tuple(
                Estimate(name=which, value=float(value), low=float(low), high=float(high))
                for which, value, low, high in zip(
                    ("mean", *SHARES), found.values, found.lows, found.highs, strict=True
                )
            ),
            quantiles=tuple(quantiles(series, _CURVE).tolist()),
            level=_LEVEL,
        )


def is_overloaded(times: RequestTimes) -> bool:
    """Whether the queue grows from the second quarter of the requests to the last."""
    if len(times.waiting) < FEWEST_JUDGED:
        return False
    early, late = _waits_s(times)
    return late > _GROWN * early and late > _OF_ALL * float(times.e2e.mean())


def _waits_s(times: RequestTimes) -> tuple[float, float]:
    """Mean wait of the second quarter of the requests, and of the last."""
    count = len(times.waiting)
    early, late = (times.waiting[count * part // 4 : count * (part + 1) // 4] for part in (1, 3))
    return float(early.mean()), float(late.mean())


def _warnings(made: Outcome, times: RequestTimes, warmup_s: float | None) -> Iterator[str]:
    """What makes means depend on how long the run is."""
    count, mean_s = len(times.waiting), float(times.e2e.mean())
    if is_overloaded(times):
        early, late = _waits_s(times)
        yield (
            f"load exceeds capacity: requests wait {show(late, 's')} in the last quarter of the run and {show(early, 's')} in the "
            "second, so every mean depends on how long it is"
        )
    scaling, autoscale = made.scaling, made.service.autoscale
    if scaling and autoscale and scaling.ticks and scaling.at_most == scaling.ticks and autoscale.min < autoscale.max:
        yield f"{counted(autoscale.max, 'replica')} are wanted throughout, the most there may be: more might be needed"
    arrived = made.requests.arrived_s[is_warm(made, warmup_s)]
    between_s = float(arrived.max() - arrived.min())
    if 0 < between_s < _FEWEST_TURNOVERS * mean_s:
        yield (
            f"too short for a steady state: {counted(count, 'request')} arrive in {show(between_s, 's')}, "
            f"{between_s / mean_s:.1f} times what one takes; the service fills and empties"
        )
