"""What a backend printed -> when each rank ended. Its exit code says nothing: it is 0 of ranks that wait for ever. Pure."""

from __future__ import annotations

import re

from gnomon.adapters.astrasim.cluster import ClusterAnswer
from gnomon.core.errors import ToolError
from gnomon.core.fabric import Backend

_ENDED = re.compile(r"sys\[(\d+)\] finished, (\d+) cycles, exposed communication (-?\d+) cycles")
_WAITING = re.compile(r"Hardware Resource sys\.id=(\d+) has unreleased nodes")
_FAULTS = ("[critical]", "[error]", "[Error]", "Assertion", "what():", "terminate called", "error")
_MISLEADING = "Only GPU and COMM types are supported"  # said after a rank ended that used its host or its memory
_WIDTH = 200  # letters of a line that is quoted
_SHOWN = 4  # ranks in a message


def read(out: str, err: str, code: int, npus: int, *, backend: Backend, version: str) -> ClusterAnswer:
    """The answer. ToolError for ranks that wait, ranks that are missing, a crash, nothing said, and a total of zero."""
    found = {int(rank): (int(cycles), int(exposed)) for rank, cycles, exposed in _ENDED.findall(out)}
    _check_complete(found, out, err, code, npus)
    cycles = tuple(found[rank][0] for rank in range(npus))
    if not max(cycles):
        raise ToolError("astra-sim gave a total of 0 cycles: something was not counted")
    notes = (f"it died with code {code} after all ranks had ended",) if code else ()
    return ClusterAnswer(
        version=version,
        backend=backend,
        cycles=cycles,
        exposed=tuple(found[rank][1] for rank in range(npus)),
        notes=notes,
    )


def _check_complete(found: dict[int, tuple[int, int]], out: str, err: str, code: int, npus: int) -> None:
    """ToolError unless each rank has ended, and no other."""
    absent = [rank for rank in range(npus) if rank not in found]
    if beyond := sorted(set(found).difference(range(npus))):
        raise ToolError(f"astra-sim told of rank {beyond[0]}, but there are {npus}")
    if not absent:
        return
    if waiting := sorted({int(rank) for rank in _WAITING.findall(out)}):
        raise ToolError(
            f"astra-sim: {len(absent)} of {npus} ranks never ended; {_ranks(waiting)} wait with nodes that were not released: "
            "a collective or a message that not all ranks have alike, or a deadlock of its queues"
        )
    if not out.strip() and not err.strip():
        raise ToolError(f"astra-sim printed nothing (exit code {code})")
    if code < 0 or code > 128:  # a container tells a signal as 128 and its number
        raise ToolError(f"astra-sim aborted before {len(absent)} of {npus} ranks had ended ({_fault(out, err)})")
    if code:
        raise ToolError(f"astra-sim failed with code {code}: {_fault(out, err)}")
    raise ToolError(f"astra-sim told nothing of {_ranks(absent)}, though it ended well: {_fault(out, err)}")


def _ranks(ranks: list[int]) -> str:
    named = ", ".join(map(str, ranks[:_SHOWN])) + (" and others" if len(ranks) > _SHOWN else "")
    return f"rank{'s' if len(ranks) > 1 else ''} {named}"


def _fault(out: str, err: str) -> str:
    """The first line with a fault, else the last; without the time."""
    lines = [line.strip() for line in f"{err}\n{out}".splitlines() if line.strip() and _MISLEADING not in line]
    told = [line for line in lines if any(word in line for word in _FAULTS)]
    line = (told[:1] or lines[-1:] or ["it said nothing"])[0]
    return re.sub(r"^\[[-0-9: .]+\] ", "", line)[:_WIDTH]
