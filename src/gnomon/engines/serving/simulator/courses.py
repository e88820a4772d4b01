"""What happens to the requests of a batch: it is made, a stage begins and ends, it comes back."""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.core.service import Ints
from gnomon.engines.serving.simulator.blocks import release
from gnomon.engines.serving.simulator.state import Records


@inner
def schedule(requests: Records, members: Records, size: int, now_s: float) -> None:
    """A batch is made; of each request the first counts, also when it begins again."""
    for at in range(size):
        request = members[at].request
        members[at].is_admitted = not requests[request].is_scheduled
        if not requests[request].is_scheduled:
            requests[request].is_scheduled = True
            if not requests[request].is_begun:
                requests[request].is_begun = True
                requests[request].scheduled_s = now_s


@inner
def begin_stage(requests: Records, members: Records, size: int, now_s: float) -> None:
    """A stage begins: what passed since the last one was idle."""
    for at in range(size):
        request = members[at].request
        if requests[request].stage_end_s == 0:
            requests[request].idle_s = 0.0
        else:
            requests[request].idle_s += now_s - requests[request].stage_end_s


@inner
def end_stage(requests: Records, members: Records, size: int, now_s: float, took_s: float) -> None:
    """A stage ends."""
    for at in range(size):
        request = members[at].request
        requests[request].execution_s += took_s
        requests[request].stage_end_s = now_s


@inner
def end_batch(requests: Records, members: Records, size: int, now_s: float) -> None:
    """The last stage has ended: a prompt that is through has given the first token with it."""
    for at in range(size):
        request = members[at].request
        done = requests[request].processed + members[at].tokens
        if done == requests[request].prefill:
            requests[request].is_prefilled = True
            done += 1
            if requests[request].first_token_s == 0:
                requests[request].first_token_s = now_s
        if done == requests[request].prefill + requests[request].decode:
            requests[request].is_completed = True
            requests[request].completed_s = now_s
        requests[request].processed = done


@inner
def take_back(requests: Records, mine: Records, ready: Ints, members: Records, size: int) -> None:
    """Requests that are through give their blocks back; the others are ready again, in the order of the batch."""
    readies = mine.readies
    for at in range(size):
        request = members[at].request
        if requests[request].is_completed:
            release(requests[request], mine)
        else:
            ready[readies] = request
            readies += 1
    mine.readies = readies
