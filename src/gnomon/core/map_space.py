"""Which mappings of a problem on an accelerator are allowed: rules for the loops at each memory and for what it keeps.

The terms are those of Timeloop's constraints. [Parashar et al., Timeloop, ISPASS 2019, section IV]
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopRules:
    """For the loops at one memory in time, or for those over its children."""

    exactly: Mapping[str, int] = field(default_factory=dict)  # dimension -> iterations
    at_most: Mapping[str, int] = field(default_factory=dict)
    at_least: Mapping[str, int] = field(default_factory=dict)
    inner: tuple[str, ...] = ()  # the dimensions that stand innermost, in this order
    outer: tuple[str, ...] = ()  # those that stand outermost, the innermost of them first
    place: str = ""  # where the rules are written, for messages


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRules:
    """For one memory."""

    memory: str = ""  # its name, for messages
    temporal: LoopRules = LoopRules()
    spatial: LoopRules = LoopRules()
    along_x: int | None = None  # of the spatial order, so many of the first dimensions run along x; None: any
    kept: frozenset[str] = frozenset()  # data spaces that it must keep
    bypassed: frozenset[str] = frozenset()  # that it must not keep
    no_temporal_reuse: frozenset[str] = frozenset()  # flags, as those of a Tiling
    no_multicast: frozenset[str] = frozenset()
    no_link_transfer: frozenset[str] = frozenset()
    reads_first_update: frozenset[str] = frozenset()
    keeping_place: str = ""  # where the rules for data spaces are written

    def bound_to_axes(self, dims: Collection[str]) -> tuple[frozenset[str], frozenset[str]]:
        """Of all dimensions of the problem, those that can run over its children along x alone, and along y alone.

        The first `along_x` of the spatial order are told whatever stands between its inner and its outer dimensions.
        """
        if self.along_x is None:
            return frozenset(), frozenset()
        inner, outer = self.spatial.inner, self.spatial.outer
        between = frozenset(dims) - {*inner, *outer}
        after = max(self.along_x - len(inner), 0)  # of those between and outside, so many run along x
        further = max(after - len(between), 0)
        x, y = {*inner[: self.along_x], *outer[:further]}, {*inner[self.along_x :], *outer[further:]}
        if after >= len(between):
            x |= between
        elif not after:
            y |= between
        return frozenset(x), frozenset(y)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRules:
    """Rules for every memory, the innermost first."""

    levels: tuple[LevelRules, ...]
    least_units: int = 1  # of the multiply-accumulate units inside one of the outermost memory, so many must have work
    units_place: str = ""  # where that is written

    def without_places(self) -> MapRules:
        """The same rules, wherever they are written."""
        levels = tuple(
            replace(
                level,
                temporal=replace(level.temporal, place=""),
                spatial=replace(level.spatial, place=""),
                keeping_place="",
            )
            for level in self.levels
        )
        return replace(self, levels=levels, units_place="")
