"""Blocks of the KV cache: who gets them, and who gives his up when none is left."""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.engines.serving.queues import pop_front, push_front
from gnomon.engines.serving.state import NONE, Replicas, Requests, Rules


@inner
def free_blocks(rules: Rules, replicas: Replicas, replica: int) -> int:
    """Blocks that nobody holds."""
    free: int = rules.blocks - replicas.used_blocks[replica]
    return free


@inner
def prompt_blocks(rules: Rules, requests: Requests, request: int) -> int:
    """Blocks of a request's prompt."""
    needed: int = -(-requests.prefill[request] // rules.block_tokens)
    return needed


@inner
def fits_prompt(rules: Rules, requests: Requests, replicas: Replicas, replica: int, request: int) -> bool:
    """Whether a prompt leaves the watermark free."""
    left = free_blocks(rules, replicas, replica) - prompt_blocks(rules, requests, request)
    return left >= rules.watermark_blocks


@inner
def admit(requests: Requests, replicas: Replicas, replica: int, blocks: int) -> int:
    """The first of the queue, which leaves it with so many blocks."""
    request = pop_front(requests, replicas, replica)
    requests.blocks[request] = blocks
    replicas.used_blocks[replica] += blocks
    replicas.admitted[replica] += 1
    return request


@inner
def extend(rules: Rules, requests: Requests, replicas: Replicas, replica: int, request: int) -> None:
    """One block more where the tokens so far do not fit those that the request has."""
    if requests.processed[request] > requests.blocks[request] * rules.block_tokens:
        requests.blocks[request] += 1
        replicas.used_blocks[replica] += 1


@inner
def release(requests: Requests, replicas: Replicas, replica: int, request: int) -> None:
    """A request gives its blocks back."""
    replicas.used_blocks[replica] -= requests.blocks[request]
    requests.blocks[request] = 0
    replicas.admitted[replica] -= 1


@inner
def restart(rules: Rules, requests: Requests, request: int) -> None:
    """A request begins again: what it has computed becomes its prompt.

    Defect of Vidur: of a request that is not through its prompt the rest of it becomes output.
    """
    if requests.is_prefilled[request] or rules.has_defects:
        whole = requests.prefill[request] + requests.decode[request]
        requests.prefill[request] = requests.processed[request]
        requests.decode[request] = whole - requests.processed[request]
    requests.processed[request] = 0
    requests.is_scheduled[request] = False
    requests.is_prefilled[request] = False
    requests.restarts[request] += 1


@inner
def evict(rules: Rules, requests: Requests, replicas: Replicas, replica: int, request: int) -> None:
    """A request gives its blocks back and begins again, before all that wait."""
    restart(rules, requests, request)
    release(requests, replicas, replica, request)
    push_front(requests, replicas, replica, request)


@inner
def secure(
    rules: Rules, requests: Requests, replicas: Replicas, replica: int, request: int, place: int, end: int
) -> int:
    """The new end of those in `ready` from `place` on, after enough of the last of them made room for one block.

    NONE: there was nobody left, and the request itself was evicted. A block has to be free even where none is needed.
    """
    while free_blocks(rules, replicas, replica) < 1:
        if end > place:
            end -= 1
            evict(rules, requests, replicas, replica, replicas.ready[replica, end])
        else:
            evict(rules, requests, replicas, replica, request)
            return NONE
    return end


@inner
def keep_rest(replicas: Replicas, replica: int, kept: int, place: int, end: int) -> None:
    """Of those in `ready` the first `kept` and those from `place` to `end` stay."""
    for at in range(place, end):
        replicas.ready[replica, kept] = replicas.ready[replica, at]
        kept += 1
    replicas.readies[replica] = kept


@inner
def sort_ready(requests: Requests, replicas: Replicas, replica: int) -> None:
    """Those in `ready` in the order of arrival; equals stay as they were. They are nearly sorted, and so inserted."""
    ready = replicas.ready[replica]
    for at in range(1, replicas.readies[replica]):
        request = ready[at]
        arrived_s = requests.arrived_s[request]
        place = at
        while place > 0 and requests.arrived_s[ready[place - 1]] > arrived_s:
            ready[place] = ready[place - 1]
            place -= 1
        ready[place] = request
