"""A problem as SCALE-Sim sees it: a product of matrices, or a convolution that becomes one."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from gnomon.core.problem import DataSpace, Problem, Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One of the two directions in which a filter moves over an input."""

    outputs: int = 1
    filter: int = 1
    stride: int = 1

    @property
    def inputs(self) -> int:
        """Rows or columns of the input that it touches."""
        return (self.outputs - 1) * self.stride + self.filter


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """`moving` times `still` is `output`: m x k times k x n."""

    moving: str  # the data space that is SCALE-Sim's IFMAP
    still: str  # its FILTER
    output: str
    m: int
    n: int
    k: int
    channels: int
    windows: tuple[Window, Window] | None  # None: a product of matrices


def layer_of(problem: Problem) -> Layer | str:
    """The layer, or the reason why there is none."""
    outputs = [space for space in problem.spaces if space.is_output]
    inputs = [space for space in problem.spaces if not space.is_output]
    if len(outputs) != 1 or len(inputs) != 2:
        return f"a layer has two inputs and one output, not {len(inputs)} and {len(outputs)}"
    (output,), (moving, still) = outputs, inputs
    if _sums(still):
        moving, still = still, moving
    if _sums(still) or _sums(output):
        return "of the data spaces, one input alone may have an index that is a sum"
    if any(len(rank) == 1 and rank[0].factor != 1 for space in problem.spaces for rank in space.ranks):
        return "a dimension with a factor and nothing added to it is no part of a layer"
    shared = moving.dims & still.dims & output.dims
    if any(problem.bounds[dim] > 1 for dim in shared):
        return f"{', '.join(sorted(shared))} is in all data spaces: a batch of products or channels by themselves"
    lone = [dim for dim in problem.bounds if _uses(problem, dim) == 1 and problem.bounds[dim] > 1]
    if lone:
        return f"{', '.join(lone)} is in one data space alone"
    windows = _windows(moving, output, problem)
    if isinstance(windows, str):
        return windows
    sizes = {
        name: _size(problem, *pair)
        for name, pair in {"m": (output, moving), "n": (output, still), "k": (moving, still)}.items()
    }
    filters = prod(window.filter for window in windows) if windows else 1
    return Layer(
        moving=moving.name,
        still=still.name,
        output=output.name,
        channels=sizes["k"] // filters,
        windows=windows,
        **sizes,
    )


def _sums(space: DataSpace) -> list[tuple[Term, ...]]:
    return [rank for rank in space.ranks if len(rank) > 1]


def _uses(problem: Problem, dim: str) -> int:
    return sum(dim in space.dims for space in problem.spaces)


def _size(problem: Problem, one: DataSpace, other: DataSpace) -> int:
    return prod(problem.bounds[dim] for dim in one.dims & other.dims)


def _windows(moving: DataSpace, output: DataSpace, problem: Problem) -> tuple[Window, Window] | str | None:
    sums = _sums(moving)
    if not sums:
        return None
    if len(sums) > 2 or any(len(rank) > 2 for rank in sums):
        return "a filter moves in one or two directions"
    found = []
    for rank in sums:
        steps = [term for term in rank if term.dim in output.dims]
        taps = [term for term in rank if term.dim not in output.dims]
        if len(steps) != 1 or len(taps) != 1 or taps[0].factor != 1 or steps[0].factor < 1:
            return "an index that is a sum is one of an output and one of a filter, and the filter is not dilated"
        found.append(
            Window(outputs=problem.bounds[steps[0].dim], filter=problem.bounds[taps[0].dim], stride=steps[0].factor)
        )
    if len({window.stride for window in found}) > 1:
        return "both directions have one stride"
    rest = prod(problem.bounds[dim] for dim in output.dims & moving.dims) // prod(one.outputs for one in found)
    if rest > 1:
        return "a layer is a single image: a batch is not covered"
    first, second = found if len(found) == 2 else (found[0], Window(stride=found[0].stride))
    return first, second
