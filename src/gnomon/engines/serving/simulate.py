"""A service and its arrivals -> what became of each request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from gnomon.core.errors import Unsupported
from gnomon.core.service import (
    Arrivals,
    Flags,
    Floats,
    Ints,
    Pool,
    Service,
    StageTimes,
    StepTimes,
)
from gnomon.engines.serving.outcome import Outcome, TieredRun
from gnomon.engines.serving.policies import check, policy_named
from gnomon.engines.serving.routers import follow_routes, static_routes
from gnomon.engines.serving.scaling import scaling_of
from gnomon.engines.serving.simulator import costs as cost
from gnomon.engines.serving.simulator import steady
from gnomon.engines.serving.simulator.adapters import new_adapters
from gnomon.engines.serving.simulator.beside import new_beside
from gnomon.engines.serving.simulator.coming import new_coming
from gnomon.engines.serving.simulator.events import new_events
from gnomon.engines.serving.simulator.front import new_front, with_room
from gnomon.engines.serving.simulator.loop import NO_ROOM, OUT_OF_MEMORY, World, loop, new_clocks
from gnomon.engines.serving.simulator.policies import sglang
from gnomon.engines.serving.simulator.prefix_cache import new_cache
from gnomon.engines.serving.simulator.records import new_log, roomier
from gnomon.engines.serving.simulator.speculation import ACCEPTED, DRAFTED, new_draws
from gnomon.engines.serving.simulator.state import (
    NONE,
    SGLANG,
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
from gnomon.engines.serving.simulator.tiers import Tiers, blocks_stored, new_tiers

_SIZES = {
    cost.MOST_TOKENS: "tokens in a batch",
    cost.DECODES: "requests that decode",
    cost.DECODE_KV: "tokens behind those that decode",
    cost.PREFILL_KV: "tokens before chunks of prompts",
    cost.CHUNK: "tokens in chunks of prompts",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOn:
    """What becomes of requests whose prompts one pool computes and whose answers another."""

    is_brought: bool  # they come to the second; else they leave the first
    goes_on: Flags  # (requests): whether it is in both pools
    is_refused: Flags  # (requests): one of the pools could never have it through
    send_s: Floats  # (requests): of its KV cache, alone on the link
    last_share: float  # as in gnomon.core.service.KvTransfer
    lead_share: float


def simulate(service: Service, arrivals: Arrivals, *, has_defects: bool = False, records: bool = False) -> Outcome:
    """What became of each request. BadInput, Unsupported.

    `has_defects`: those of Vidur, too. `records`: a row for every batch and stage, which costs time.
    """
    if len(service.pools) != 1 or service.pools[0].role != "both":
        raise Unsupported("one pool of replicas that compute prompts and answers only")
    return simulate_pool(service, service.pools[0], arrivals, has_defects=has_defects, records=records)


def simulate_pool(
    service: Service,
    pool: Pool,
    arrivals: Arrivals,
    *,
    has_defects: bool = False,
    records: bool = False,
    handed_on: HandedOn | None = None,
) -> Outcome:
    """What became of each request at the replicas of one pool. BadInput, Unsupported."""
    begun = begin(service, pool, arrivals, has_defects=has_defects, records=records, handed_on=handed_on)
    begun.run()
    return begun.outcome()


@dataclass(slots=True, kw_only=True)
class Begun:
    """A pool of replicas and its requests, before and after they are simulated."""

    service: Service  # of this pool alone
    arrivals: Arrivals
    world: World

    def run(self) -> None:
        """Everything happens. Unsupported."""
        ending, where = NO_ROOM, NONE
        while ending == NO_ROOM:
            ending, where, _ = loop()(self.world, self.world)
            if ending == NO_ROOM:
                self.make_room()
        if ending == OUT_OF_MEMORY:
            self.refuse(where)

    def make_room(self) -> None:
        """There is more room for what is recorded."""
        rules = self.world.rules
        log = roomier(self.world.log, (2 * rules.slots + 2) * (rules.most_admitted * rules.slots + 2))
        self.world = self.world._replace(log=log, front=with_room(self.world.front))

    def refuse(self, replica: int) -> NoReturn:
        """Unsupported for requests that need more blocks than there are."""
        raise Unsupported(
            f"{self.service.pools[0].batching.policy}: at {self.end_s:.3f} s the requests of replica {replica} need more blocks than the "
            f"{self.world.rules.blocks:,} there are, and the policy has no rule for that; give it more memory or fewer requests"
        )

    @property
    def end_s(self) -> float:
        """Of the last event."""
        return float(self.world.clocks.now_s[0])

    def outcome(self) -> Outcome:
        """What became of the requests."""
        world, pool = self.world, self.service.pools[0]
        rules, requests, replicas, end_s = world.rules, world.requests, world.replicas, self.end_s
        _as_seen_by_clients(rules, requests, self.arrivals)
        return Outcome(
            service=self.service,
            arrivals=self.arrivals,
            requests=requests,
            end_s=end_s,
            batches=int(world.clocks.made[0]),
            log=world.log if rules.records else None,
            has_defects=rules.has_defects,
            busy_s=float(replicas.each.busy_s.sum()),
            lost_blocks=int(requests.blocks[requests.is_completed].sum()),
            held_blocks=int(replicas.each.used_blocks.sum()),
            waiting=_never(requests, replicas) if end_s <= rules.time_limit_s else np.zeros(0, np.int64),
            outside=tuple(_outside(pool.times, world.costs)),
            scaling=scaling_of(world.front, end_s) if self.service.autoscale else None,
            adapter_loads=int(world.adapters.loads.sum()),
            drafted_tokens=int(world.draws.counts[DRAFTED]),
            accepted_tokens=int(world.draws.counts[ACCEPTED]),
            tiered=_tiered(world.tiers) if rules.has_tiers else None,
        )


def begin(
    service: Service,
    pool: Pool,
    arrivals: Arrivals,
    *,
    has_defects: bool = False,
    records: bool = False,
    handed_on: HandedOn | None = None,
    model: int = NONE,
    shared: Records | None = None,
) -> Begun:
    """A pool before anything has happened. BadInput, Unsupported.

    `model`: which of two that share their devices, of which `shared` keeps the steps.
    """
    if pool.tiers is not None and (service.most_wait_s is not None or service.autoscale is not None):
        raise Unsupported(
            "slower memories of the KV cache are not simulated with replicas that come and go, nor with requests that leave their queue"
        )
    service = replace(service, pools=(pool,))
    routes = None if service.autoscale else static_routes(service.routing, len(arrivals), pool.replicas)
    rules = _rules(
        service,
        pool,
        has_defects=has_defects,
        records=records,
        has_static_routes=routes is not None,
        has_cache=arrivals.prefixes is not None and pool.batching.policy in ("vllm-v1", "sglang"),
        waits_for_ends=arrivals.after is not None or service.most_open is not None,
        handed_on=handed_on,
        has_adapters=arrivals.adapters is not None,
        model=model,
    )
    requests = new_requests(arrivals)
    _refuse(rules, requests)
    if handed_on is not None:
        _hand_on(handed_on, requests)
    requests.arrived_s += rules.door_s
    replicas = new_replicas(pool.replicas, rules, sglang.new_desks(arrivals, pool.replicas, rules))
    if routes is not None:
        follow_routes(requests, replicas.each, routes)
    world = World(
        rules=rules,
        costs=_costs(pool.times, pool.draft_times),
        requests=requests,
        replicas=replicas,
        batches=new_batches(pool.replicas, rules),
        stages=new_stages(pool.replicas, rules),
        queue=new_events(pool.replicas, rules.slots, len(arrivals) if rules.sends or rules.has_tiers else 0),
        log=new_log(),
        touched=np.zeros(pool.replicas, np.int64),
        took_s=np.zeros((pool.replicas, steady.MOST)),
        cache=new_cache(arrivals, pool.replicas, rules),
        tiers=new_tiers(arrivals, pool.replicas, rules, pool.tiers),
        adapters=new_adapters(arrivals, pool.replicas, rules),
        draws=new_draws(pool.batching.speculation, len(arrivals)),
        coming=new_coming(arrivals, requests, rules),
        front=new_front(service, arrivals.arrived_s, pool.replicas, has_static_routes=routes is not None),
        beside=new_beside(shared, len(arrivals)),
        clocks=new_clocks(),
    )
    return Begun(service=service, arrivals=arrivals, world=world)


def _tiered(tiers: Tiers) -> TieredRun:
    cpu, remote = blocks_stored(tiers)
    waits_s = np.where(tiers.courses.cpu_tokens + tiers.courses.remote_tokens > 0, tiers.courses.waited_s, np.nan)
    return TieredRun(
        cpu_tokens=tiers.courses.cpu_tokens,
        remote_tokens=tiers.courses.remote_tokens,
        waits_s=waits_s,
        first_waits_s=tiers.courses.first_waited_s,
        cpu_stored_blocks=cpu,
        remote_stored_blocks=remote,
    )


def _rules(
    service: Service,
    pool: Pool,
    *,
    has_defects: bool,
    records: bool,
    has_static_routes: bool,
    has_cache: bool,
    waits_for_ends: bool,
    handed_on: HandedOn | None,
    has_adapters: bool,
    model: int,
) -> Rules:
    batching, drafts, tiers = pool.batching, pool.batching.speculation, pool.tiers
    check(pool)
    sequence_blocks = service.sequence_tokens // batching.block_tokens
    sequences = pool.kv_blocks // max(sequence_blocks, 1) if pool.kv_sequences is None else pool.kv_sequences
    return Rules(
        policy=policy_named(batching.policy),
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
        door_s=pool.times.request_s if isinstance(pool.times, StepTimes) else 0.0,
        layers=pool.times.layers if isinstance(pool.times, StageTimes) else 0,
        has_step_times=isinstance(pool.times, StepTimes),
        is_chunked=batching.is_chunked,
        has_cache=has_cache and batching.policy == "vllm-v1",
        has_tiers=has_cache and tiers is not None,
        cpu_block_s=0.0 if tiers is None or tiers.cpu is None else float(tiers.cpu.block_s),
        remote_block_s=0.0 if tiers is None or tiers.remote is None else float(tiers.remote.block_s),
        has_tree=has_cache and batching.policy == "sglang",
        is_longest_first=has_cache and batching.order == "lpm",
        is_mixed=batching.is_mixed,
        sends=handed_on is not None and not handed_on.is_brought,
        brings=handed_on is not None and handed_on.is_brought,
        last_share=1.0 if handed_on is None else float(handed_on.last_share),
        lead_share=0.0 if handed_on is None else float(handed_on.lead_share),
        by_priority=batching.scheduling == "priority",
        most_adapters=(batching.most_adapters or 0) if has_adapters else 0,
        draft_tokens=0 if drafts is None else drafts.tokens,
        draft_lookahead=drafts.tokens if drafts is not None and drafts.has_model else 0,
        has_draft_model=drafts is not None and pool.draft_times is not None,
        sequence_tokens=service.sequence_tokens,
        model=model,
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


def _refuse(rules: Rules, requests: Records) -> None:
    """Of vllm-v1 requests that would run for ever alone: longer than the cache, or than a step where a prompt is in one."""
    if rules.policy == VLLM_V1:
        longest = requests.prefill + requests.decode - 1
        ahead = np.minimum(longest + rules.draft_tokens + rules.draft_lookahead, rules.sequence_tokens)
        held = np.maximum(longest, ahead) if rules.draft_tokens else longest
        requests.is_refused[:] = -(-held // rules.block_tokens) > rules.blocks
        if not rules.is_chunked:
            requests.is_refused |= longest > rules.most_tokens
    if (
        rules.policy == SGLANG
    ):  # [scheduler.py of 0.5.3: max_req_len, max_req_input_len] it would cut the answer, or refuse
        requests.is_refused[:] = requests.prefill + requests.decode > rules.blocks - 2
        requests.is_refused |= requests.prefill >= rules.blocks - 6


def _hand_on(handed_on: HandedOn, requests: Records) -> None:
    """Requests that leave a pool with their KV cache, or come to one with it and with their first token."""
    requests.is_refused |= handed_on.is_refused
    if handed_on.is_brought:
        requests.is_brought[:] = handed_on.goes_on
        requests.first_token_s[:] = requests.arrived_s
    else:
        requests.goes_on[:], requests.send_s[:] = handed_on.goes_on, handed_on.send_s


def _as_seen_by_clients(rules: Rules, requests: Records, arrivals: Arrivals) -> None:
    """From sending the request on, where until now the queue counted."""
    came_later = requests.is_let_in.copy() if arrivals.after is None else requests.is_let_in | (arrivals.after >= 0)
    requests.arrived_s[:] = np.where(came_later, requests.arrived_s - rules.door_s, arrivals.arrived_s)


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
