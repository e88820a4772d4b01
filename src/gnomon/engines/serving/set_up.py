"""A scenario -> its service, ready to be simulated: pools of replicas with their times and memory, requests, and what lies between pools."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from gnomon.core.beside import Beside
from gnomon.core.engine import OpTimer
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.exchange import ExchangeTimer
from gnomon.core.scenario import Scenario
from gnomon.core.service import Arrivals, KvTransfer, Pool, PoolRole, Prefixes, Routing, Service
from gnomon.core.serving_plan import ServingPlan
from gnomon.core.step_limits import most_running
from gnomon.core.system import System
from gnomon.core.traffic.played import AnyTraffic, PlayedTrace, requests_of
from gnomon.core.workload import Workload
from gnomon.engines.serving.colocated import check_plans
from gnomon.engines.serving.defaults import (
    batching_of,
    block_tokens_of,
    layout_of,
    limits_of,
    prefill_plan,
    replicas_of,
)
from gnomon.engines.serving.disaggregated import check_pools
from gnomon.engines.serving.drafting import draft_of, speculation_of
from gnomon.engines.serving.kv_link import at_rate_s, kv_transfer, link_bytes, network_s
from gnomon.engines.serving.kv_tiers import check_alone, tiers_of
from gnomon.engines.serving.policies import check, policy_named
from gnomon.engines.serving.routers import routing_of
from gnomon.engines.serving.step_times.adapters import RANK, AdapterSizes, adapter_bytes, with_adapters
from gnomon.engines.serving.step_times.device_share import device_share
from gnomon.engines.serving.step_times.layout import Limits
from gnomon.engines.serving.step_times.memory import KvMemory, kv_memory
from gnomon.engines.serving.step_times.overheads import NO_OVERHEADS, Software
from gnomon.engines.serving.step_times.times import step_times

_OF_PROMPTS = {
    name: f"prefill_{name}" for name in ("tp", "pp", "replicas")
}  # field of a plan of prompts -> of the plan
_LATEST_S = 1e10  # at which doubles are 2 us apart; dates in ms or ns since 1970, told as seconds, are beyond it
_OF_A_PLAN = {"tensor": "tp", "sequence_tokens": "max_model_len"}  # field of a layout or of limits -> of a plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where times come from; a source is asked for only where it is needed."""

    timer: Callable[[], OpTimer]
    exchanges: Callable[[], ExchangeTimer]
    software: Software | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A service ready to run."""

    service: Service
    arrivals: Arrivals
    memories: tuple[KvMemory, ...]  # of a device of each pool
    software: Software | None
    beside: Ready | None = None  # of another model on the same devices


def set_up(scenario: Scenario, sources: Sources) -> Ready:
    """The service of a scenario and its requests. Unsupported, BadInput."""
    workload, system, plan = scenario.workload, scenario.system, scenario.plan.serving
    if plan is None:
        raise Unsupported("serving simulates services only: use mode serve")
    if system.device.design is not None:
        raise Unsupported(f"serving knows devices with a data sheet; {system.device.name} is a spatial accelerator")
    if plan.traffic is None:
        raise BadInput("a service needs requests", field="traffic")
    policy_named(plan.policy)
    _check_together(plan)
    drafting = draft_of(scenario, plan)
    limits, taken = limits_of(plan, system, workload), 0
    try:
        asked = requests_of(plan.traffic)
    except BadInput as fault:
        raise _within("traffic", fault) from None
    arrivals = _checked(asked, limits, plan)
    service = Service(
        pools=(),
        routing=Routing(name=plan.router),
        sequence_tokens=limits.sequence_tokens,
        most_open=plan.traffic.most_open,
        autoscale=plan.autoscale,
        replicas_at_start=None if plan.autoscale is None else plan.replicas or plan.autoscale.min,
        most_waiting=plan.max_waiting,
        most_wait_s=plan.max_wait_s,
    )
    made: list[tuple[Pool, KvMemory]] = []
    if plan.has_prefill_pool:
        check_pools(plan.policy, service, arrivals)
        try:
            machine, own = plan.prefill_on or system, prefill_plan(plan)
            made.append(_pool(sources, workload, machine, own, "prefill", 0, arrivals, None))
        except BadInput as fault:
            raise _of_prompts(fault) from None
        taken = _devices(made[0][0]) if plan.prefill_on is None else 0
    made.append(_pool(sources, workload, system, plan, "decode" if made else "both", taken, arrivals, drafting))
    pools = tuple(pool for pool, _ in made)
    memories = tuple(memory for _, memory in made)
    transfer = _transfer(sources, workload, system, plan, pools, memories) if len(pools) > 1 else None
    return Ready(
        service=replace(
            service,
            pools=pools,
            transfer=transfer,
            routing=routing_of(plan, pools[0].replicas, seed_of(plan.traffic)),
        ),
        arrivals=arrivals,
        memories=memories,
        software=sources.software,
        beside=None if plan.beside is None else _set_up_beside(scenario, plan.beside, sources),
    )


def of_beside(scenario: Scenario, beside: Beside) -> Scenario:
    """The service of the other model, on the same devices."""
    return Scenario(workload=beside.workload, system=scenario.system, plan=beside.plan)


def _set_up_beside(scenario: Scenario, beside: Beside, sources: Sources) -> Ready:
    """The service of the other model. Unsupported, BadInput."""
    try:
        return set_up(of_beside(scenario, beside), sources)
    except BadInput as fault:
        raise _within("beside", fault) from None
    except Unsupported as reason:
        raise Unsupported(f"{beside.name}, beside it: {reason}") from None


def _within(part: str, fault: BadInput) -> BadInput:
    """A fault of a part as one of the whole."""
    remedies = [(f"{part}.{field}", values) for field, values in fault.remedies]
    field = f"{part}.{fault.field}" if fault.field else part
    return BadInput(fault.what, where=fault.where, field=field, further=fault.further, remedies=remedies)


def _pool(
    sources: Sources,
    workload: Workload,
    system: System,
    plan: ServingPlan,
    role: PoolRole,
    taken: int,
    arrivals: Arrivals,
    drafting: Workload | None,
) -> tuple[Pool, KvMemory]:
    """Replicas that are alike, and the memory of one of their devices. Unsupported, BadInput."""
    assert plan.traffic is not None  # checked
    layout, limits, software = layout_of(plan), limits_of(plan, system, workload), sources.software
    replicas, adapters = replicas_of(plan, layout, system, taken), _adapters(plan)
    try:
        memory = kv_memory(
            workload,
            system.device,
            layout,
            limits,
            utilisation=plan.gpu_memory_utilization,
            block_tokens=block_tokens_of(plan),
            is_static=plan.policy == "sglang",
            more_bytes=adapters.most * adapter_bytes(workload, layout, adapters.rank) if adapters else 0.0,
            draft=drafting,
        )
    except BadInput as fault:
        raise fault.at(field=_OF_A_PLAN.get(fault.field, fault.field)) from None
    blocks = memory.blocks if plan.kv_blocks is None else plan.kv_blocks
    if plan.policy == "sglang" and plan.max_num_seqs is None:
        limits = replace(limits, requests=most_running(blocks, limits.sequence_tokens))
    overheads = NO_OVERHEADS if software is None else software.overheads
    exchanges = sources.exchanges() if layout.tensor * layout.stages * layout.together > 1 else None
    times = step_times(workload, system, layout, limits, sources.timer(), exchanges, overheads)
    draft_times = None
    if drafting is not None:  # one token of each request in a pass
        alone = replace(limits, decode_tokens=1)
        draft_times = step_times(drafting, system, layout, alone, sources.timer(), exchanges, overheads)
    if adapters is not None and arrivals.adapters is not None:
        times = with_adapters(
            times, workload, system, layout, limits, sources.timer(), adapters, overheads.kernel_share
        )
    pool = Pool(
        name="all" if role == "both" else role,
        role=role,
        replicas=replicas,
        tensor_parallel=layout.tensor,
        stages=layout.stages,
        kv_blocks=blocks,
        steps_ahead=_steps_ahead(plan, software),
        batching=batching_of(plan, limits, speculation_of(plan, seed_of(plan.traffic))),
        times=times,
        draft_times=draft_times,
        device=system.device.name,
        tiers=tiers_of(plan, system, memory.block_bytes, layout.tensor * layout.stages),
    )
    check(pool)
    return pool, memory


def _transfer(
    sources: Sources,
    workload: Workload,
    system: System,
    plan: ServingPlan,
    pools: Sequence[Pool],
    memories: Sequence[KvMemory],
) -> KvTransfer:
    """What KV caches take from the first pool to the second. Unsupported."""
    sender, receiver = layout_of(prefill_plan(plan)), layout_of(plan)
    bytes_of_one = link_bytes(memories[1].block_bytes, sender, receiver)
    if plan.kv_transfer_gbit_per_s is not None:
        times_s = partial(at_rate_s, bytes_of_one=bytes_of_one, gbit_per_s=plan.kv_transfer_gbit_per_s)
    else:
        times_s = partial(
            network_s,
            bytes_of_one=bytes_of_one,
            systems=(system,) if plan.prefill_on is None else (plan.prefill_on, system),
            devices=sum(map(_devices, pools)),
            timer=sources.exchanges(),
        )
    most_blocks = -(-limits_of(plan, system, workload).sequence_tokens // plan.block_tokens)
    layers = device_share(workload, sender).layer_count
    return kv_transfer(most_blocks, times_s, plan.kv_transfer, layers, sender.stages)


def _check_together(plan: ServingPlan) -> None:
    """Unsupported for what is simulated alone and not together."""
    check_plans(plan)
    check_alone(plan)
    if plan.autoscale is not None and plan.max_loras is not None:
        raise Unsupported("where replicas come and go, serving does not simulate which LoRA adapters a new one has")
    has_more = plan.scheduling != "fcfs" or plan.max_loras is not None or plan.num_speculative_tokens is not None
    if plan.has_prefill_pool and has_more:
        raise Unsupported("of two pools neither priorities nor LoRA adapters nor drafts are simulated")


def seed_of(traffic: AnyTraffic) -> int:
    """Of what is drawn beside the requests."""
    return traffic.replay.seed if isinstance(traffic, PlayedTrace) else traffic.seed


def _steps_ahead(plan: ServingPlan, software: Software | None) -> int:
    """Steps that are made up before the one under way has ended: of SGLang one, unless it is told not to overlap."""
    if plan.policy == "sglang":
        return 1
    is_vllm = plan.policy == "vllm-v1" and plan.num_speculative_tokens is None
    return software.steps_ahead if software is not None and is_vllm else 0


def _adapters(plan: ServingPlan) -> AdapterSizes | None:
    return None if plan.max_loras is None else AdapterSizes(rank=plan.max_lora_rank or RANK, most=plan.max_loras)


def _checked(arrivals: Arrivals, limits: Limits, plan: ServingPlan) -> Arrivals:
    """The requests as the plan has them. BadInput where one is longer than a sequence may be, Unsupported."""
    _check_said(arrivals, plan)
    _check_moments(arrivals, plan)
    whole = arrivals.prefill_tokens + arrivals.decode_tokens
    longest = int(np.argmax(whole))
    if whole[longest] > limits.sequence_tokens:
        raise BadInput(
            f"request {arrivals.ids[longest]} has {arrivals.prefill_tokens[longest]:,} tokens in its prompt and "
            f"{arrivals.decode_tokens[longest]:,} in its answer, more than the {limits.sequence_tokens:,} of a sequence"
            f"{'' if plan.max_model_len else ' that the model was made for'}",
            field="traffic.trace" if isinstance(plan.traffic, PlayedTrace) else "traffic.prompts",
        )
    return as_planned(arrivals, plan)


def _check_moments(arrivals: Arrivals, plan: ServingPlan) -> None:
    """BadInput where a request comes so late that steps of milliseconds are lost in its time."""
    last = int(np.argmax(arrivals.arrived_s))
    if arrivals.arrived_s[last] > _LATEST_S:
        raise BadInput(
            f"request {arrivals.ids[last]} comes {arrivals.arrived_s[last]:.3g} s after the beginning, where times are told to a "
            f"microsecond up to {_LATEST_S:.0e} s: arrivals are in seconds",
            field="traffic.trace" if isinstance(plan.traffic, PlayedTrace) else "traffic.qps",
        )


def as_planned(arrivals: Arrivals, plan: ServingPlan) -> Arrivals:
    """The requests with what a cache knows them by, or without.

    SGLang's tree, and slower memories, also hold prompts that have nothing in common: who had to go finds his own again.
    """
    if not plan.prefix_caching:
        return replace(arrivals, prefixes=None)
    if not (plan.policy == "sglang" or plan.has_kv_tiers) or arrivals.prefixes is not None:
        return arrivals
    count = len(arrivals)
    own = Prefixes(
        starts=np.arange(count + 1),
        segments=np.arange(count),
        tokens=arrivals.prefill_tokens,
        answers=np.full(count, -1),
    )
    return replace(arrivals, prefixes=own)


def _check_said(arrivals: Arrivals, plan: ServingPlan) -> None:
    """BadInput for traffic of which the plan has to say how it is followed."""
    if arrivals.adapters is not None and plan.max_loras is None:
        raise BadInput("the requests ask for LoRA adapters: say how many of them a step may have", field="max_loras")
    if arrivals.priorities is not None and plan.policy != "vllm-v1":
        raise Unsupported(f"{plan.policy} knows no priorities; vllm-v1 does")
    if arrivals.priorities is not None and plan.scheduling == "fcfs":  # vLLM refuses such requests, too
        raise BadInput(
            "the requests have priorities, of which first come first served takes no account",
            field="scheduling",
            remedies=[("scheduling", "priority")],
        )


def _of_prompts(fault: BadInput) -> BadInput:
    """A fault of the plan of prompts as one of the plan."""
    remedies = [(_OF_PROMPTS.get(field, field), values) for field, values in fault.remedies]
    field = _OF_PROMPTS.get(fault.field, fault.field)
    return BadInput(fault.what, where=fault.where, field=field, further=fault.further, remedies=remedies)


def _devices(pool: Pool) -> int:
    return pool.replicas * pool.devices
