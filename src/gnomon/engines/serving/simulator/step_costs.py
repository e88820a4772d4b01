"""What a step takes on each stage, on grids of sizes: linear between two points, and on from the last two beyond them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.core.jit import inner
from gnomon.core.service import Floats, StepTimes

_GRIDS = ("tokens", "sampled", "decodes", "decode_kv", "before", "chunks", "adapted", "adapters")
_CURVES = ("by_tokens_s", "first_s", "send_s", "last_s", "decode_s", "prefill_s", "adapters_s")


class Grid(NamedTuple):
    """Sizes, and where they begin among the numbers of Grids."""

    first: int
    points: int


class Grids(NamedTuple):
    """StepTimes for compiled functions: one array, because each array that a function is handed costs."""

    numbers: Floats
    tokens: Grid
    sampled: Grid
    decodes: Grid
    decode_kv: Grid
    before: Grid
    chunks: Grid
    adapted: Grid
    adapters: Grid
    by_tokens_s: int  # this and what follows: where the times begin
    first_s: int
    send_s: int
    last_s: int
    decode_s: int
    prefill_s: int
    adapters_s: int
    host_step_s: float
    host_request_s: float
    adapter_load_s: float


def grids(times: StepTimes | None) -> Grids:
    """The same times; None: of nothing."""
    if times is None:
        nothing = Grid(0, 1)
        return Grids(np.zeros(1), *(nothing,) * 8, *(0,) * 7, 0.0, 0.0, 0.0)
    given = {name: getattr(times, name) for name in (*_GRIDS, *_CURVES)}
    parts = {name: np.asarray([0.0] if one is None else one, np.float64).ravel() for name, one in given.items()}
    places = dict(zip(parts, np.cumsum([0, *map(len, parts.values())]).tolist(), strict=False))
    sizes = {name: Grid(places[name], len(parts[name])) for name in _GRIDS}
    return Grids(
        numbers=np.concatenate(list(parts.values())),
        tokens=sizes["tokens"],
        sampled=sizes["sampled"],
        decodes=sizes["decodes"],
        decode_kv=sizes["decode_kv"],
        before=sizes["before"],
        chunks=sizes["chunks"],
        adapted=sizes["adapted"],
        adapters=sizes["adapters"],
        by_tokens_s=places["by_tokens_s"],
        first_s=places["first_s"],
        send_s=places["send_s"],
        last_s=places["last_s"],
        decode_s=places["decode_s"],
        prefill_s=places["prefill_s"],
        adapters_s=places["adapters_s"],
        host_step_s=float(times.host_step_s),
        host_request_s=float(times.host_request_s),
        adapter_load_s=float(times.adapter_load_s),
    )


@inner
def segment(numbers: Floats, grid: Grid, size: float) -> tuple[int, float]:
    """The point of a grid before a size, and how far the size lies towards the next; below the first point it is the first."""
    first, last = grid.first, grid.first + grid.points - 1
    if last == first or size <= numbers[first]:
        return 0, 0.0
    low, high = first, last
    while high - low > 1:
        middle = (low + high) // 2
        if numbers[middle] <= size:
            low = middle
        else:
            high = middle
    return low - first, (size - numbers[low]) / (numbers[low + 1] - numbers[low])


@inner
def between(low_s: float, high_s: float, share: float) -> float:
    """A time between two; never below zero, also where their line goes there."""
    return max(low_s + share * (high_s - low_s), 0.0)


@inner
def along(numbers: Floats, curve: int, point: int, share: float) -> float:
    """A time of a curve, at a segment."""
    if share == 0.0:
        found: float = numbers[curve + point]
        return found
    return between(numbers[curve + point], numbers[curve + point + 1], share)


@inner
def across(numbers: Floats, surface: int, width: int, row: int, row_share: float, column: int, share: float) -> float:
    """A time of a surface: along its rows first, then from column to column."""
    low_s = down(numbers, surface + column, width, row, row_share)
    return low_s if share == 0.0 else between(low_s, down(numbers, surface + column + 1, width, row, row_share), share)


@inner
def down(numbers: Floats, column: int, width: int, row: int, share: float) -> float:
    """A time of a column of a surface, between two rows."""
    low_s: float = numbers[column + row * width]
    return low_s if share == 0.0 else between(low_s, numbers[column + (row + 1) * width], share)


class Stretch(NamedTuple):
    """Between two lengths in the cache the attention of those that decode is a line."""

    low_kv: float
    high_kv: float
    low_s: float
    high_s: float


@inner
def decode_stretch(grids: Grids, requests: int, kv: float) -> Stretch:
    """That of so many that decode, about a mean length."""
    numbers, lengths = grids.numbers, grids.decode_kv
    row, row_share = segment(numbers, grids.decodes, float(requests))
    column, share = segment(numbers, lengths, kv)
    low_kv, low_s = (
        numbers[lengths.first + column],
        down(numbers, grids.decode_s + column, lengths.points, row, row_share),
    )
    if share == 0.0 and (kv < low_kv or lengths.points == 1):
        return Stretch(low_kv - 1.0, low_kv, low_s, low_s)
    column = min(column + 1, lengths.points - 1)
    high_s = down(numbers, grids.decode_s + column, lengths.points, row, row_share)
    return Stretch(low_kv, numbers[lengths.first + column], low_s, high_s)


@inner
def decode_s(stretch: Stretch, kv: float) -> float:
    """Attention of those that decode, at a mean length."""
    return between(stretch.low_s, stretch.high_s, (kv - stretch.low_kv) / (stretch.high_kv - stretch.low_kv))


@inner
def prefill_s(grids: Grids, before: int, tokens: int) -> float:
    """Attention of a chunk of a prompt."""
    row, row_share = segment(grids.numbers, grids.before, float(before))
    column, share = segment(grids.numbers, grids.chunks, float(tokens))
    return across(grids.numbers, grids.prefill_s, grids.chunks.points, row, row_share, column, share)


@inner
def adapters_s(grids: Grids, tokens: int, different: int) -> float:
    """The products of so many tokens with so many different adapters."""
    row, row_share = segment(grids.numbers, grids.adapted, float(tokens))
    column, share = segment(grids.numbers, grids.adapters, float(different))
    return across(grids.numbers, grids.adapters_s, grids.adapters.points, row, row_share, column, share)


@inner
def by_tokens_s(grids: Grids, tokens: int) -> tuple[float, float, float]:
    """What depends on the tokens alone: on every stage, on the first besides, for the send to the next."""
    point, share = segment(grids.numbers, grids.tokens, float(tokens))
    numbers = grids.numbers
    return (
        along(numbers, grids.by_tokens_s, point, share),
        along(numbers, grids.first_s, point, share),
        along(numbers, grids.send_s, point, share),
    )


@inner
def last_s(grids: Grids, sampled: int) -> float:
    """What the last stage does besides."""
    point, share = segment(grids.numbers, grids.sampled, float(sampled))
    return along(grids.numbers, grids.last_s, point, share)


@inner
def host_s(grids: Grids, requests: int) -> float:
    """Of the host, for a step of so many requests."""
    total_s: float = grids.host_step_s + requests * grids.host_request_s
    return total_s
