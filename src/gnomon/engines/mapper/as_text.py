"""A mapping as an indented loop nest, the outermost memory first."""

from __future__ import annotations

from gnomon.core.accelerator import Accelerator
from gnomon.core.loop_nest import Loop, LoopNest
from gnomon.core.problem import Problem


def as_text(problem: Problem, accelerator: Accelerator, nest: LoopNest) -> str:
    """Each memory with what it keeps, then its loops, one inside the other; what runs side by side says so."""
    lines: list[str] = []
    depth = 0
    for memory, tiling in reversed(list(zip(accelerator.memories, nest.tilings, strict=True))):
        kept = ", ".join(space.name for space in problem.spaces if space.name in tiling.kept) or "nothing"
        lines.append(f"{'  ' * depth}{memory.name} keeps {kept}")
        for axis, loops in (("", tiling.temporal), (" in y", tiling.spatial_y), (" in x", tiling.spatial_x)):
            for loop in reversed(loops):
                depth += 1
                lines.append(f"{'  ' * depth}{'all' if axis else 'for'} {_loop(loop)}{axis}")
        depth += 1
    lines.append(f"{'  ' * depth}{accelerator.units.name}: " + " ".join(_operation(problem)))
    return "\n".join(lines)


def _loop(loop: Loop) -> str:
    ragged = f", {loop.last} in the last pass" if loop.last != loop.count else ""
    return f"{loop.dim} of {loop.count}{ragged}"


def _operation(problem: Problem) -> list[str]:
    outputs = [space.name for space in problem.spaces if space.is_output]
    inputs = [space.name for space in problem.spaces if not space.is_output]
    return [", ".join(outputs), "+=", " x ".join(inputs)]
