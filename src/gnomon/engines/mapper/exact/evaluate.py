"""One mapping, counted and priced by Gnomon's own conventions."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod

from gnomon.core.accelerator import Accelerator
from gnomon.core.errors import Unsupported
from gnomon.core.loop_nest import LoopNest
from gnomon.core.problem import Problem
from gnomon.engines.mapper.coded import coded
from gnomon.engines.mapper.evaluate import check_fit
from gnomon.engines.mapper.exact.activity import Activity, Counts, parent_of, passes, tile_words
from gnomon.engines.mapper.exact.costs import Costs, check_wires, priced
from gnomon.engines.mapper.exact.found import ASKED, FIRST_ASKED, LAST_UPDATED, LAST_WORDS
from gnomon.engines.mapper.exact.walk import walked

_MOST_WORK = 2**17  # multiply-accumulates that are walked; a minute or so


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Everything that is known of a mapping."""

    activity: Activity
    costs: Costs


def evaluate(problem: Problem, accelerator: Accelerator, nest: LoopNest) -> Evaluation:
    """Evaluate a mapping. BadInput where its tiles do not fit, Unsupported where it takes a walk that is too long."""
    check_wires(accelerator)
    check_fit(accelerator, tile_words(problem, nest))
    try:
        activity = _in_closed_form(problem, accelerator, nest)
    except Unsupported as reason:
        if problem.macs > _MOST_WORK:
            raise Unsupported(f"{reason}; up to {_MOST_WORK:,} multiply-accumulates are walked") from None
        activity = walked(problem, nest)
    return Evaluation(activity=activity, costs=priced(accelerator, activity))


def _in_closed_form(problem: Problem, accelerator: Accelerator, nest: LoopNest) -> Activity:
    """The activity of `walk`, from `moved` and `tallied`. Unsupported where only a walk can tell."""
    from gnomon.engines.mapper.exact.quick import Quick  # imports numba

    found = Quick(problem, accelerator, nest).found(coded(problem, [nest]), with_ends=True)
    tiles = tile_words(problem, nest)
    levels = range(len(nest.tilings))
    counts: list[dict[str, Counts]] = [{} for _ in levels]
    for at, space in enumerate(problem.spaces):
        kept = [space.name in tiling.kept for tiling in nest.tilings]
        inside = -1
        for level, tiling in enumerate(nest.tilings):
            if not kept[level]:
                counts[level][space.name] = Counts(is_kept=False)
                continue
            reads, fills, updates, first = (int(count) for count in found.counts[0, at, level])
            asked, own = found.figures[0, at, inside + 1], found.figures[0, at, level + 1]
            is_skipped = space.is_output and space.name not in tiling.reads_first_update
            counts[level][space.name] = Counts(
                is_kept=True,
                words=tiles[level][space.name],
                reads=reads,
                fills=fills,
                updates=updates,
                asked=int(asked[ASKED]),
                first=first,
                first_asked=int(asked[FIRST_ASKED]) if inside >= 0 else 0,
                last_updated=int(asked[LAST_UPDATED]),
                last_words=int(own[LAST_WORDS]),
                is_filled=parent_of(kept, level) is not None and not is_skipped,
            )
            inside = level

    def steps(level: int) -> int:
        return prod(passes(nest, dim, level) for dim in problem.bounds)

    of_first = steps(len(nest.tilings))
    return Activity(
        levels=tuple(counts),
        at_work=tuple(Fraction(steps(level), of_first) for level in levels),
        units_at_work=Fraction(problem.macs, of_first),
        expansions=tuple(prod(tiling.children for tiling in nest.tilings[level + 1 :]) for level in levels),
        macs=problem.macs,
        steps=of_first,
    )
