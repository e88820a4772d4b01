"""A service and its arrivals -> what became of each request."""

from __future__ import annotations

import numpy as np

from gnomon.core.errors import Unsupported, near_match
from gnomon.core.service import Arrivals, Batching, Ints, Pool, Scheduling, Service, Speculation, StageTimes, StepTimes
from gnomon.engines.serving.outcome import Outcome
from gnomon.engines.serving.routers import follow_routes, static_routes
from gnomon.engines.serving.simulator import costs as cost
from gnomon.engines.serving.simulator import steady
from gnomon.engines.serving.simulator.adapters import new_adapters
from gnomon.engines.serving.simulator.coming import new_coming
from gnomon.engines.serving.simulator.events import new_events
from gnomon.engines.serving.simulator.loop import NO_ROOM, OUT_OF_MEMORY, loop, new_clocks
from gnomon.engines.serving.simulator.policies import faster_transformer, lightllm, orca, sarathi, vidur_vllm, vllm_v1
from gnomon.engines.serving.simulator.prefix_cache import new_cache
from gnomon.engines.serving.simulator.records import new_log, roomier
from gnomon.engines.serving.simulator.speculation import ACCEPTED, DRAFTED, new_draws
from gnomon.engines.serving.simulator.state import (
    NONE,
    VLLM_V1,
    Costs,
    Records,
    Replicas,
    Rules,
    new_batches,
    new_replicas,
    new_requests,
    new_stages,
)
from gnomon.engines.serving.simulator.step_costs import grids

_FOLLOWS: tuple[str, ...] = tuple(
    policy.FOLLOWS for policy in (vidur_vllm, sarathi, orca, faster_transformer, lightllm, vllm_v1)
)
_SIZES = {
    cost.MOST_TOKENS: "tokens in a batch",
    cost.DECODES: "requests that decode",
    cost.DECODE_KV: "tokens behind those that decode",
    cost.PREFILL_KV: "tokens before chunks of prompts",
    cost.CHUNK: "tokens in chunks of prompts",
}
POLICIES = ("vidur-vllm", "sarathi", "orca", "faster-transformer", "lightllm", "vllm-v1")  # as in state.py


def simulate(service: Service, arrivals: Arrivals, *, has_defects: bool = False, records: bool = False) -> Outcome:
    """What became of each request. BadInput, Unsupported.

    `has_defects`: those of Vidur, too. `records`: a row for every batch and stage, which costs time.
    """
    if len(service.pools) != 1 or service.pools[0].role != "both":
        raise Unsupported("one pool of replicas that compute prompts and answers only")
    pool = service.pools[0]
    routes = static_routes(service.routing, len(arrivals), pool.replicas)
    waits = arrivals.after is not None or service.most_open is not None
    has_cache = arrivals.prefixes is not None and pool.batching.policy == "vllm-v1"
    rules = _rules(
        service,
        pool,
        has_defects=has_defects,
        records=records,
        has_static_routes=routes is not None,
        has_cache=has_cache,
        waits_for_ends=waits,
        has_adapters=arrivals.adapters is not None,
    )
    requests, costs = new_requests(arrivals), _costs(pool.times, pool.draft_times)
    _refuse(rules, requests)
    requests.arrived_s += rules.door_s
    replicas = new_replicas(pool.replicas, rules)
    if routes is not None:
        follow_routes(requests, replicas.each, routes)
    clocks, log, ending = new_clocks(), new_log(), NO_ROOM
    world = (
        new_batches(pool.replicas, rules),
        new_stages(pool.replicas, rules),
        new_events(pool.replicas, rules.slots),
    )
    scratch = np.zeros(pool.replicas, np.int64), np.zeros((pool.replicas, steady.MOST))
    adapters = new_adapters(arrivals, pool.replicas, rules)
    draws = new_draws(pool.batching.speculation, len(arrivals))
    cache, coming = new_cache(arrivals, pool.replicas, rules), new_coming(arrivals, requests, rules)
    where = NONE
    while ending == NO_ROOM:
        ending, where = loop()(
            rules, costs, requests, replicas, *world, log, *scratch, cache, adapters, draws, coming, clocks
        )
        if ending == NO_ROOM:
            log = roomier(log, (2 * rules.slots + 2) * (rules.most_admitted * rules.slots + 2))
    end_s, batches = float(clocks.now_s[0]), int(clocks.made[0])
    if ending == OUT_OF_MEMORY:
        raise Unsupported(
            f"{pool.batching.policy}: at {end_s:.3f} s the requests of replica {where} need more blocks than the "
            f"{rules.blocks:,} there are, and the policy has no rule for that; give it more memory or fewer requests"
        )
    has_ended = end_s <= rules.time_limit_s
    _as_seen_by_clients(rules, requests, arrivals)
    return Outcome(
        service=service,
        arrivals=arrivals,
        requests=requests,
        end_s=end_s,
        batches=batches,
        log=log if records else None,
        has_defects=has_defects,
        lost_blocks=int(requests.blocks[requests.is_completed].sum()),
        held_blocks=int(replicas.each.used_blocks.sum()),
        waiting=_never(requests, replicas) if has_ended else np.zeros(0, np.int64),
        outside=tuple(_outside(pool.times, costs)),
        adapter_loads=int(adapters.loads.sum()),
        drafted_tokens=int(draws.counts[DRAFTED]),
        accepted_tokens=int(draws.counts[ACCEPTED]),
    )


