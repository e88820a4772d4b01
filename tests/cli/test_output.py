"""A table says everything at every width: texts are wrapped, nothing vanishes without a word."""

from __future__ import annotations

import re

import pytest

from gnomon.cli import output
from gnomon.lab import claims
from gnomon.lab.claims.report import conditions_text
from tests.lab.exports.runs import sealed


def _squeezed(text):
    return re.sub(r"\s+", "", text)


@pytest.fixture(params=[80, 60])
def narrow(request, monkeypatch):
    """A page of so many columns."""
    monkeypatch.setattr(output, "WIDTH_WITHOUT_TERMINAL", request.param)
    return request.param


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    return str(sealed(tmp_path_factory.mktemp("run")))


@pytest.mark.parametrize("step", ["list", "report"])
def test_every_claim_is_told_whole_on_a_narrow_page(gnomon, tmp_path, narrow, step):
    said = gnomon("claims", step, "--root", str(tmp_path)).out
    assert max(map(len, said.splitlines())) <= narrow
    words = set(said.split())
    heads = {"list": "tool status claimed what is claimed", "report": "status claimed conditions"}
    assert set(heads[step].split()) <= words
    for entry in claims.ledger(tmp_path):
        one = entry.claim
        assert re.search(rf"^{re.escape(one.id)}( |$)", said, re.MULTILINE)  # unbroken
        told = (entry.tool, one.statement) if step == "list" else (conditions_text(one),)
        whole = {word for text in (one.status, one.said, *told) for word in text.split() if len(word) <= 16}
        assert whole <= words


@pytest.mark.parametrize(
    ("words", "heads", "told"),
    [
        (("plan",), (), ("baseline", "mve", "full")),
        (("plan", "--units"), ("phase", "what", "command"), ("full/half/small/2", "full", "share=1.0")),
        (("status",), ("budget", "used", "allowed"), ("wall_clock", "600s", "gpu_hours")),
        (("read",), ("verdict", "left", "right", "expression"), ("less", "pass", "mean(half.share)<0.6")),
        (("doctor",), ("part", "here"), ("bubblewrap", "Landlock", "attemptsarerecorded")),
    ],
)
def test_the_tables_of_an_experiment_lose_no_column_on_a_narrow_page(gnomon, spec, narrow, words, heads, told):
    step, *flags = words
    run = gnomon("exp", step, *([] if step == "doctor" else [spec]), *flags)
    assert run.code == 0
    assert all(name in run.out for name in heads)
    if step != "plan":
        assert all(text in _squeezed(run.out) for text in told)


def test_a_replay_shows_its_metrics_on_a_narrow_page(gnomon, spec, narrow):
    said = gnomon("exp", "replay", spec, "full/half/small/1").out
    assert re.search(r"^metric +value$", said, re.MULTILINE)
    assert re.search(r"^share +0\.5$", said, re.MULTILINE)


def test_texts_are_wrapped_between_words_and_names_and_numbers_are_not(capsys, monkeypatch):
    monkeypatch.setattr(output, "WIDTH_WITHOUT_TERMINAL", 42)
    output.print_table(["id", "tool", "value", "text"], [["a-name-of-20-letters", "one two", "1234567", "three four"]])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == ["a-name-of-20-letters  one   1234567  three", "                      two            four"]


def test_what_cannot_stand_side_by_side_is_printed_row_by_row(capsys, monkeypatch):
    monkeypatch.setattr(output, "WIDTH_WITHOUT_TERMINAL", 30)
    output.print_table(["id", "tool", "none", "text"], [["a-name-of-26-letters-in-all", "one", "", "two " * 8]])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["a-name-of-26-letters-in-all", "  tool  one", "  text  two two two two two", "        two two two"]


def test_a_column_that_is_left_out_is_named(capsys, monkeypatch):
    monkeypatch.setattr(output, "WIDTH_WITHOUT_TERMINAL", 20)
    output.print_table(["id", "tool", "text"], [["a", "b" * 16, "c" * 8]], spare=["tool"])
    said = capsys.readouterr()
    assert "b" not in said.out
    assert said.err == "gnomon: columns left out to fit 20 characters: tool (--json has all)\n"
