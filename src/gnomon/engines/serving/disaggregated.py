"""Services whose prompts and answers are computed by two pools of replicas, with the KV cache sent from one to the other.

[Patel et al. 2024, Splitwise, ISCA; Zhong et al. 2024, DistServe, OSDI] The first pool does not depend on the second: each is
simulated by itself, the second with what the first hands on.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gnomon.core.errors import Unsupported
from gnomon.core.service import Arrivals, Flags, Floats, KvTransfer, Pool, Service, StepTimes
from gnomon.engines.serving.outcome import Handover, Outcome
from gnomon.engines.serving.simulate import HandedOn, simulate, simulate_pool
from gnomon.engines.serving.simulator.state import NONE, Records

ASSUMPTIONS = (
    "a request's first token comes from the prefill pool, with the end of its prompt [Patel et al. 2024; Zhong et al. 2024]; "
    "vLLM's own proxies send it from the decode pool, after the KV cache",
    "each prefill replica has links of its own to the decode pool, which take one KV cache after another; those that receive from "
    "several at once are not slowed down",
    "a prefill replica keeps a request's blocks until its KV cache is sent; one that is sent and waits for blocks of the decode "
    "pool takes none of either",
    "whole prompts are sent, also where a prefix of one was sent before; the decode pool keeps no prefixes",
)


def simulated(service: Service, arrivals: Arrivals, *, records: bool = False) -> Outcome:
    """What became of each request, of one pool or of two. BadInput, Unsupported."""
    if len(service.pools) == 1:
        return simulate(service, arrivals, records=records)
    return _of_two(service, arrivals, records=records)


def _of_two(service: Service, arrivals: Arrivals, *, records: bool) -> Outcome:
    """What became of each request of a prefill and a decode pool."""
    _check(service, arrivals)
    prefill, decode = service.pools
    transfer = service.transfer
    assert transfer is not None  # checked
    goes_on = arrivals.decode_tokens > 1
    is_refused = ~(_fits(prefill, arrivals, answers=False) & (_fits(decode, arrivals, answers=True) | ~goes_on))
    handed_on = HandedOn(
        is_brought=False,
        goes_on=goes_on,
        is_refused=is_refused,
        send_s=send_s(transfer, -(-arrivals.prefill_tokens // prefill.batching.block_tokens)),
        last_share=transfer.last_share,
        lead_share=transfer.lead_share,
    )
    prompts = replace(arrivals, decode_tokens=np.ones_like(arrivals.decode_tokens))
    first = simulate_pool(service, prefill, prompts, records=records, handed_on=handed_on)
    left = np.flatnonzero(first.is_completed & goes_on)
    came = left[np.argsort(first.requests.sent_s[left], kind="stable")]
    brought = Arrivals(
        ids=arrivals.ids[came],
        arrived_s=first.requests.sent_s[came],
        prefill_tokens=arrivals.prefill_tokens[came],
        decode_tokens=arrivals.decode_tokens[came],
    )
    nobody = np.zeros(len(came), bool)
    second = simulate_pool(
        service,
        _announced(decode),
        brought,
        records=records,
        handed_on=replace(
            handed_on, is_brought=True, goes_on=~nobody, is_refused=nobody, send_s=handed_on.send_s[came]
        ),
    )
    return _joined(service, arrivals, first, second, came)


def send_s(transfer: KvTransfer, blocks: np.ndarray) -> Floats:
    """Seconds of prompts of so many blocks, each alone on a link."""
    known, seconds = transfer.blocks, transfer.seconds
    found = np.interp(blocks, known, seconds)
    return np.asarray(np.where(blocks > known[-1], seconds[-1] * (blocks / known[-1]), found), np.float64)


def _check(service: Service, arrivals: Arrivals) -> None:
    """Unsupported where the pools are no two that can be simulated one after the other."""
    if [pool.role for pool in service.pools] != ["prefill", "decode"] or service.transfer is None:
        raise Unsupported("of several pools: one of role prefill, then one of role decode, and what is between them")
    for pool in service.pools:
        check_pools(pool.batching.policy, service, arrivals)
        if pool.batching.speculation is not None:
            raise Unsupported("of two pools drafts are not simulated")
    if service.pools[0].batching.block_tokens != service.pools[1].batching.block_tokens:
        raise Unsupported("KV caches are sent between pools whose blocks hold as many tokens")


def check_pools(policy: str, service: Service, arrivals: Arrivals) -> None:
    """Unsupported where two pools of a policy cannot be simulated one after the other."""
    if policy != "vllm-v1":
        raise Unsupported(f"prompts and answers in two pools are simulated by vllm-v1, not by {policy}")
    if service.most_open is not None:
        raise Unsupported(
            "two pools are simulated one after the other, which a closed loop (most_open) does not allow: each request would wait "
            "for the answer of another"
        )
    if arrivals.after is not None:
        raise Unsupported(
            "two pools are simulated one after the other, which conversations do not allow: each turn waits for the answer before it"
        )
    if arrivals.priorities is not None or arrivals.adapters is not None:
        raise Unsupported("of two pools priorities and LoRA adapters are not simulated")
    if service.autoscale is not None or service.most_waiting is not None or service.most_wait_s is not None:
        raise Unsupported("of two pools neither autoscaling nor admission control is simulated")
    if service.routing.name in ("weighted", "prefix_aware"):
        raise Unsupported(
            f"of two pools the router {service.routing.name} is not simulated: it is for one kind of replicas"
        )
    if service.time_limit_s is not None:
        raise Unsupported("two pools are simulated to their end, without a time limit")


def _fits(pool: Pool, arrivals: Arrivals, *, answers: bool) -> Flags:
    """Whether a request could be alone at a replica, with its answer or without."""
    tokens = arrivals.prefill_tokens + (arrivals.decode_tokens - 1 if answers else 0)
    found: Flags = -(-tokens // pool.batching.block_tokens) <= pool.kv_blocks
    return found


def _announced(pool: Pool) -> Pool:
    """The pool as requests come to it that it was told of when they came to the service. [Patel et al. 2024, section 4.2]"""
    return pool if not isinstance(pool.times, StepTimes) else replace(pool, times=replace(pool.times, request_s=0.0))


def _joined(service: Service, arrivals: Arrivals, first: Outcome, second: Outcome, came: np.ndarray) -> Outcome:
    """Both pools as one outcome: a request is scheduled and gets its first token in the first, and is through in the second."""
    requests: Records = first.requests.copy()
    later, count = second.requests, len(arrivals)
    requests.asked[:] = arrivals.decode_tokens
    requests.is_completed[came], requests.completed_s[came] = later.is_completed, later.completed_s
    requests.execution_s[came] += later.execution_s
    requests.restarts[came] += later.restarts
    left_s, sent_s, begun_s = (np.full(count, np.nan) for _ in range(3))
    replica = np.full(count, NONE)
    left_s[came] = first.requests.completed_s[came]
    sent_s[came], replica[came] = first.requests.sent_s[came], later.replica
    begun_s[came] = np.where(later.is_begun, later.scheduled_s, np.nan)
    return Outcome(
        service=service,
        arrivals=arrivals,
        requests=requests,
        end_s=max(first.end_s, second.end_s) if len(came) else first.end_s,
        batches=first.batches + second.batches,
        log=None,
        has_defects=False,
        busy_s=first.busy_s + second.busy_s,
        lost_blocks=first.lost_blocks + second.lost_blocks,
        held_blocks=first.held_blocks + second.held_blocks,
        waiting=np.concatenate([first.waiting, came[second.waiting]]),
        outside=tuple(dict.fromkeys((*first.outside, *second.outside))),
        handover=Handover(
            left_s=left_s, sent_s=sent_s, begun_s=begun_s, decode_replica=replica, prefill=first, decode=second
        ),
    )
