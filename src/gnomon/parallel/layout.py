"""Where the groups of each axis of a plan lie on a machine: how many members differ in which dimension of its network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.system import System
from gnomon.core.training_plan import AXES, Axis, GroupAxis, TrainingPlan


def axis_sizes(plan: TrainingPlan, devices: int) -> dict[Axis, int]:
    """Members of a group of each axis. BadInput where they do not make up the devices."""
    taken = plan.tp * plan.cp * plan.pp
    if plan.dp is None:
        if devices % taken:
            raise BadInput(
                f"{devices} devices is not a multiple of tp {plan.tp} x cp {plan.cp} x pp {plan.pp} = {taken}",
                field=_in_the_way(plan, devices),
            )
        dp = devices // taken
    else:
        dp = plan.dp
    sizes: dict[Axis, int] = {"tp": plan.tp, "cp": plan.cp, "dp": dp, "pp": plan.pp}
    if prod(sizes.values()) != devices:
        product = " x ".join(f"{axis} {sizes[axis]}" for axis in AXES)
        raise BadInput(f"{product} = {prod(sizes.values())} ranks, but the system has {devices} devices", field="dp")
    return sizes


def _in_the_way(plan: TrainingPlan, devices: int) -> Axis:
    """The first axis, from the inside, by which what the ones before it leave of the devices cannot be divided."""
    left = devices
    for axis in ("tp", "cp"):
        size: int = getattr(plan, axis)
        if left % size:
            return axis
        left //= size
    return "pp"


def spread(axis: GroupAxis, sizes: Mapping[Axis, int], system: System, *, ep: int = 1) -> tuple[int, ...]:
    """Members of the axis's groups that differ in each dimension of the network, innermost first.

    "ep": the first `ep` members of dp x cp; "edp": every ep-th of them. Ranks count along tp first, then cp, dp and pp.
    """
    return _crossed(*_place(axis, sizes, ep), system)


def _crossed(stride: int, count: int, system: System) -> tuple[int, ...]:
    """Members that differ in each dimension, of a group of `count` ranks `stride` apart.

    A group that lies across the edges of a dimension unevenly counts as if no two members shared one.
    """
    if not system.dimensions:
        return (count,)
    lengths = [dimension.size for dimension in system.dimensions]
    found: list[int] = []
    for length in lengths[:-1]:
        # Neighbours that are less than a length apart leave no place out; others have one each.
        places = count if stride >= length else (count - 1) * stride // length + 1
        within = count // places if count % places == 0 else 1
        found.append(within)
        count //= within
        stride = max(1, stride // length) if within > 1 or stride >= length else 1
    return (*found, count)


def _place(axis: GroupAxis, sizes: Mapping[Axis, int], ep: int) -> tuple[int, int]:
    """Stride between neighbours of a group, and how many there are."""
    if axis in ("ep", "edp"):
        shared = sizes["cp"] * sizes["dp"]
        return (sizes["tp"], ep) if axis == "ep" else (sizes["tp"] * ep, shared // ep)
    if axis == "data":  # all that hold the same weights: dp and cp together
        return sizes["tp"], sizes["cp"] * sizes["dp"]
    inner: Sequence[Axis] = AXES[: AXES.index(axis)]
    return prod(sizes[one] for one in inner), sizes[axis]  # type: ignore[index]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Ranks that differ in one dimension of a machine's network and belong together on some axes of a plan."""

    axes: frozenset[str]  # of GroupAxis, those whose groups contain it
    size: int
    dimension: int  # of the system's network


def strips(sizes: Mapping[Axis, int], system: System, *, ep: int = 1) -> tuple[Strip, ...]:
    """The ranks as a grid, innermost first: each axis of the plan cut where a dimension of the network ends.

    Unsupported where groups of experts cut across groups that share a sequence.
    """
    cp, data = sizes["cp"], sizes["cp"] * sizes["dp"]
    small, large = sorted((cp, ep))
    if large % small:
        raise Unsupported(f"ep {ep} and cp {cp}: one must divide the other")
    within = [("tp", 1, sizes["tp"])]
    for low, high in pairwise((1, small, large, data)):
        axes = {"data", "cp" if high <= cp else "", "ep" if high <= ep else "edp"} - {""}
        within.append((" ".join(sorted(axes)), sizes["tp"] * low, high // low))
    within.append(("pp", sizes["tp"] * data, sizes["pp"]))
    return tuple(
        Strip(axes=frozenset(axes.split()), size=crossed, dimension=at)
        for axes, stride, count in within
        for at, crossed in enumerate(_crossed(stride, count, system))
        if crossed > 1
    )
