"""Gnomon's own counts: the closed form against the walk, laws, and one mapping by hand."""

import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from gnomon.core.accelerator import Accelerator, Memory, Network, Units
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.loop_nest import Loop, LoopNest, Tiling
from gnomon.core.problem import DataSpace, Problem, Term
from gnomon.engines.mapper import evaluate as timeloop
from gnomon.engines.mapper.coded import coded
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.exact.costs import priced
from gnomon.engines.mapper.exact.evaluate import evaluate
from gnomon.engines.mapper.exact.quick import Quick
from gnomon.engines.mapper.exact.walk import walked
from tests.engines.mapper import ragged

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("compiled"),
]  # what is compiled takes a minute: once, and by one worker

MOST_UNITS = 200  # that are walked quickly


def _drawn(seeds, **how):
    """A problem, a mapping and a machine for it, for each seed that does not draw too large a machine."""
    for seed in seeds:
        rng = random.Random(seed)
        asked = ragged.problem(rng)
        nest = ragged.nest(asked, rng.randint(1, 4), rng, **how)
        accelerator = ragged.machine(nest, rng)
        if accelerator.units.instances <= MOST_UNITS:
            yield asked, nest, accelerator


def test_the_closed_form_is_the_walk():
    tried = uneven = 0
    for asked, nest, accelerator in _drawn(range(150)):
        made = evaluate(asked, accelerator, nest)
        activity = walked(asked, nest)
        assert made.activity == activity
        costs = priced(accelerator, activity)
        assert made.costs == costs
        figures = Quick(asked, accelerator, nest).evaluate(coded(asked, [nest]))
        assert figures.cycles[0] == costs.cycles
        assert figures.energy_pj[0] == pytest.approx(costs.energy_pj, rel=1e-12)
        for at, space in enumerate(asked.spaces):
            for level, counts in enumerate(activity.levels):
                one, at_work = counts[space.name], float(activity.at_work[level])
                wanted = [one.reads, one.fills, one.updates, one.first if space.is_output else 0]
                assert figures.counts[0, at, level] * at_work == pytest.approx(wanted, rel=1e-12)
        tried += 1
        uneven += any(
            loop.count != loop.last
            for tiling in nest.tilings
            for loop in (*tiling.temporal, *tiling.spatial_x, *tiling.spatial_y)
        )
    assert tried > 100
    assert uneven > 50


def test_without_halo_bypass_and_links_counts_are_those_of_timeloop():
    compared = 0
    for asked, drawn, accelerator in _drawn(range(200), is_ragged=False, flags=0.0):
        if asked.name.startswith("conv"):
            continue
        everything = frozenset(space.name for space in asked.spaces)
        nest = LoopNest(tilings=tuple(replace(tiling, kept=everything) for tiling in drawn.tilings))
        ours = evaluate(asked, accelerator, nest).activity
        theirs = timeloop.evaluate(asked, accelerator, nest, Switches(link_transfers=False)).activity
        assert (ours.macs, ours.steps) == (theirs.macs, theirs.cycles)
        assert ours.at_work == theirs.instances
        for level, counts in enumerate(theirs.levels):
            for name, one in counts.items():
                found, instances = ours.levels[level][name], theirs.instances[level]
                assert found.words == one.words
                assert (found.reads, found.fills, found.updates) == (
                    one.reads * instances,
                    one.fills * instances,
                    one.updates * instances,
                )
                if name in {space.name for space in asked.spaces if space.is_output}:
                    assert found.first == one.partition * instances
        compared += 1
    assert compared > 40


def test_every_word_is_brought_at_least_once_and_the_same_mapping_counts_the_same():
    for asked, nest, accelerator in _drawn(range(200, 300)):
        made = evaluate(asked, accelerator, nest)
        outermost = made.activity.levels[-1]
        for space in asked.spaces:
            if all(len(rank) == 1 for rank in space.ranks):  # others have words between those that are used
                count = outermost[space.name].updates if space.is_output else outermost[space.name].reads
                assert count >= space.words(asked.bounds)
        assert made.activity.steps >= asked.macs / accelerator.units.instances
        assert evaluate(asked, accelerator, nest) == made


def test_a_switched_off_reuse_never_brings_less():
    for asked, nest, accelerator in _drawn(range(300, 400), flags=0.0):
        everything = frozenset(space.name for space in asked.spaces)
        with_reuse = evaluate(asked, accelerator, nest).activity
        for flag in ("no_temporal_reuse", "no_multicast"):
            flagged = LoopNest(tilings=tuple(replace(tiling, **{flag: everything}) for tiling in nest.tilings))
            without = evaluate(asked, accelerator, flagged).activity
            for level, counts in enumerate(with_reuse.levels):
                for name, one in counts.items():
                    assert without.levels[level][name].asked >= one.asked


# -- by hand -----------------------------------------------------------------------------------------------------------


def _space(name, *dims, is_output=False):
    return DataSpace(name=name, ranks=tuple((Term(dim=dim),) for dim in dims), is_output=is_output)


CONVOLUTION = Problem(
    name="convolution",
    bounds={"P": 10, "R": 3},
    spaces=(
        DataSpace(name="I", ranks=((Term(dim="P"), Term(dim="R")),)),
        _space("W", "R"),
        _space("O", "P", is_output=True),
    ),
)
EVERYTHING = frozenset("IWO")


