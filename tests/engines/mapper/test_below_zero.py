"""Where Timeloop's rules count less than nothing there is no answer.

Timeloop takes as many first partial sums off as there are different words, gaps of a stride among them, and in a transposed
convolution whose stride is larger than its kernel these can be more than all that are written.
"""

from dataclasses import replace

import pytest

from gnomon.core.accelerator import Accelerator, Memory, Units
from gnomon.core.errors import Unsupported
from gnomon.core.loop_nest import Loop, LoopNest, Tiling
from gnomon.core.problem import DataSpace, Problem, Term
from gnomon.engines.mapper.coded import coded
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.evaluate import evaluate
from gnomon.engines.mapper.exact.evaluate import evaluate as evaluate_exactly
from gnomon.engines.mapper.fast import Fast

pytestmark = pytest.mark.xdist_group("compiled")  # by one worker, which compiles what the others need not

TRANSPOSED = Problem(
    name="transposed",
    bounds={"P": 8, "R": 2, "C": 2},
    spaces=(
        DataSpace(name="W", ranks=((Term(dim="R"),), (Term(dim="C"),))),
        DataSpace(name="I", ranks=((Term(dim="P"),), (Term(dim="C"),))),
        DataSpace(name="O", ranks=((Term(dim="P", factor=4), Term(dim="R")),), is_output=True),
    ),
)
TWO = Accelerator(
    name="two", units=Units(name="MAC"), memories=(Memory(name="RF", entries=64), Memory(name="DRAM"))
)  # the innermost first
KEPT = frozenset("WIO")


def _nest(*outer_inner):
    """Loops outside and inside, the innermost first."""
    outer, inner = (tuple(Loop(dim=dim, count=count, last=count) for dim, count in one) for one in outer_inner)
    return LoopNest(tilings=(Tiling(kept=KEPT, temporal=inner), Tiling(kept=KEPT, temporal=outer)))


P_OUTSIDE = _nest([("P", 8)], [("C", 2), ("R", 2)])
C_OUTSIDE = _nest([("C", 2)], [("P", 8), ("R", 2)])


def test_more_first_sums_than_sums_are_refused():
    """RF has 8 tiles of two words, and takes off 30 words from 0 to 4 * 7 + 1."""
    with pytest.raises(Unsupported) as fault:
        evaluate(TRANSPOSED, TWO, P_OUTSIDE, Switches())
    assert str(fault.value) == (
        "RF: -14 fills of O by Timeloop's conventions, which do not hold for this mapping; "
        "count it by Gnomon's own (--conventions gnomon)"
    )
    reads = evaluate(TRANSPOSED, TWO, P_OUTSIDE, Switches(first_read_elision=False)).activity.levels[0]["O"].reads
    assert reads == 32


def test_the_quick_evaluation_does_not_use_them_and_uses_the_others():
    figures = Fast(TRANSPOSED, TWO, P_OUTSIDE, Switches()).evaluate(coded(TRANSPOSED, [P_OUTSIDE, C_OUTSIDE]))
    assert figures.fits.tolist() == [False, True]
    made = evaluate(TRANSPOSED, TWO, C_OUTSIDE, Switches())
    assert figures.counts[1, 2, 0, :3].tolist() == [
        made.activity.levels[0]["O"].reads,
        made.activity.levels[0]["O"].fills,
        made.activity.levels[0]["O"].updates,
    ]


def test_gnomons_own_conventions_count_the_words_that_are_written():
    made = evaluate_exactly(TRANSPOSED, TWO, P_OUTSIDE)
    inner, outer = (level["O"] for level in made.activity.levels)
    assert (inner.reads, inner.fills, inner.updates) == (16, 0, 32)
    assert (outer.reads, outer.fills, outer.updates) == (0, 0, 16)


def test_less_asked_of_a_memory_than_comes_to_it_is_refused_where_what_comes_is_taken_off():
    """Without reuse the outer tile comes anew for both C, and what is inside asks for its part once."""
    three = replace(TWO, memories=(TWO.memories[0], Memory(name="GLB", entries=64), TWO.memories[1]))
    gemm = Problem(
        name="sums",
        bounds={"M": 4, "C": 3},
        spaces=(
            DataSpace(name="W", ranks=((Term(dim="C"),),)),
            DataSpace(name="O", ranks=((Term(dim="M"),),), is_output=True),
        ),
    )
    kept = frozenset("WO")
    nest = LoopNest(
        tilings=(
            Tiling(kept=kept, temporal=(Loop(dim="M", count=4, last=4),)),
            Tiling(kept=kept, no_temporal_reuse=frozenset("O")),
            Tiling(kept=kept, temporal=(Loop(dim="C", count=3, last=3),)),
        )
    )
    assert evaluate(gemm, three, nest, Switches()).activity.levels[1]["O"].reads == 0
    with pytest.raises(Unsupported, match=r"GLB: -8 partial sums of O by Timeloop's conventions"):
        evaluate(gemm, three, nest, Switches(updated_rmw=True))
