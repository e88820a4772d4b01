"""Verdicts: what the registered expression says of the sealed numbers, and how near it was."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from gnomon.lab import errors
from gnomon.lab.results.reading import read
from gnomon.lab.runs.experiment import run
from gnomon.lab.specs.registration import amend, register
from gnomon.lab.store.notes import interpretations
from tests.lab.plain_worker import HOST
from tests.lab.samples import bytes_of, changed

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _run(tmp_path, **fields):
    path = tmp_path / "experiments" / "exp-001-halves.md"
    path.parent.mkdir()
    path.write_bytes(bytes_of(changed(**fields)))
    register(path, now=NOW)
    with suppress(errors.MissingMetrics, errors.Aborted):
        run(path, HOST)
    return path, tmp_path / "results" / path.stem


@pytest.mark.parametrize(
    ("expr", "verdict", "left", "right"),
    [
        ("mean(half.share) < 0.6 * mean(whole.share)", "pass", 0.5, 0.6),
        ("mean(half.share) > 0.6", "fail", 0.5, 0.6),
        ("max(half.large.share - whole.large.share) == -0.5", "pass", -0.5, -0.5),
        ("mean(half.share) < 1 and max(half.share) < 0.4", "fail", None, None),
    ],
)
def test_a_criterion_is_what_its_expression_says(tmp_path, expr, verdict, left, right):
    (found,) = read(*_run(tmp_path, criteria__0__expr=expr)).verdicts
    assert (found.verdict, found.left, found.right) == (verdict, left, right)


def test_a_criterion_that_needs_a_missing_number_is_undecidable_and_says_which(tmp_path):
    path, folder = _run(tmp_path, protocol__arms__1__command="[ {seed} != 2 ] && echo share=0.5")
    (found,) = read(path, folder).verdicts
    assert (found.verdict, found.why) == ("undecidable", "half.share is missing on 2 of 6 units")


def test_the_margin_s_interval_is_over_seeds_and_holds_the_margin(tmp_path):
    path, folder = _run(tmp_path, protocol__arms__1__command="echo share=0.{seed}5", mve__pass_if="max(share) < 1")
    (found,) = read(path, folder).verdicts
    assert found.left == pytest.approx(0.15)
    assert found.margin_low < found.left - found.right < found.margin_high
    # All three seeds alike have 1 draw in 27, less than the 5 % below the interval; next come two of 0.05 and one of 0.15.
    assert found.margin_low == pytest.approx(0.25 / 3 - 0.6)
    written = json.loads((folder / "verdict.json").read_text())
    assert written["criteria"][0]["margin_low"] == found.margin_low
    assert read(path, folder).verdicts == (found,)  # the same at every reading, and the run is still whole


def test_changed_results_are_not_read(tmp_path):
    path, folder = _run(tmp_path)
    (folder / "metrics.json").chmod(0o644)
    (folder / "metrics.json").write_text("{}")
    with pytest.raises(errors.Tampered):
        read(path, folder)


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("unit 3 took 12 s; the disk was full at 10:03", []),
        ("the results show that it works", ["results show", "works"]),
        ("faster than expected, which suggests caching", ["faster than expected", "which suggests"]),
        ("loss fell from 3.1 to 2.9 between steps 10 and 20", []),
    ],
)
def test_notes_that_interpret_are_told(text, phrases):
    assert list(interpretations(text)) == phrases


def test_a_criterion_amended_after_the_run_does_not_judge_it(tmp_path):
    path, folder = _run(tmp_path, criteria__0__expr="mean(half.share) > 0.6")
    path.write_bytes(bytes_of(changed(criteria__0__expr="mean(half.share) > 0.4")))
    amend(path, "second thoughts", now=NOW)
    (found,) = read(path, folder).verdicts
    assert (found.expr, found.verdict) == ("mean(half.share) > 0.6", "fail")
