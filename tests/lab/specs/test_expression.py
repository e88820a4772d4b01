"""Criteria as text: what is read, what kind it is, what it comes to, and what is refused at which column."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.lab.specs.expression import ExpressionError, evaluate, kind_of, names, parse

KNOWN = {"t.error": "series", "b.error": "series", "loss": "number"}
VALUES = {"t.error": (0.1, 0.2, 0.4), "b.error": (0.2, 0.4, 0.6), "loss": 3.0}


def _value(text, values=VALUES):
    node = parse(text)
    kind_of(node, KNOWN)
    return evaluate(node, values)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("2 - 3 - 4", -5.0),
        ("-2 * -3", 6.0),
        ("1 / 0", None),
        ("5 %", 0.05),
        ("2 h + 30 min", 9000.0),
        ("3 GB", 3e9),
        ("mean(t.error)", pytest.approx(0.7 / 3)),
        ("mean(t.error) < 0.9 * mean(b.error)", True),
        ("mean(t.error - b.error) < 0", True),
        ("max(t.error / b.error) < 0.6", False),
        ("ratio(mean(t.error), mean(b.error)) < 60 %", True),
        ("percentile(b.error, 50) == 0.4", True),
        ("std(t.error) > 0 and not loss > 4", True),
        ("loss > 4 or loss < 2", False),
        ("count(t.error) == 3", True),
        ("abs(min(t.error) - max(t.error)) <= 0.3000001", True),
        ("isfinite(loss)", True),
    ],
)
def test_what_an_expression_comes_to(text, value):
    assert _value(text) == value


@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_a_missing_value_is_undecidable_and_nothing_else(missing):
    values = VALUES | {"loss": missing}
    assert _value("loss > 4", values) is None
    assert _value("not loss > 4", values) is None
    assert _value("loss > 4 and 1 < 2", values) is None
    assert _value("loss > 4 and 2 < 1", values) is False
    assert _value("loss > 4 or 1 < 2", values) is True
    assert _value("isfinite(loss)", values) is False
    assert _value("mean(t.error) < 1", VALUES | {"t.error": (0.1, missing, 0.2)}) is None
    assert _value("mean(t.error) < 1", VALUES | {"t.error": ()}) is None


@pytest.mark.parametrize(
    ("text", "column", "told"),
    [
        ("", 1, "a number, a name"),
        ("1 +", 4, "a number, a name"),
        ("mean(t.error", 13, "`)` is expected"),
        ("mean(t.eror) < 1", 6, "did you mean 't.error'"),
        ("maen(t.error) < 1", 1, "did you mean 'mean'"),
        ("mean(loss) < 1", 1, "takes a series"),
        ("t.error < 1", 9, "compare its mean"),
        ("1 < 2 < 3", 7, "join them with `and`"),
        ("1 and 2", 3, "joins comparisons"),
        ("1 + (2 < 3)", 3, "joins numbers"),
        ("not loss", 1, "joins comparisons"),
        ("loss > 3 hours", 9, "unknown unit 'hours'"),
        ("loss > $4", 8, "is no part of an expression"),
        ("loss = 4", 6, "is no part of an expression"),
        ("loss > 4 loss", 9, "unknown unit"),
        ("loss loss", 6, "is not expected here"),
        ("1e999 > 2", 1, "finite"),
        ("percentile(t.error)", 1, "takes 2 arguments"),
        ("__import__('os')", 12, "is no part"),
        ("(" * 60 + "1" + ")" * 60, 52, "nested too deeply"),
        ("-" * 60 + "1", 52, "nested too deeply"),
    ],
)
def test_what_is_refused_is_told_with_its_column(text, column, told):
    with pytest.raises(ExpressionError, match=re.escape(told)) as fault:
        kind_of(parse(text), KNOWN)
    assert fault.value.column == column


def test_names_stand_in_the_order_of_the_text():
    assert [name.name for name in names(parse("mean(t.error) < loss and a > b.c"))] == ["t.error", "loss", "a", "b.c"]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.floats(0, 100))
def test_percentiles_are_numpy_s(values, percent):
    found = evaluate(parse(f"percentile(t.error, {percent!r})"), {"t.error": tuple(values)})
    assert found == pytest.approx(np.percentile(values, percent), rel=1e-9, abs=1e-6)


@given(st.text(max_size=40))
def test_any_text_is_an_expression_or_refused_in_words(text):
    try:
        kind_of(parse(text), KNOWN)
    except ExpressionError as fault:
        assert 1 <= fault.column <= len(text) + 1
