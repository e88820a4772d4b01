"""Blocks of the KV cache: who gets them, and who gives his up when none is left."""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.core.service import Ints
from gnomon.engines.serving.simulator.queues import pop_front, push_front
from gnomon.engines.serving.simulator.state import NONE, Records, Rules


@inner
def free_blocks(rules: Rules, mine: Records) -> int:
    """Blocks that nobody holds."""
    free: int = rules.blocks - mine.used_blocks
    return free


@inner
def prompt_blocks(rules: Rules, requests: Records, request: int) -> int:
    """Blocks of a request's prompt."""
    needed: int = -(-requests[request].prefill // rules.block_tokens)
    return needed


@inner
def fits_prompt(rules: Rules, requests: Records, mine: Records, request: int) -> bool:
    """Whether a prompt leaves the watermark free."""
    left = free_blocks(rules, mine) - prompt_blocks(rules, requests, request)
    return left >= rules.watermark_blocks


@inner
def admit(requests: Records, mine: Records, blocks: int) -> int:
    """The first of the queue, which leaves it with so many blocks."""
    request = pop_front(requests, mine)
    requests[request].blocks = blocks
    mine.used_blocks += blocks
    mine.admitted += 1
    return request


@inner
def extend(rules: Rules, one: Records, mine: Records) -> None:
    """One block more where the tokens of a request so far do not fit those that it has."""
    if one.processed > one.blocks * rules.block_tokens:
        one.blocks += 1
        mine.used_blocks += 1


@inner
def release(one: Records, mine: Records) -> None:
    """A request gives its blocks back."""
    mine.used_blocks -= one.blocks
    one.blocks = 0
    mine.admitted -= 1


@inner
def restart(rules: Rules, one: Records) -> None:
    """A request begins again: what it has computed becomes its prompt.

    Defect of Vidur: of a request that is not through its prompt the rest of it becomes output.
    """
    if one.is_prefilled or rules.has_defects:
        whole = one.prefill + one.decode
        one.prefill = one.processed
        one.decode = whole - one.processed
    one.processed = 0
    one.is_scheduled = False
    one.is_prefilled = False
    one.restarts += 1


@inner
def evict(rules: Rules, requests: Records, mine: Records, request: int) -> None:
    """A request gives its blocks back and begins again, before all that wait."""
    restart(rules, requests[request])
    release(requests[request], mine)
    note_victim(requests, mine, request)
    push_front(requests, mine, request)


@inner
def note_victim(requests: Records, mine: Records, request: int) -> None:
    """A request lost its blocks in the batch that is being made."""
    requests[request].also = mine.victim if mine.victims > 0 else NONE
    mine.victim = request
    mine.victims += 1


@inner
def secure(rules: Rules, requests: Records, mine: Records, ready: Ints, request: int, place: int, end: int) -> int:
    """The new end of those in `ready` from `place` on, after enough of the last of them made room for one block.

    NONE: there was nobody left, and the request itself was evicted. A block has to be free even where none is needed.
    """
    while free_blocks(rules, mine) < 1:
        if end > place:
            end -= 1
            evict(rules, requests, mine, ready[end])
        else:
            evict(rules, requests, mine, request)
            return NONE
    return end


@inner
def keep_rest(mine: Records, ready: Ints, kept: int, place: int, end: int) -> None:
    """Of those in `ready` the first `kept` and those from `place` to `end` stay."""
    for at in range(place, end):
        ready[kept] = ready[at]
        kept += 1
    mine.readies = kept


@inner
def sort_ready(requests: Records, mine: Records, ready: Ints) -> None:
    """Those in `ready` in the order of arrival; equals stay as they were. They are nearly sorted, and so inserted."""
    for at in range(1, mine.readies):
        request = ready[at]
        arrived_s = requests[request].arrived_s
        place = at
        while place > 0 and requests[ready[place - 1]].arrived_s > arrived_s:
            ready[place] = ready[place - 1]
            place -= 1
        ready[place] = request
