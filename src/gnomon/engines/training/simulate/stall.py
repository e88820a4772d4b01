"""Why a cluster stands still with work left: the message of a simulation that does not end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gnomon.core.errors import BadInput
from gnomon.core.trace import NodeKind, TraceNode
from gnomon.engines.training.simulate.graph import called
from gnomon.engines.training.simulate.messages import COLLECTIVE, RENDEZVOUS, Key, Messages
from gnomon.engines.training.simulate.rank import Rank


def check_ended(ranks: Sequence[Rank], messages: Messages) -> None:
    """BadInput that says why, unless every rank has done everything."""
    stuck = [rank for rank in ranks if rank.end_ns is None]
    if not stuck:
        return
    reasons = [*_unmatched(stuck, messages), *_passed_over(stuck), *_in_collectives(ranks, messages)]
    told = reasons[0] if reasons else f"rank {stuck[0].number} waits for nothing that will happen"
    count = f"{len(stuck)} of {len(ranks)} ranks never end" if len(ranks) > 1 else "the rank never ends"
    raise BadInput(f"{count}: {told}", where=stuck[0].place)


def _unmatched(stuck: Sequence[Rank], messages: Messages) -> Iterator[str]:
    """Sends and receives of the traces that do not find each other."""
    sent = [key for key in messages.arrived if key.tag < COLLECTIVE]
    for rank in stuck:
        for node in rank.under_way:
            if node.kind is NodeKind.SEND:
                yield f"rank {rank.number} sends {_told(node)} to rank {node.destination} in {called(node)}, which is never received"
            if node.kind is NodeKind.RECV:
                yield f"rank {rank.number} waits in {called(node)} for {_told(node)} from rank {node.source}, {_instead(rank, node, sent)}"


def _instead(rank: Rank, node: TraceNode, sent: Sequence[Key]) -> str:
    """What came in place of a message that is waited for."""
    from_there = [key for key in sent if key.source == node.source and key.destination == rank.number]
    if not from_there:
        return "which never sends it"
    best = min(from_there, key=lambda key: (key.tag != node.tag, key.message_bytes != node.comm_bytes))
    return f"which sends {best.message_bytes:,} bytes with tag {best.tag}: size and tag of a send and its receive must be the same"


def _told(node: TraceNode) -> str:
    return f"{node.comm_bytes or 0:,} bytes with tag {node.tag}"


def _passed_over(stuck: Sequence[Rank]) -> Iterator[str]:
    """Nodes behind one that is passed over, with nothing left to end and have them tried."""
    for rank in stuck:
        if rank.untried and not rank.under_way:
            node = rank.untried[0]
            yield (
                f"{called(node)} of rank {rank.number} waits for a node that is passed over (INVALID, or without bytes), and is "
                "tried only when another node ends, but none is left; ASTRA-sim stops there in silence"
            )


def _in_collectives(ranks: Sequence[Rank], messages: Messages) -> Iterator[str]:
    """Collectives in which a rank waits for another."""
    for key in messages.awaited:
        if not key.tag % RENDEZVOUS >= COLLECTIVE:
            continue
        waiting, peer = ranks[key.destination], ranks[key.source]
        nodes = [node for node in waiting.under_way if node.kind is NodeKind.COLLECTIVE]
        where = f" in {called(nodes[0])}" if nodes else ""
        if peer.collectives.queues.waiting:
            why = (
                "where the chunk still waits for a queue: ranks that hold each other's queues never go on; raise "
                "active-chunks-per-dimension or --num-queues-per-dim"
            )
        else:
            why = "which sends no such message: all ranks of a group must issue the same collectives, in the same order, of one size"
        yield f"rank {waiting.number} waits{where} for {key.message_bytes:,} bytes from rank {peer.number}, {why}"
