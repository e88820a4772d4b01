"""The quick evaluation against the walk."""

import random

import numpy as np
import pytest

from gnomon.core.errors import BadInput, Unsupported
from gnomon.engines.mapper.coded import coded
from gnomon.engines.mapper.conventions import Switches, of_environment
from gnomon.engines.mapper.evaluate import evaluate
from gnomon.engines.mapper.fast import Fast
from tests.engines.mapper.golden import environment, given, own_cases, shared_cases
from tests.engines.mapper.sampling import drawn, flagged

pytestmark = pytest.mark.xdist_group("compiled")  # by one worker, which compiles what the others need not

CASES = {case.name: case for case in own_cases()}


def _same(problem, figures, made):
    assert figures.cycles[0] == made.costs.cycles
    assert figures.energy_pj[0] == pytest.approx(made.costs.energy_pj, rel=1e-12)
    for space, one in enumerate(problem.spaces):
        for level, counts in enumerate(made.activity.levels):
            ours = counts[one.name]
            if ours.is_kept:
                wanted = [ours.reads, ours.fills, ours.updates, ours.partition]
                assert figures.counts[0, space, level].tolist() == wanted, (one.name, level)
                assert figures.words[0, space, level] == ours.words


def _pair(asked, nest, switches):
    """The quick figures and the whole evaluation of a mapping; None where it does not fit."""
    quick = Fast(asked.problem, asked.accelerator, nest, switches)
    figures = quick.evaluate(coded(asked.problem, [nest]))
    try:
        made = evaluate(asked.problem, asked.accelerator, nest, switches)
        assert figures.fits[0]
        return figures, made
    except BadInput:
        assert not figures.fits[0]
        return None


@pytest.mark.parametrize(
    "case",
    [
        # What is compiled for ragged tiles takes most of a minute.
        *(pytest.param(case, marks=[pytest.mark.slow] * ("imperfect" in case.name)) for case in own_cases()),
        *(pytest.param(case, marks=pytest.mark.slow) for case in shared_cases("fuzz", "official")),
    ],
    ids=lambda case: f"{case.parent.name}/{case.name}",
)
def test_a_golden_case_has_the_same_figures_where_it_needs_no_walk(case):
    asked, switches = given(case), of_environment(environment(case))
    wires = [memory.network for memory in asked.accelerator.memories]
    if any(wire.hop_pj or wire.router_pj or wire.wire_pj_per_bit_mm * wire.tile_mm for wire in wires):
        with pytest.raises(Unsupported):
            _pair(asked, asked.nest, switches)
        return
    figures, made = _pair(asked, asked.nest, switches)
    _same(asked.problem, figures, made)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["16_spatial_link_shift", "19_spatial_2d_MC", "23_psum_two_buffers", "40_mttkrp", "46_dilation_spatial_R"]
)
def test_mappings_drawn_at_random_have_the_same_figures(name):
    asked, rng = given(CASES[name]), random.Random(name)
    fitting = 0
    for _ in range(60):
        nest = drawn(asked.problem, asked.accelerator, asked.nest, rng)
        for switches in (Switches(), Switches(link_transfers=False, first_read_elision=False)):
            if (pair := _pair(asked, nest, switches)) is not None:
                _same(asked.problem, *pair)
                fitting += 1
    assert fitting >= 30


@pytest.mark.slow  # what is compiled for it takes half a minute
@pytest.mark.parametrize(
    "name",
    [
        "07_conv1d_stride2_dil2",
        "16_spatial_link_shift",
        "19_spatial_2d_MC",
        "21_spatial_bypass_regs",
        "23_psum_two_buffers",
        "38_depthwise",
        "40_mttkrp",
        "46_dilation_spatial_R",
    ],
)
def test_ragged_mappings_drawn_at_random_have_the_same_figures(name):
    asked, rng = given(CASES[name]), random.Random(name)
    fitting = 0
    for _ in range(30):
        like = flagged(asked.problem, asked.nest, rng)
        nest = drawn(asked.problem, asked.accelerator, like, rng, is_ragged=True)
        switches = Switches(link_transfers=rng.random() < 0.8, first_read_elision=rng.random() < 0.8)
        if (pair := _pair(asked, nest, switches)) is not None:
            _same(asked.problem, *pair)
            fitting += 1
    assert fitting >= 10


@pytest.mark.slow  # what is compiled for it takes half a minute
def test_even_and_ragged_mappings_of_one_batch_are_as_each_alone():
    asked, rng = given(CASES["19_spatial_2d_MC"]), random.Random(0)
    nests = [drawn(asked.problem, asked.accelerator, asked.nest, rng, is_ragged=at % 3 > 0) for at in range(30)]
    quick = Fast(asked.problem, asked.accelerator, asked.nest, Switches())
    together = quick.evaluate(coded(asked.problem, nests))
    for at, nest in enumerate(nests):
        alone = quick.evaluate(coded(asked.problem, [nest]))
        for figures in ("fits", "cycles", "energy_pj", "counts", "words"):
            assert np.array_equal(getattr(together, figures)[at], getattr(alone, figures)[0])


def test_what_takes_a_walk_is_refused():
    asked = given(CASES["33_network_energy"])
    with pytest.raises(Unsupported, match="the wires inside GLB have an energy"):
        Fast(asked.problem, asked.accelerator, asked.nest, Switches())
    asked = given(CASES["05_conv1d_halo"])
    with pytest.raises(Unsupported, match="temporal_extrapolation takes a walk"):
        Fast(asked.problem, asked.accelerator, asked.nest, Switches(temporal_extrapolation=False))