def follows(batching: Batching) -> str:
    """The software whose rules a policy has, with its version. Unsupported."""
    if batching.scheduling == "priority":
        return vllm_v1.FOLLOWS_BY_PRIORITY
    return _FOLLOWS[policy_named(batching.policy)]


def check_policy_knows(policy: str, scheduling: Scheduling, most_adapters: int | None) -> None:
    """Unsupported where a policy has only the order of arrival and another is asked for, or no adapters."""
    if policy != "vllm-v1" and scheduling != "fcfs":
        raise Unsupported(f"{policy} knows no priorities; vllm-v1 does")
    if policy != "vllm-v1" and most_adapters:
        raise Unsupported(f"{policy} knows no LoRA adapters; vllm-v1 does")


def check_drafts(policy: str, stages: int, drafts: Speculation | None) -> None:
    """Unsupported where tokens are drafted beside what is not simulated with that."""
    if drafts is not None and policy != "vllm-v1":
        raise Unsupported(f"{policy} knows no speculative decoding; vllm-v1 does")
    if drafts is not None and stages > 1:
        raise Unsupported("serving does not simulate speculative decoding on several pipeline stages")


def policy_named(name: str) -> int:
    """Its place in POLICIES. Unsupported."""
    if name not in POLICIES:
        raise Unsupported(f"no policy {name!r}{near_match(name, POLICIES)} (there are {', '.join(POLICIES)})")
    return POLICIES.index(name)


def _rules(
    service: Service,
    pool: Pool,
    *,
    has_defects: bool,
    records: bool,
    has_static_routes: bool,
    has_cache: bool,
    waits_for_ends: bool,
    has_adapters: bool,
) -> Rules:
    batching = pool.batching
    policy = policy_named(batching.policy)
    if batching.policy == "vllm-v1" and not batching.most_tokens:
        raise Unsupported("vllm-v1 needs most_tokens, of a step")
    if batching.policy == "lightllm" and (batching.block_tokens != 1 or pool.stages != 1):
        raise Unsupported("lightllm: blocks of one token and one stage only")
    if batching.policy != "vllm-v1" and pool.steps_ahead:
        raise Unsupported(f"{batching.policy}: no step is made up while another is under way; vllm-v1 does that")
    drafts = batching.speculation
    check_policy_knows(batching.policy, batching.scheduling, batching.most_adapters)
    check_drafts(batching.policy, pool.stages, drafts)
    if drafts is not None and pool.steps_ahead:
        raise Unsupported("no step is made up ahead of one whose drafts are not accepted yet")
    before_s, after_s = _client_s(pool.times)
    sequence_blocks = service.sequence_tokens // batching.block_tokens
    sequences = pool.kv_blocks // max(sequence_blocks, 1) if pool.kv_sequences is None else pool.kv_sequences
    return Rules(
        policy=policy,
        stages=pool.stages,
        slots=pool.stages + pool.steps_ahead,
        most_admitted=batching.most_requests,
        most_batched=batching.most_requests // pool.stages,
        most_reserved=min(sequences, batching.most_requests),
        blocks=pool.kv_blocks,
        block_tokens=batching.block_tokens,
        watermark_blocks=int(batching.watermark * pool.kv_blocks),
        sequence_blocks=sequence_blocks,
        most_tokens=batching.most_tokens or 0,
        chunk_tokens=batching.chunk_tokens or 0,
        most_waits=batching.most_waits or 0,
        has_defects=has_defects,
        has_static_routes=has_static_routes,
        time_limit_s=float("inf") if service.time_limit_s is None else float(service.time_limit_s),
        waits_for_ends=waits_for_ends,
        most_open=service.most_open or 0,
        client_s=after_s,
        door_s=before_s,
        layers=pool.times.layers if isinstance(pool.times, StageTimes) else 0,
        has_step_times=isinstance(pool.times, StepTimes),
        is_chunked=batching.is_chunked,
        has_cache=has_cache,
        by_priority=batching.scheduling == "priority",
        most_adapters=(batching.most_adapters or 0) if has_adapters else 0,
        draft_tokens=0 if drafts is None else drafts.tokens,
        draft_lookahead=drafts.tokens if drafts is not None and drafts.has_model else 0,
        has_draft_model=drafts is not None and pool.draft_times is not None,
        sequence_tokens=service.sequence_tokens,
        records=records,
    )


