"""Boxes against sets of points."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from gnomon.engines.mapper.boxes import Box, new_in, translation

_ENDS = st.integers(-3, 3)


@st.composite
def _boxes(draw, ranks=2):
    ends = [sorted((draw(_ENDS), draw(_ENDS))) for _ in range(ranks)]
    return Box(tuple(low for low, _ in ends), tuple(high for _, high in ends))


def _points(box):
    return set(product(*(range(low, high + 1) for low, high in zip(box.low, box.high, strict=True)))) if box else set()


@given(_boxes(), _boxes())
def test_what_is_new_is_what_was_not_there(box, before):
    delta = new_in(box, before)
    wanted = _points(box) - _points(before)
    assert (_points(delta.hull) - _points(delta.hole) if delta else set()) == wanted
    assert (delta.words if delta else 0) == len(wanted)


@given(_boxes(), _boxes(), _boxes(), _boxes())
def test_equal_sets_are_equal_deltas(box, before, other, other_before):
    one, two = new_in(box, before), new_in(other, other_before)
    if one and two:
        is_equal = _points(one.hull) - _points(one.hole) == _points(two.hull) - _points(two.hole)
        assert (one == two) is is_equal


def test_a_centre_moves_by_whole_words_a_half_away_from_zero():
    box = Box((0,), (3,))
    assert translation(box, Box((2,), (4,))) == (2,)  # from 1.5 to 3
    assert translation(Box((2,), (4,)), box) == (-2,)
    assert translation(box, Box((4,), (7,))) == (4,)
    assert translation(box, Box((0,), (0,))) == (-2,)  # from 1.5 to 0
