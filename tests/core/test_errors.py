import pytest

from gnomon.core.errors import BadInput, CheckFailed, GnomonError, ToolError, Unsupported, UsageError, near_match


def test_every_error_has_its_own_exit_code():
    codes = [kind.exit_code for kind in (GnomonError, UsageError, BadInput, Unsupported, ToolError, CheckFailed)]
    assert codes == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("word", "near"), [("resnt-50", "resnet-50"), ("RESNET50", "resnet-50"), ("lama", "llama-2-7b")]
)
def test_near_match_names_the_likeliest_word(word, near):
    assert near_match(word, ("bert-base", "resnet-50", "llama-2-7b")) == f"; did you mean {near!r}?"


def test_near_match_is_silent_when_nothing_is_like_it():
    assert near_match("zzzzzz", ("bert-base", "resnet-50")) == ""
    assert near_match("anything", ()) == ""


def test_what_may_be_tried_instead_stands_behind_what_is_wrong_and_stays_where_a_file_is_named():
    fault = BadInput("24 chunks", field="pp", remedies=[("virtual", "2 or 4"), ("stage_layers", "7,8")])
    assert str(fault) == "pp: 24 chunks; try virtual 2 or 4, or stage_layers 7,8"
    assert str(fault.at(where="s.yaml:5")) == f"s.yaml:5: {fault}"