def _costs(times: StageTimes | StepTimes, draft: StepTimes | None) -> Costs:
    if isinstance(times, StepTimes):
        nothing = np.zeros((1, 1))
        return Costs(
            by_tokens=nothing,
            decode_ms=nothing,
            prefill_ms=nothing,
            largest=np.zeros(5, np.int64),
            kv_step=1,
            decode_factor=1.0,
            prefill_factor=1.0,
            grids=grids(times),
            draft=grids(draft),
        )
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
        grids=grids(None),
        draft=grids(None),
    )


def _client_s(times: StageTimes | StepTimes) -> tuple[float, float]:
    """What passes before a request is in the queue, and before a token is with the client."""
    return (times.request_s, times.token_s) if isinstance(times, StepTimes) else (0.0, 0.0)


def _refuse(rules: Rules, requests: Records) -> None:
    """Of vllm-v1 requests that would run for ever alone: longer than the cache, or than a step where a prompt is in one."""
    if rules.policy == VLLM_V1:
        longest = requests.prefill + requests.decode - 1
        ahead = np.minimum(longest + rules.draft_tokens + rules.draft_lookahead, rules.sequence_tokens)
        held = np.maximum(longest, ahead) if rules.draft_tokens else longest
        requests.is_refused[:] = -(-held // rules.block_tokens) > rules.blocks
        if not rules.is_chunked:
            requests.is_refused |= longest > rules.most_tokens


def _as_seen_by_clients(rules: Rules, requests: Records, arrivals: Arrivals) -> None:
    """From sending the request to receiving tokens, where until now the queue and the step counted."""
    came_later = requests.is_let_in.copy() if arrivals.after is None else requests.is_let_in | (arrivals.after >= 0)
    requests.arrived_s[:] = np.where(came_later, requests.arrived_s - rules.door_s, arrivals.arrived_s)
    for times_s in (requests.first_token_s, requests.completed_s):
        times_s[times_s != 0] += rules.client_s


def _never(requests: Records, replicas: Replicas) -> Ints:
    """Requests that were refused or never came, and those in the queues, replica by replica in their order."""
    found = np.flatnonzero(requests.is_refused | (requests.replica == NONE)).tolist()
    for replica, count in enumerate(replicas.each.queued):
        request = replicas.each.first[replica]
        for _ in range(count):
            found.append(int(request))
            request = requests.behind[request]
    return np.array(found, np.int64)


def _outside(times: StageTimes | StepTimes, costs: Costs) -> list[str]:
    """Sizes that were asked for and that the times do not cover, with what was done."""
    if isinstance(times, StepTimes):
        ends = (times.tokens, times.decodes, times.decode_kv, times.before, times.chunks)
        largest, how = [int(sizes[-1]) for sizes in ends], "taken on from the last two points"
    else:
        rows, columns = times.decode_ms.shape
        before = (times.prefill_ms.shape[0] - 1) * times.kv_step
        largest = [len(times.add_ms), rows, (columns - 1) * times.kv_step, before, times.prefill_ms.shape[1]]
        how = "taken in proportion to the work; Vidur fails there"
    return [
        f"up to {costs.largest[place]:,} {_SIZES[place]}, where the table ends at {end:,}: {how}"
        for place, end in enumerate(largest)
        if costs.largest[place] > end
    ]
