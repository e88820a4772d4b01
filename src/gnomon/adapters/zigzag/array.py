"""The array of units as ZigZag sees it: its dimensions, and which of them a memory serves."""

from __future__ import annotations

from gnomon.core.accelerator import Accelerator

MOST_DIMENSIONS = 9  # D1 to D9


def array_of(accelerator: Accelerator) -> dict[str, tuple[int, int]]:
    """Name of a dimension -> how many along it, and the level of the memory that fans out over it.

    Every fan-out below a memory along x or y is a dimension; that memory and all outside serve it with one instance.
    """
    found: dict[str, tuple[int, int]] = {}
    for level in range(len(accelerator.memories)):
        for count in accelerator.fanout(level):
            if count > 1:
                found[f"D{len(found) + 1}"] = (count, level)
    return found


def reasons_against(accelerator: Accelerator) -> tuple[str, ...]:
    """Why it cannot be written; empty when it can."""
    found = []
    if len(array_of(accelerator)) > MOST_DIMENSIONS:
        found.append(f"an array has {MOST_DIMENSIONS} dimensions at most")
    if accelerator.memories[-1].instances > 1:
        found.append(f"{accelerator.memories[-1].name}: the outermost memory has one instance")
    return tuple(found)
