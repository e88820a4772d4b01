"""What happens to the requests of a batch: it is made, a stage begins and ends, it comes back."""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.engines.serving.blocks import release
from gnomon.engines.serving.state import Batches, Replicas, Requests


@inner
def schedule(requests: Requests, batches: Batches, slot: int, now_s: float) -> None:
    """A batch is made; of each request the first counts, also when it begins again."""
    for at in range(batches.size[slot]):
        request = batches.members[slot, at]
        if not requests.is_scheduled[request]:
            requests.is_scheduled[request] = True
            if requests.restarts[request] == 0:
                requests.scheduled_s[request] = now_s


@inner
def begin_stage(requests: Requests, batches: Batches, slot: int, now_s: float) -> None:
    """A stage begins: what passed since the last one was idle."""
    for at in range(batches.size[slot]):
        request = batches.members[slot, at]
        if requests.stage_end_s[request] == 0:
            requests.idle_s[request] = 0.0
        else:
            requests.idle_s[request] += now_s - requests.stage_end_s[request]


@inner
def end_stage(requests: Requests, batches: Batches, slot: int, now_s: float, took_s: float) -> None:
    """A stage ends."""
    for at in range(batches.size[slot]):
        request = batches.members[slot, at]
        requests.execution_s[request] += took_s
        requests.stage_end_s[request] = now_s


@inner
def end_batch(requests: Requests, batches: Batches, slot: int, now_s: float) -> None:
    """The last stage has ended: a prompt that is through has given the first token with it."""
    for at in range(batches.size[slot]):
        request = batches.members[slot, at]
        done = requests.processed[request] + batches.tokens[slot, at]
        if done == requests.prefill[request]:
            requests.is_prefilled[request] = True
            done += 1
            if requests.first_token_s[request] == 0:
                requests.first_token_s[request] = now_s
        if done == requests.prefill[request] + requests.decode[request]:
            requests.is_completed[request] = True
            requests.completed_s[request] = now_s
        requests.processed[request] = done


@inner
def take_back(requests: Requests, replicas: Replicas, batches: Batches, replica: int, slot: int) -> None:
    """Requests that are through give their blocks back; the others are ready again, in the order of the batch."""
    readies = replicas.readies[replica]
    for at in range(batches.size[slot]):
        request = batches.members[slot, at]
        if requests.is_completed[request]:
            release(requests, replicas, replica, request)
        else:
            replicas.ready[replica, readies] = request
            readies += 1
    replicas.readies[replica] = readies
