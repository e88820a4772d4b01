"""The loop over events: arrivals, routes, batches, stages. One compiled function with all that it calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np

from gnomon.core.jit import compiled, inner
from gnomon.core.service import Ints
from gnomon.engines.serving import costs as cost
from gnomon.engines.serving import courses, events, queues, records, steady
from gnomon.engines.serving.policies import faster_transformer, lightllm, orca, sarathi, vidur_vllm
from gnomon.engines.serving.state import NONE, Batches, Costs, Replicas, Requests, Rules, Stages

VIDUR_VLLM, SARATHI, ORCA, FASTER_TRANSFORMER, LIGHTLLM = range(5)
ENDED, OUT_OF_MEMORY = range(2)
Loop = Callable[
    [Rules, Costs, Requests, Replicas, Batches, Stages, events.Events, records.Log, Ints],
    tuple[int, int, float, int, records.Log],
]


@inner
def form(rules: Rules, requests: Requests, replicas: Replicas, batches: Batches, replica: int, slot: int) -> int:
    """How many requests are in a new batch, by the policy."""
    if rules.policy == VIDUR_VLLM:
        return vidur_vllm.form(rules, requests, replicas, batches, replica, slot)
    if rules.policy == SARATHI:
        return sarathi.form(rules, requests, replicas, batches, replica, slot)
    if rules.policy == ORCA:
        return orca.form(rules, requests, replicas, batches, replica, slot)
    if rules.policy == FASTER_TRANSFORMER:
        return faster_transformer.form(rules, requests, replicas, batches, replica, slot)
    return lightllm.form(rules, requests, replicas, batches, replica, slot)


@inner
def free_slot(rules: Rules, batches: Batches, replica: int) -> int:
    """A slot of a replica that no batch is in; there is one while fewer batches run than stages."""
    for slot in range(replica * rules.stages, (replica + 1) * rules.stages):
        if not batches.is_taken[slot]:
            return slot
    return NONE


@inner
def next_batch(rules: Rules, requests: Requests, replicas: Replicas, batches: Batches, replica: int) -> tuple[int, int]:
    """The slot of the next batch, and how many requests are in it: one that goes on before a new one."""
    if replicas.pauses[replica] > 0:
        slot = replicas.paused[replica, 0]
        replicas.pauses[replica] -= 1
        for at in range(replicas.pauses[replica]):
            replicas.paused[replica, at] = replicas.paused[replica, at + 1]
        return slot, faster_transformer.again(requests, batches, slot)
    slot = free_slot(rules, batches, replica)
    if slot == NONE:
        return slot, 0
    return slot, form(rules, requests, replicas, batches, replica, slot)


@inner
def end_batch(rules: Rules, requests: Requests, replicas: Replicas, batches: Batches, slot: int, now_s: float) -> None:
    """A batch comes back to its replica."""
    replica = slot // rules.stages
    courses.end_batch(requests, batches, slot, now_s)
    replicas.running[replica] -= 1
    if rules.policy != FASTER_TRANSFORMER:
        courses.take_back(requests, replicas, batches, replica, slot)
        batches.is_taken[slot] = False
    elif faster_transformer.end(rules, requests, replicas, batches, replica, slot):
        batches.is_taken[slot] = False
    else:
        replicas.paused[replica, replicas.pauses[replica]] = slot
        replicas.pauses[replica] += 1


@inner
def route(rules: Rules, requests: Requests, replicas: Replicas, request: int) -> int:
    """The replica of a request: as drawn before, or that with the fewest in its queue, the first of equals.

    Requests that a replica has admitted are not counted, as in Vidur.
    """
    if rules.has_static_routes:
        drawn: int = requests.replica[request]
        return drawn
    best = 0
    for replica in range(1, len(replicas.queued)):
        if replicas.queued[replica] < replicas.queued[best]:
            best = replica
    requests.replica[request] = best
    return best


@inner
def run(
    rules: Rules,
    costs: Costs,
    requests: Requests,
    replicas: Replicas,
    batches: Batches,
    stages: Stages,
    queue: events.Events,
    log: records.Log,
    touched: Ints,
) -> tuple[int, int, float, int, records.Log]:
    """How it ended and with which replica, when, how many batches there were, and their rows."""
    count, arrived, routed, made = len(requests.arrived_s), 0, 0, 0
    now_s, is_over = 0.0, False
    took_s = np.zeros(steady.MOST)
    while not is_over:
        arrives_s = requests.arrived_s[arrived] if arrived < count else np.inf
        is_quiet = events.is_quiet(queue)
        ahead_s = events.next_later_s(queue)
        if (is_quiet or arrives_s <= now_s) and arrives_s <= ahead_s and arrived < count:
            now_s = arrives_s
            is_over = now_s > rules.time_limit_s
            if arrived == routed:
                events.now(queue, events.ROUTE, 0)
            arrived += 1
            continue
        if events.is_line_first(queue, now_s):
            what, whom = events.pop_line(queue)
        elif ahead_s < np.inf:
            now_s = ahead_s
            what, whom = events.pop_heap(queue)
        else:
            break
        is_over = now_s > rules.time_limit_s
        if what == events.ROUTE:
            touched[:] = 0
            while routed < arrived:
                replica = route(rules, requests, replicas, routed)
                queues.push_back(requests, replicas, replica, routed)
                touched[replica] = 1
                routed += 1
            for replica in range(len(touched)):
                if touched[replica] == 1:
                    events.now(queue, events.FORM, replica)
        elif what == events.FORM:
            while replicas.running[whom] < rules.stages:
                slot, size = next_batch(rules, requests, replicas, batches, whom)
                if size == lightllm.OUT_OF_MEMORY:
                    return OUT_OF_MEMORY, whom, now_s, made, log
                if size == 0:
                    break
                batches.size[slot], batches.is_taken[slot] = size, True
                batches.number[slot] = made
                made += 1
                replicas.running[whom] += 1
                kv_sum = cost.set_times(rules, costs, requests, batches, slot)
                courses.schedule(requests, batches, slot, now_s)
                is_steady = (
                    rules.stages == 1
                    and not rules.records
                    and rules.policy != LIGHTLLM
                    and batches.decodes[slot] == size
                    and replicas.readies[whom] == 0
                    and events.is_quiet(queue)
                    and not is_over
                )
                if is_steady:
                    before_s = requests.arrived_s[arrived] if arrived < count else np.inf
                    before_s = min(before_s, rules.time_limit_s)
                    courses.begin_stage(requests, batches, slot, now_s)
                    steps, begin_s = steady.advance(
                        rules, costs, requests, replicas, batches, slot, kv_sum, now_s, before_s, took_s
                    )
                    made += max(steps - 1, 0)
                    begin_s = now_s if steps == 0 else begin_s
                    stages.serves[slot] = slot
                    batches.end_s[slot] = begin_s + batches.last_stage_s[slot]
                    events.later(queue, batches.end_s[slot], events.END_STAGE, slot)
                else:
                    events.now(queue, events.ENTER, slot * rules.stages)
        elif what == events.ENTER:
            slot, stage = whom // rules.stages, whom % rules.stages
            place = (slot // rules.stages) * rules.stages + stage
            stages.waiting[place, stages.waits[place]] = slot
            stages.waits[place] += 1
            events.now(queue, events.SERVE, place)
        elif what == events.SERVE:
            if stages.serves[whom] == NONE and stages.waits[whom] > 0:
                slot = stages.waiting[whom, 0]
                stages.waits[whom] -= 1
                for at in range(stages.waits[whom]):
                    stages.waiting[whom, at] = stages.waiting[whom, at + 1]
                stages.serves[whom] = slot
                stage = whom % rules.stages
                length_s = batches.last_stage_s[slot] if stage == rules.stages - 1 else batches.stage_s[slot]
                courses.begin_stage(requests, batches, slot, now_s)
                if rules.records:
                    log = records.grown(log, batches.size[slot])
                    records.write(log, rules, requests, batches, costs.kv_step, slot, stage, now_s, length_s)
                events.later(queue, now_s + length_s, events.END_STAGE, whom)
        elif what == events.END_STAGE:
            slot = stages.serves[whom]
            stages.serves[whom] = NONE
            stage = whom % rules.stages
            length_s = batches.last_stage_s[slot] if stage == rules.stages - 1 else batches.stage_s[slot]
            courses.end_stage(requests, batches, slot, now_s, length_s)
            events.now(queue, events.SERVE, whom)
            if stage == rules.stages - 1:
                events.now(queue, events.END_BATCH, slot)
            else:
                events.now(queue, events.ENTER, slot * rules.stages + stage + 1)
        else:
            end_batch(rules, requests, replicas, batches, whom, now_s)
            events.now(queue, events.FORM, whom // rules.stages)
    return ENDED, NONE, now_s, made, log


@cache
def loop() -> Loop:
    """The compiled loop, kept on disk for as long as no file of this folder changes."""
    return _keyed(crc32(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py")))))


def _keyed(digest: int) -> Loop:
    def keyed(
        rules: Rules,
        costs: Costs,
        requests: Requests,
        replicas: Replicas,
        batches: Batches,
        stages: Stages,
        queue: events.Events,
        log: records.Log,
        touched: Ints,
    ) -> tuple[int, int, float, int, records.Log]:
        assert digest >= 0  # numba keeps one for each value of what a function closes over
        return run(rules, costs, requests, replicas, batches, stages, queue, log, touched)

    return compiled(keyed)
