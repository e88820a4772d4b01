"""The loop over events: arrivals, routes, batches, stages. One compiled function with all that it calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np

from gnomon.core.jit import compiled, inner, passing_on
from gnomon.core.service import Floats, Ints
from gnomon.engines.serving.simulator import adapters as loras
from gnomon.engines.serving.simulator import (
    admission,
    beside,
    courses,
    events,
    priorities,
    queues,
    records,
    routers,
    scaling,
    speculation,
    steady,
    transfers,
)
from gnomon.engines.serving.simulator import coming as comers
from gnomon.engines.serving.simulator import costs as cost
from gnomon.engines.serving.simulator import front as door
from gnomon.engines.serving.simulator import tiers as stores
from gnomon.engines.serving.simulator.adapters import Adapters
from gnomon.engines.serving.simulator.beside import Beside
from gnomon.engines.serving.simulator.coming import Coming
from gnomon.engines.serving.simulator.front import Front
from gnomon.engines.serving.simulator.policies import (
    faster_transformer,
    lightllm,
    orca,
    sarathi,
    sglang,
    vidur_vllm,
    vllm_v1,
    vllm_v1_tiers,
)
from gnomon.engines.serving.simulator.prefix_cache import Cache
from gnomon.engines.serving.simulator.speculation import Draws
from gnomon.engines.serving.simulator.state import (
    FASTER_TRANSFORMER,
    LIGHTLLM,
    NONE,
    ORCA,
    SARATHI,
    SGLANG,
    VIDUR_VLLM,
    VLLM_V1,
    Batches,
    Costs,
    Records,
    Replicas,
    Rules,
    Stages,
)
from gnomon.engines.serving.simulator.tiers import Tiers

ENDED, OUT_OF_MEMORY, NO_ROOM, PAUSED = range(4)
_CLOCK = np.dtype(
    [
        ("now_s", "f8"),
        ("arrived", "i8"),
        ("routed", "i8"),
        ("made", "i8"),
        ("next_s", "f8"),  # of one of two models: nothing happens before it
        ("until_s", "f8"),  # likewise: it pauses before what happens later
        ("digest", "i8"),
    ]
)


class World(NamedTuple):
    """A service: all that `advance` works on."""

    rules: Rules
    costs: Costs
    requests: Records
    replicas: Replicas
    batches: Batches
    stages: Stages
    queue: events.Events
    log: records.Log
    touched: Ints
    took_s: Floats
    cache: Cache
    tiers: Tiers
    adapters: Adapters
    draws: Draws
    coming: Coming
    front: Front
    beside: Beside
    clocks: Records


Loop = Callable[[World, World], tuple[int, int, int]]


def new_clocks() -> Records:
    """One clock, at 0: when it is, how many requests have come and been routed, how many batches were made."""
    return np.zeros(1, _CLOCK).view(np.recarray)


@passing_on
def form(
    rules: Rules,
    requests: Records,
    replicas: Replicas,
    members: Records,
    cache: Cache,
    tiers: Tiers,
    adapters: Adapters,
    queue: events.Events,
    replica: int,
    slot: int,
    now_s: float,
) -> int:
    """How many requests are in a new batch, by the policy."""
    mine, ready = replicas.each[replica], replicas.ready[replica]
    if rules.has_tiers:
        return vllm_v1_tiers.form(rules, requests, mine, ready, members, cache, tiers, queue, replica, slot, now_s)
    if rules.policy == VLLM_V1:
        return vllm_v1.form(rules, requests, mine, ready, members, cache, adapters, replica)
    if rules.policy == SGLANG:
        return sglang.form(rules, requests, mine, ready, members, replicas.desks, replica)
    if rules.policy == VIDUR_VLLM:
        return vidur_vllm.form(rules, requests, mine, ready, members)
    if rules.policy == SARATHI:
        return sarathi.form(rules, requests, mine, ready, members)
    if rules.policy == ORCA:
        return orca.form(rules, requests, mine, ready, members)
    if rules.policy == FASTER_TRANSFORMER:
        return faster_transformer.form(rules, requests, mine, ready, members)
    return lightllm.form(rules, requests, mine, ready, members)


@inner
def free_slot(rules: Rules, batches: Batches, replica: int) -> int:
    """A slot of a replica that no batch is in; there is one while fewer batches run than it has slots."""
    for slot in range(replica * rules.slots, (replica + 1) * rules.slots):
        if not batches.each[slot].is_taken:
            return slot
    return NONE


@passing_on
def next_batch(
    rules: Rules,
    requests: Records,
    replicas: Replicas,
    batches: Batches,
    cache: Cache,
    tiers: Tiers,
    adapters: Adapters,
    queue: events.Events,
    replica: int,
    now_s: float,
) -> tuple[int, int]:
    """The slot of the next batch, and how many requests are in it: one that goes on before a new one."""
    mine = replicas.each[replica]
    if mine.pauses > 0:
        paused = replicas.paused[replica]
        slot = paused[0]
        mine.pauses -= 1
        for at in range(mine.pauses):
            paused[at] = paused[at + 1]
        return slot, faster_transformer.again(requests, batches.each[slot], batches.members[slot])
    slot = free_slot(rules, batches, replica)
    if slot == NONE:
        return slot, 0
    members = batches.members[slot]
    return slot, form(rules, requests, replicas, members, cache, tiers, adapters, queue, replica, slot, now_s)


@passing_on
def end_batch(
    rules: Rules,
    requests: Records,
    replicas: Replicas,
    batches: Batches,
    cache: Cache,
    draws: Draws,
    slot: int,
    now_s: float,
) -> None:
    """The last stage of a batch has ended."""
    members, size = batches.members[slot], batches.each[slot].count
    if rules.policy == VLLM_V1:
        vllm_v1.end(rules, requests, replicas.each[slot // rules.slots], members, size, draws, now_s)
    elif rules.policy == SGLANG:
        replica = slot // rules.slots
        sglang.end(rules, requests, replicas.each[replica], members, size, replicas.desks, replica, now_s)
    else:
        courses.end_batch(requests, members, size, now_s)
    take_back(rules, requests, replicas, batches, cache, slot)


@passing_on
def take_back(rules: Rules, requests: Records, replicas: Replicas, batches: Batches, cache: Cache, slot: int) -> None:
    """A batch comes back to its replica."""
    replica = slot // rules.slots
    mine, batch, members = replicas.each[replica], batches.each[slot], batches.members[slot]
    mine.running -= 1
    if rules.policy == VLLM_V1:
        vllm_v1.take_back(rules, requests, mine, replicas.ready[replica], members, batch.count, cache, replica)
        batch.is_taken = False
    elif rules.policy == SGLANG:
        batch.is_taken = False
    elif rules.policy != FASTER_TRANSFORMER:
        courses.take_back(requests, mine, replicas.ready[replica], members, batch.count)
        batch.is_taken = False
    elif faster_transformer.end(rules, requests, mine, batch, members):
        batch.is_taken = False
    else:
        replicas.paused[replica, mine.pauses] = slot
        mine.pauses += 1


@passing_on
def send_out(
    rules: Rules,
    requests: Records,
    replicas: Replicas,
    cache: Cache,
    coming: Coming,
    front: Front,
    queue: events.Events,
    touched: Ints,
    routed: int,
    arrived: int,
    now_s: float,
) -> None:
    """Requests that have arrived go to their replicas, which then look whether they can begin a batch."""
    for replica in range(len(touched)):
        touched[replica] = 0
    for place in range(routed, arrived):
        request = coming.line[place] if rules.waits_for_ends else place
        replica = routers.choose(rules, requests, replicas, cache, front, request, place)
        requests[request].replica = replica
        if not rules.waits_for_ends:
            replicas.each[replica].coming = requests[request].behind
        if requests[request].is_refused:
            continue
        if admission.is_full(front, replicas.each[replica]):
            admission.turn_away(rules, requests, coming, request, admission.QUEUE_FULL, now_s)
            continue
        front.each[replica].outstanding += 1
        if rules.by_priority:
            priorities.insert(requests, replicas.each[replica], request)
        else:
            queues.push_back(requests, replicas.each[replica], request)
        touched[replica] = 1
    for replica in range(len(touched)):
        if touched[replica] == 1:
            events.now(queue, events.FORM, replica)


@passing_on
def begin_batches(
    rules: Rules,
    costs: Costs,
    requests: Records,
    replicas: Replicas,
    batches: Batches,
    stages: Stages,
    queue: events.Events,
    took_s: Floats,
    cache: Cache,
    tiers: Tiers,
    adapters: Adapters,
    replica: int,
    made: int,
    now_s: float,
    arrives_s: float,
    leaves_s: float,
    may_hurry: bool,
) -> int:
    """How many batches a replica makes; OUT_OF_MEMORY where its policy does not know what to do.

    Where all that a batch does is to decode, iterations that are alike are done at once until somebody comes who may be admitted:
    whoever comes behind one that waits may not, but where he may pass it. `arrives_s`: when the next request comes, to whatever replica;
    `leaves_s`: when the next leaves a queue.
    """
    first, mine = made, replicas.each[replica]
    while mine.running < rules.slots:
        queued = mine.queued
        slot, size = next_batch(rules, requests, replicas, batches, cache, tiers, adapters, queue, replica, now_s)
        if size == lightllm.OUT_OF_MEMORY:
            return size
        if size == 0 and mine.queued > queued and not rules.has_defects:
            continue  # all were evicted: there is room for the first of them, which Vidur sees at the next arrival only
        if size == 0:
            break
        batch, members = batches.each[slot], batches.members[slot]
        batch.count, batch.is_taken, batch.number = size, True, made
        batch.victims, batch.victim, mine.victims = mine.victims, mine.victim, 0
        batch.free = rules.blocks - mine.used_blocks
        made += 1
        mine.running += 1
        kv_sum = cost.set_times(rules, costs, requests, batch, members)
        if rules.has_draft_model:
            speculation.add_times(rules, costs, requests, batch, members)
        if rules.most_adapters > 0:
            loras.add_times(adapters, rules, costs, batch, members, replica)
        is_steady = batch.decodes == size and mine.queued == queued  # whoever was evicted may come in at once
        is_steady = is_steady and not batch.is_loading and rules.draft_tokens == 0
        if batch.decodes < size or rules.brings:
            courses.schedule(requests, members, size, now_s)
        is_whole = mine.readies == (size if rules.policy == VLLM_V1 else 0)  # nobody is left out
        if is_steady and rules.has_cache:
            is_steady = not vllm_v1.may_find_more(rules, requests, mine, members, size, cache)
        if rules.has_tiers:  # the first that waits is looked up in every step: what comes for one may come for others
            is_steady = is_steady and mine.queued == 0
        if is_steady and may_hurry and is_whole and events.is_quiet(queue.marks[0]):
            courses.begin_stage(requests, members, size, now_s)
            until_s = arrives_s
            if mine.queued > 0 and not rules.by_priority and rules.most_adapters == 0:
                until_s = np.inf
            elif rules.waits_for_ends:
                until_s = min(until_s, events.next_later_s(queue.marks[0], queue.heap[0]))
            elif rules.has_static_routes:
                until_s = np.inf if mine.coming == NONE else requests[mine.coming].arrived_s
            until_s = min(until_s, leaves_s)
            steps, end_s = steady.steps_ahead(
                rules,
                costs,
                requests,
                mine,
                members,
                size,
                kv_sum,
                now_s,
                until_s,
                batch.besides_s,
                took_s[replica],
                replicas.phases[replica],
            )
            if steps > 0:
                batch.steps = steps
                mine.busy_s += end_s - now_s
                made += steps - 1
                events.later(queue, end_s, events.END_STEPS, slot)
            else:
                stages.serves[slot] = slot
                mine.busy_s += batch.last_stage_s
                events.later(queue, now_s + batch.last_stage_s, events.END_STAGE, slot)
        else:
            events.now(queue, events.ENTER, slot * rules.stages)
    return made - first


@inner
def write_steps(
    log: records.Log,
    rules: Rules,
    costs: Costs,
    requests: Records,
    batches: Batches,
    replica: int,
    first: int,
    end: int,
    now_s: float,
) -> None:
    """Batches that a replica made."""
    for number in range(first, end):
        for slot in range(replica * rules.slots, (replica + 1) * rules.slots):
            batch, members = batches.each[slot], batches.members[slot]
            if batch.is_taken and batch.number == number:
                records.write_step(log, requests, batch, members, replica, costs.kv_step, now_s)


@inner
def enter(rules: Rules, stages: Stages, queue: events.Events, slot: int, stage: int) -> None:
    """A batch waits for a stage."""
    place = (slot // rules.slots) * rules.stages + stage
    stages.waiting[place, stages.waits[place]] = slot
    stages.waits[place] += 1
    events.now(queue, events.SERVE, place)


@inner
def next_of_stage(stages: Stages, place: int) -> int:
    """The batch that a stage begins with, first come first; NONE: it has one, or none waits."""
    if stages.serves[place] != NONE or stages.waits[place] == 0:
        return NONE
    slot: int = stages.waiting[place, 0]
    stages.waits[place] -= 1
    for at in range(stages.waits[place]):
        stages.waiting[place, at] = stages.waiting[place, at + 1]
    stages.serves[place] = slot
    return slot


@inner
def stage_s(rules: Rules, batches: Batches, slot: int, stage: int) -> float:
    """What a batch takes on a stage."""
    batch = batches.each[slot]
    took_s: float = batch.stage_s
    if stage == rules.stages - 1:
        took_s = batch.last_stage_s
    elif stage == 0:
        took_s = batch.first_stage_s
    return took_s


@inner
def end_stage(
    rules: Rules,
    requests: Records,
    batches: Batches,
    stages: Stages,
    queue: events.Events,
    place: int,
    now_s: float,
    waited_s: float,
) -> None:
    """A batch goes on to the next stage, or is through; of its time there it waited for another model."""
    slot, stage = stages.serves[place], place % rules.stages
    stages.serves[place] = NONE
    length_s = stage_s(rules, batches, slot, stage) + waited_s
    courses.end_stage(requests, batches.members[slot], batches.each[slot].count, now_s, length_s)
    events.now(queue, events.SERVE, place)
    if stage == rules.stages - 1:
        events.now(queue, events.END_BATCH, slot)
    else:
        events.now(queue, events.ENTER, slot * rules.stages + stage + 1)


@inner
def advance(
    rules: Rules,
    costs: Costs,
    requests: Records,
    replicas: Replicas,
    batches: Batches,
    stages: Stages,
    queue: events.Events,
    log: records.Log,
    touched: Ints,
    took_s: Floats,
    cache: Cache,
    tiers: Tiers,
    adapters: Adapters,
    draws: Draws,
    coming: Coming,
    front: Front,
    side: Beside,
    clocks: Records,
) -> tuple[int, int]:
    """How it ended, and with which replica. Where it ended for want of room in the log, or paused, it can be called again."""
    clock, is_alone = clocks[0], rules.model == NONE
    count, arrived, routed, made, ending, whom = len(requests), clock.arrived, clock.routed, clock.made, ENDED, NONE
    now_s, is_over = clock.now_s, False
    may_hurry = (
        rules.slots == 1 and is_alone and not rules.records and rules.policy != LIGHTLLM and rules.policy != SGLANG
    )
    if front.router == door.PREFIX_AWARE:  # it looks into caches while steps are under way
        may_hurry = may_hurry and not rules.has_cache
    if rules.remote_block_s > 0:  # replicas find what others store
        may_hurry = False
    room = (2 * rules.slots + 2) * (rules.most_admitted * rules.slots + 2)  # what one event may write
    marks, first = queue.marks[0], queue.heap[0]
    while not is_over:
        if (rules.records and records.is_full(log, room)) or door.is_full(front):
            ending = NO_ROOM
            break
        if rules.waits_for_ends:
            arrives_s = comers.next_s(coming)
        else:
            arrives_s = requests[arrived].arrived_s if arrived < count else np.inf
        ahead_s = events.next_later_s(marks, first)
        leaves_s = admission.due_s(rules, requests, coming, front, routed)
        changes_s, next_s = front.marks[0].next_s, min(arrives_s, ahead_s, leaves_s)
        if not is_alone:
            clock.next_s = next_s if events.is_quiet(marks) else now_s
            if clock.next_s > clock.until_s:
                ending = PAUSED
                break
        if changes_s <= next_s and next_s < np.inf and (changes_s <= now_s or events.is_quiet(marks)):
            now_s = changes_s
            is_over = now_s > rules.time_limit_s
            scaling.change(rules, cache, front, now_s)
            continue
        if leaves_s <= min(arrives_s, ahead_s) and leaves_s < np.inf and (leaves_s <= now_s or events.is_quiet(marks)):
            now_s = leaves_s
            is_over = now_s > rules.time_limit_s
            replica = admission.drop(rules, requests, replicas, coming, front, now_s)
            admission.look_again(front, queue, replica)
            continue
        if arrives_s < np.inf and arrives_s <= ahead_s and (arrives_s <= now_s or events.is_quiet(marks)):
            now_s = arrives_s
            is_over = now_s > rules.time_limit_s
            if rules.waits_for_ends and not comers.come(rules, coming, requests, arrived):
                continue
            if arrived == routed:
                events.now(queue, events.ROUTE, NONE)
            arrived += 1
            continue
        is_line_first = not events.is_quiet(marks)
        if is_line_first and ahead_s <= now_s:  # at one time the one that was created before
            is_line_first = queue.line[marks.head % len(queue.line)].number < first.number
        if is_line_first:
            what, whom = events.pop_line(queue)
        elif ahead_s < np.inf:
            now_s = ahead_s
            what, whom = events.pop_heap(queue)
        else:
            break
        is_over = now_s > rules.time_limit_s
        if what == events.ROUTE:
            send_out(rules, requests, replicas, cache, coming, front, queue, touched, routed, arrived, now_s)
            routed = arrived
        elif what == events.FORM:
            more = begin_batches(
                rules,
                costs,
                requests,
                replicas,
                batches,
                stages,
                queue,
                took_s,
                cache,
                tiers,
                adapters,
                whom,
                made,
                now_s,
                arrives_s,
                leaves_s,
                may_hurry,
            )
            if more == lightllm.OUT_OF_MEMORY:
                ending, is_over = OUT_OF_MEMORY, True
            else:
                if rules.records:
                    write_steps(log, rules, costs, requests, batches, whom, made, made + more, now_s)
                made += more
        elif what == events.ENTER:
            enter(rules, stages, queue, whom // rules.stages, whom % rules.stages)
        elif what == events.SERVE:
            slot = next_of_stage(stages, whom)
            if slot != NONE:
                length_s = stage_s(rules, batches, slot, whom % rules.stages)
                replicas.each[whom // rules.stages].busy_s += length_s
                courses.begin_stage(requests, batches.members[slot], batches.each[slot].count, now_s)
                if rules.records:
                    batch, stage = batches.each[slot], whom % rules.stages
                    records.write_stage(log, rules, batch, slot, stage, now_s, length_s)
                if is_alone:
                    events.later(queue, now_s + length_s, events.END_STAGE, whom)
                else:
                    beside.begin(side, rules, costs, batches.each[slot], queue, log, whom, length_s, now_s)
        elif what == events.END_STAGE:
            waited_s = 0.0
            if not is_alone:
                later_s, slot = beside.end_s(side, rules, whom), stages.serves[whom]
                if later_s > now_s:
                    events.later(queue, later_s, events.END_STAGE, whom)
                    continue
                members, size = batches.members[slot], batches.each[slot].count
                waited_s = beside.end(side, rules, requests, members, size, log, whom, now_s)
                replicas.each[whom // rules.stages].busy_s += waited_s
            end_stage(rules, requests, batches, stages, queue, whom, now_s, waited_s)
        elif what == events.ASK:
            beside.ask(side, rules, costs, batches.each[stages.serves[whom]], whom, now_s)
        elif what == events.END_STEPS:
            batch = batches.each[whom]
            took = took_s[whom, : batch.steps]
            mine, members = replicas.each[whom], batches.members[whom]
            if rules.has_tiers:
                vllm_v1_tiers.store_by_steps(
                    rules, requests, mine, members, batch.count, took, cache, tiers, whom, whom
                )
                stores.keep(tiers, requests, members, batch.count, now_s)
            steady.catch_up(rules, requests, mine, members, batch.count, now_s, took, cache, whom)
            take_back(rules, requests, replicas, batches, cache, whom)
            if rules.has_tiers:
                stores.let_go_later(tiers, requests, members, batch.count, whom, queue)
            if front.counts:
                door.leave(requests, front, members, batch.count, now_s)
            if rules.waits_for_ends:
                comers.let_come(rules, coming, requests, members, batch.count, now_s)
            events.now(queue, events.FORM, whom)
        elif what == events.SENT:
            replica = requests[whom].replica
            vllm_v1.let_go(rules, requests, replicas.each[replica], cache, replica, whom)
            if rules.has_tiers:
                tiers.links[replica].kept -= 1
            events.now(queue, events.FORM, replica)
        elif what == events.LOADED:
            replica = requests[whom].replica
            vllm_v1_tiers.end_load(rules, requests, replicas.each[replica], cache, tiers, whom, now_s)
            events.now(queue, events.FORM, replica)
        else:
            if rules.records:
                log.steps_s[batches.each[whom].number, 1] = now_s
            if rules.has_tiers:
                stores.store(tiers, rules, whom // rules.slots, whom, now_s)
                stores.keep(tiers, requests, batches.members[whom], batches.each[whom].count, now_s)
            end_batch(rules, requests, replicas, batches, cache, draws, whom, now_s)
            if rules.has_tiers:
                members, size = batches.members[whom], batches.each[whom].count
                stores.let_go_later(tiers, requests, members, size, whom // rules.slots, queue)
            if front.counts:
                door.leave(requests, front, batches.members[whom], batches.each[whom].count, now_s)
            if rules.sends:
                mine, members = replicas.each[whom // rules.slots], batches.members[whom]
                transfers.send(rules, requests, mine, members, batches.each[whom].count, queue, now_s)
            if rules.waits_for_ends:
                members, size = batches.members[whom], batches.each[whom].count
                comers.let_come(rules, coming, requests, members, size, now_s)
            events.now(queue, events.FORM, whom // rules.slots)
    clock.arrived, clock.routed, clock.made, clock.now_s = arrived, routed, made, now_s
    if ending == ENDED:
        clock.next_s = np.inf
    return ending, whom


@cache
def loop() -> Loop:
    """The compiled loop, kept on disk for as long as no file of this folder changes."""
    return _keyed(crc32(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py")))))


def _keyed(digest: int) -> Loop:
    """The loop; numba keeps one for each value of what a function closes over."""

    def run(one: World, other: World) -> tuple[int, int, int]:
        """How it ended, with which replica of which of two models; a model that is alone stands for the other, too.

        Of two each goes on until the other has something to do before it. Here references are counted, once.
        """
        first, second = one.clocks[0], other.clocks[0]
        first.digest, ending, whom, which = digest, PAUSED, NONE, 0
        if one.rules.model == NONE:
            second.next_s = np.inf
        while ending == PAUSED or (ending == ENDED and min(first.next_s, second.next_s) < np.inf):
            which = 0 if first.next_s <= second.next_s else 1
            if which == 0:
                first.until_s = second.next_s
                ending, whom = advance(*one)
            else:
                second.until_s = first.next_s
                ending, whom = advance(*other)
        return ending, whom, which

    return compiled(run)
