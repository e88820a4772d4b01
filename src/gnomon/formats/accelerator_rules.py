"""The dataflow in an accelerator file -> rules of a map space, in the words of a convolution."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gnomon.core.accelerator import Accelerator
from gnomon.core.convolution import DIMS, SPACES, Dim
from gnomon.core.errors import BadInput
from gnomon.core.map_space import LevelRules, LoopRules
from gnomon.formats.accelerator_shape import WrittenLoops, WrittenMemory, WrittenSpread
from gnomon.formats.strict import FieldPath

Place = Callable[[FieldPath], str]  # of a field: file and line


def level_rules(written: WrittenMemory, accelerator: Accelerator, level: int, place: Place) -> LevelRules:
    """The rules for one memory. BadInput where they contradict themselves or the machine."""
    path = ("memories", level)
    fanout = accelerator.fanout(level)
    kept = frozenset[str](SPACES if written.keeps is None else written.keeps)
    if level == len(accelerator.memories) - 1 and kept != frozenset(SPACES):
        raise _fault("the outermost memory keeps everything; leave it out", (*path, "keeps"), place)
    is_free = written.keeps is None and level < len(accelerator.memories) - 1
    return LevelRules(
        temporal=_in_time(written.temporal, (*path, "temporal"), place),
        spatial=_over_children(written.spatial, fanout, (*path, "spatial"), place),
        along_x=None if written.spatial.x is None and written.spatial.y is None else len(written.spatial.x or ()),
        kept=frozenset() if is_free else kept,
        bypassed=frozenset() if is_free else frozenset(SPACES) - kept,
        keeping_place=f"{place((*path, 'keeps'))}: {written.name} keeps",
    )


def _in_time(written: WrittenLoops, path: FieldPath, place: Place) -> LoopRules:
    both = [dim for dim in written.inner if dim in written.outer]
    if both:
        raise _fault(f"{both[0]} cannot stand both innermost and outermost", path, place)
    return LoopRules(
        exactly=_exactly(written.only, written.exactly, path, place),
        at_most=_counts(written.at_most, (*path, "at_most"), place),
        at_least=_counts(written.at_least, (*path, "at_least"), place),
        inner=_once(written.inner, (*path, "inner"), place),
        outer=_once(written.outer, (*path, "outer"), place),
        place=place(path),
    )


def _over_children(written: WrittenSpread, fanout: tuple[int, int], path: FieldPath, place: Place) -> LoopRules:
    for axis, dims, children in (("x", written.x, fanout[0]), ("y", written.y, fanout[1])):
        if dims and children == 1:
            raise _fault(f"{', '.join(dims)}: the memory has one child along {axis}", (*path, axis), place)
    order = (*(written.x or ()), *(written.y or ()))
    is_free = written.x is None and written.y is None
    return LoopRules(
        exactly=_exactly(None if is_free else order, written.exactly, path, place),
        at_most=_counts(written.at_most, (*path, "at_most"), place),
        at_least=_counts(written.at_least, (*path, "at_least"), place),
        inner=_once(order, path, place),
        place=place(path),
    )


def _exactly(only: tuple[Dim, ...] | None, exactly: Mapping[Dim, int], path: FieldPath, place: Place) -> dict[str, int]:
    """Iterations that are fixed: one of each dimension that may have no loop."""
    found: dict[str, int] = {dim: 1 for dim in DIMS if only is not None and dim not in only}
    for dim, count in _counts(exactly, (*path, "exactly"), place).items():
        if found.setdefault(dim, count) != count:
            raise _fault(
                f"{dim} may have no loop here and is to have {count} iterations", (*path, "exactly", dim), place
            )
    return found


def _counts(counts: Mapping[Dim, int], path: FieldPath, place: Place) -> dict[str, int]:
    for dim, count in counts.items():
        if count < 1:
            raise _fault(f"{count} is no number of iterations; 1 is the least", (*path, dim), place)
    return {str(dim): count for dim, count in counts.items()}


def _once(dims: tuple[Dim, ...], path: FieldPath, place: Place) -> tuple[str, ...]:
    twice = [dim for dim in dims if dims.count(dim) > 1]
    if twice:
        raise _fault(f"{twice[0]} is given twice", path, place)
    return dims


def _fault(text: str, path: FieldPath, place: Place) -> BadInput:
    return BadInput(text, field=".".join(map(str, path)), where=place(path))
