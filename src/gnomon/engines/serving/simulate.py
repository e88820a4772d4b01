"""A service and its arrivals -> what became of each request."""

from __future__ import annotations

import numpy as np

from gnomon.core.errors import Unsupported, near_match
from gnomon.core.service import Arrivals, Ints, Service, StageTimes
from gnomon.engines.serving import costs as cost
from gnomon.engines.serving.events import new_events
from gnomon.engines.serving.loop import OUT_OF_MEMORY, loop
from gnomon.engines.serving.memory import KvPlan, planned
from gnomon.engines.serving.outcome import Outcome
from gnomon.engines.serving.policies import faster_transformer, lightllm, orca, sarathi, vidur_vllm
from gnomon.engines.serving.records import new_log
from gnomon.engines.serving.routers import static_routes
from gnomon.engines.serving.state import (
    Costs,
    Records,
    Replicas,
    Rules,
    new_batches,
    new_replicas,
    new_requests,
    new_stages,
)

_FOLLOWS: tuple[str, ...] = tuple(
    policy.FOLLOWS for policy in (vidur_vllm, sarathi, orca, faster_transformer, lightllm)
)
POLICIES = ("vidur-vllm", "sarathi", "orca", "faster-transformer", "lightllm")  # in the order of loop.form


def simulate(
    service: Service, times: StageTimes, arrivals: Arrivals, *, has_defects: bool = False, records: bool = False
) -> Outcome:
    """What became of each request. BadInput, Unsupported.

    `has_defects`: those of Vidur, too. `records`: a row for every batch and stage, which costs time.
    """
    plan = planned(service)
    routes = static_routes(service.routing, len(arrivals), service.replicas)
    rules = _rules(service, plan, has_defects=has_defects, records=records, has_static_routes=routes is not None)
    requests, costs = new_requests(arrivals), _costs(times)
    if routes is not None:
        requests.drawn[:] = routes
    replicas = new_replicas(service.replicas, rules)
    ending, where, end_s, batches, log = loop()(
        rules,
        costs,
        requests,
        replicas,
        new_batches(service.replicas, rules),
        new_stages(service.replicas, rules),
        new_events(service.replicas, service.stages),
        new_log(),
        np.zeros(service.replicas, np.int64),
    )
    if ending == OUT_OF_MEMORY:
        raise Unsupported(
            f"{service.batching.policy}: at {end_s:.3f} s the requests of replica {where} need more blocks than the "
            f"{rules.blocks:,} there are, and the policy has no rule for that; give it more memory or fewer requests"
        )
    has_ended = end_s <= rules.time_limit_s
    return Outcome(
        service=service,
        arrivals=arrivals,
        plan=plan,
        requests=requests,
        end_s=end_s,
        batches=batches,
        log=log if records else None,
        has_defects=has_defects,
        lost_blocks=int(requests.blocks[requests.is_completed].sum()),
        waiting=_queued(requests, replicas) if has_ended else np.zeros(0, np.int64),
        outside=tuple(_outside(times, costs)),
    )


def follows(policy: str) -> str:
    """The software whose rules a policy has, with its version. Unsupported."""
    return _FOLLOWS[policy_named(policy)]


def policy_named(name: str) -> int:
    """Its place in POLICIES. Unsupported."""
    if name not in POLICIES:
        raise Unsupported(f"no policy {name!r}{near_match(name, POLICIES)} (there are {', '.join(POLICIES)})")
    return POLICIES.index(name)


def _rules(service: Service, plan: KvPlan, *, has_defects: bool, records: bool, has_static_routes: bool) -> Rules:
    batching = service.batching
    policy = policy_named(batching.policy)
    if batching.policy == "lightllm" and (batching.block_tokens != 1 or service.stages != 1):
        raise Unsupported("lightllm: blocks of one token and one stage only")
    return Rules(
        policy=policy,
        stages=service.stages,
        most_admitted=batching.most_requests,
        most_batched=batching.most_requests // service.stages,
        most_reserved=min(plan.sequences, batching.most_requests),
        blocks=plan.blocks,
        block_tokens=batching.block_tokens,
        watermark_blocks=int(batching.watermark * plan.blocks),
        sequence_blocks=service.sequence_tokens // batching.block_tokens,
        most_tokens=batching.most_tokens or 0,
        chunk_tokens=batching.chunk_tokens or 0,
        most_waits=batching.most_waits or 0,
        has_defects=has_defects,
        has_static_routes=has_static_routes,
        time_limit_s=float("inf") if service.time_limit_s is None else float(service.time_limit_s),
        layers=service.shape.layers // service.stages,
        records=records,
    )


def _costs(times: StageTimes) -> Costs:
    columns = (
        times.projections_ms,
        times.kv_save_ms,
        times.exchange_ms,
        times.norm_ms,
        times.mlp_ms,
        times.add_ms,
        times.send_ms,
    )
    return Costs(
        by_tokens=np.stack(columns, axis=1),
        decode_ms=times.decode_ms,
        prefill_ms=times.prefill_ms,
        largest=np.zeros(5, np.int64),
        kv_step=times.kv_step,
        decode_factor=float(times.decode_factor),
        prefill_factor=float(times.prefill_factor),
    )


def _queued(requests: Records, replicas: Replicas) -> Ints:
    """Requests in the queues, replica by replica in their order."""
    found = []
    for replica, count in enumerate(replicas.each.queued):
        request = replicas.each.first[replica]
        for _ in range(count):
            found.append(int(request))
            request = requests.behind[request]
    return np.array(found, np.int64)


def _outside(times: StageTimes, costs: Costs) -> list[str]:
    """Sizes that were asked for and that the tables do not cover, with what was done."""
    rows, columns = times.decode_ms.shape
    covered = {
        cost.MOST_TOKENS: ("tokens in a batch", len(times.add_ms)),
        cost.DECODES: ("requests that decode", rows),
        cost.DECODE_KV: ("tokens behind those that decode", (columns - 1) * times.kv_step),
        cost.PREFILL_KV: ("tokens before chunks of prompts", (times.prefill_ms.shape[0] - 1) * times.kv_step),
        cost.CHUNK: ("tokens in chunks of prompts", times.prefill_ms.shape[1]),
    }
    return [
        f"up to {costs.largest[place]:,} {what}, where the table ends at {end:,}: taken in proportion to the work; Vidur fails there"
        for place, (what, end) in covered.items()
        if costs.largest[place] > end
    ]