def _two_levels(**of_memory):
    """Outputs in passes of 4, 4 and 2 at the outer memory; all of R at the inner one."""
    nest = LoopNest(
        tilings=(
            Tiling(kept=EVERYTHING, temporal=(Loop(dim="R", count=3, last=3), Loop(dim="P", count=4, last=2))),
            Tiling(kept=EVERYTHING, temporal=(Loop(dim="P", count=3, last=3),)),
        )
    )
    memories = Memory(name="inner", **of_memory), Memory(name="outer", **of_memory)
    return nest, Accelerator(name="machine", units=Units(name="unit"), memories=memories)


def test_a_tile_brings_what_it_had_not_and_the_last_one_is_cut_off():
    nest, accelerator = _two_levels()
    activity = evaluate(CONVOLUTION, accelerator, nest).activity
    # tiles of inputs: words 0 to 5, then 4 to 9, of which 6 to 9 are new, then 8 to 11, of which 10 and 11 are
    assert activity.levels[1]["I"].reads == 6 + 4 + 2
    assert activity.levels[0]["I"].fills == 12
    assert activity.levels[1]["W"].reads == 3
    assert activity.levels[1]["O"].updates == 10
    assert activity.levels[0]["O"].reads == 30 - 10  # the first of three sums of each word is not read
    assert activity.steps == 30


def test_the_first_fill_and_the_last_drain_are_not_hidden():
    nest, accelerator = _two_levels(read_words_per_cycle=2.0, write_words_per_cycle=3.0)
    costs = evaluate(CONVOLUTION, accelerator, nest).costs
    assert costs.fill_cycles == (
        Fraction(6 + 3, 2),
        0,
    )  # the first inputs and weights, at the reads of the outer memory
    assert costs.drain_cycles == (Fraction(2, 2), 0)  # the last outputs, at the reads of the inner one
    # reads of the inner memory: 30 inputs, 30 weights, 20 sums; its writes: 12 + 3 words come in and 30 sums are made
    assert costs.level_cycles[0] == max(Fraction(80, 2), Fraction(45, 3))
    assert costs.cycles == 46  # 40 + 4.5 + 1


def test_an_instance_without_work_waits():
    nest = LoopNest(
        tilings=(
            Tiling(kept=EVERYTHING, temporal=(Loop(dim="R", count=3, last=3),)),
            Tiling(
                kept=EVERYTHING,
                temporal=(Loop(dim="P", count=3, last=3),),
                spatial_x=(Loop(dim="P", count=4, last=2),),
            ),
        )
    )
    accelerator = Accelerator(
        name="machine",
        units=Units(name="unit", mesh_x=4),
        memories=(Memory(name="inner", mesh_x=4), Memory(name="outer")),
    )
    made = evaluate(CONVOLUTION, accelerator, nest)
    assert made.activity.steps == 9
    assert made.activity.at_work == (Fraction(10, 3), 1)
    assert made.activity.levels[1]["W"].reads == 3  # all four children share them, and keep them
    assert made.activity.levels[0]["W"].fills == 4 * 3
    assert made.costs.utilization == 30 / (4 * 9)


def test_what_lies_between_two_memories_that_keep_a_data_space_does_not_matter_to_it():
    nest, accelerator = _two_levels()
    between = Memory(name="between")
    wider = LoopNest(tilings=(nest.tilings[0], Tiling(kept=frozenset()), nest.tilings[1]))
    longer = replace(accelerator, memories=(accelerator.memories[0], between, accelerator.memories[1]))
    without, with_it = evaluate(CONVOLUTION, accelerator, nest), evaluate(CONVOLUTION, longer, wider)
    assert with_it.activity.levels[0::2] == without.activity.levels


def test_what_the_closed_form_cannot_tell_is_walked_or_refused():
    nest, accelerator = _two_levels()
    difference = replace(
        CONVOLUTION,
        spaces=(
            DataSpace(name="I", ranks=((Term(dim="P"), Term(dim="R", factor=-1)),)),
            *CONVOLUTION.spaces[1:],
        ),
    )
    with pytest.raises(Unsupported, match="I has an index with a difference in it"):
        Quick(difference, accelerator, nest)
    assert evaluate(difference, accelerator, nest).activity.levels[1]["I"].reads == 12
    large = replace(difference, bounds={"P": 10**6, "R": 3})
    with pytest.raises(Unsupported, match="up to 131,072 multiply-accumulates are walked"):
        evaluate(
            large,
            accelerator,
            LoopNest(
                tilings=(
                    replace(nest.tilings[0], temporal=(Loop(dim="R", count=3, last=3),)),
                    replace(nest.tilings[1], temporal=(Loop(dim="P", count=10**6, last=10**6),)),
                )
            ),
        )


def test_a_mapping_that_does_not_fit_and_wires_with_an_energy_are_refused():
    nest, accelerator = _two_levels()
    small = replace(accelerator, memories=(replace(accelerator.memories[0], entries=12), accelerator.memories[1]))
    with pytest.raises(BadInput, match="13 words needed"):
        evaluate(CONVOLUTION, small, nest)
    figures = Quick(CONVOLUTION, small, nest).evaluate(coded(CONVOLUTION, [nest]))
    assert not figures.fits[0]
    assert np.isfinite(figures.counts).all()
    wired = replace(accelerator.memories[1], network=Network(hop_pj=1.0))
    with pytest.raises(Unsupported, match="the wires inside outer have an energy"):
        evaluate(CONVOLUTION, replace(accelerator, memories=(accelerator.memories[0], wired)), nest)
