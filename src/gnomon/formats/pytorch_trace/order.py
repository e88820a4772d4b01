"""What waits for what: the order of calls in each thread, what other threads and kernels are waited for.

A trace says who called whom. An operator waits for the one before it in its thread, callers before what they call; a kernel waits for
the operator that launched it. [Chakra 21585d8, pytorch_converter.py, convert_ctrl_dep_to_data_dep]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from gnomon.core.errors import BadInput
from gnomon.formats.pytorch_trace.file import TorchNode

_THREADS = ("[pytorch|profiler|execution_trace|thread]", "[pytorch|profiler|execution_graph|thread]")

Waits = dict[int, list[int]]  # node -> what it waits for, each once


def waits_of(nodes: Mapping[int, TorchNode], *, in_stream_order: bool) -> Waits:
    """Of each node that a thread reaches, what it waits for. BadInput where there is no thread.

    in_stream_order: a kernel also waits for the one before it on its stream.
    """
    called: dict[int, list[TorchNode]] = defaultdict(list)
    for node in nodes.values():
        if node.caller != node.id:
            called[node.caller].append(node)
    threads = [node for node in nodes.values() if node.name in _THREADS]
    if not threads:
        raise BadInput(f"no thread: a node {_THREADS[0]!r} must call all others")
    waits: Waits = {}
    for thread in threads:
        before: TorchNode | None = None  # last operator of the host
        launched: TorchNode | None = None  # the same, as what a first kernel after it waits for
        for node in _in_order(thread, called):
            waits[node.id] = waiting = []
            if node.is_kernel:
                if launched is not None:
                    waiting.append(launched.id)
                launched = before
            else:
                waiting += [one for one in (node.after_thread, before.id if before else None) if one is not None]
                before = launched = node
            waiting += [one for one in node.syncs if _is_earlier(nodes.get(one), node)]
    if in_stream_order:
        _along_streams(nodes, waits)
    return {number: list(dict.fromkeys(waiting)) for number, waiting in waits.items()}


def _in_order(thread: TorchNode, called: Mapping[int, Sequence[TorchNode]]) -> Iterator[TorchNode]:
    """A caller, then what it called, by ascending id."""
    stack, seen = [thread], set()
    while stack:
        node = stack.pop()
        if node.id in seen:
            continue
        seen.add(node.id)
        yield node
        stack += sorted(called.get(node.id, ()), key=lambda one: one.id, reverse=True)


def _is_earlier(one: TorchNode | None, than: TorchNode) -> bool:
    """Whether it began before: the analysis that finds what is waited for also names what came later."""
    return one is not None and one.began_us is not None and than.began_us is not None and one.began_us < than.began_us


def _along_streams(nodes: Mapping[int, TorchNode], waits: Waits) -> None:
    streams: dict[int, list[TorchNode]] = defaultdict(list)
    for number in waits:
        node = nodes[number]
        if node.is_kernel and node.stream is not None and node.began_us is not None:
            streams[node.stream].append(node)
    for kernels in streams.values():
        kernels.sort(key=lambda node: (node.began_us, node.id))
        for before, kernel in pairwise(kernels):
            waits[kernel.id].append(before.id)
