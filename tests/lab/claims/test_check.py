"""What sealed results make of a claim: by a rule, from sealed numbers, and written only where that is asked for."""

import json

import pytest

from gnomon.core.errors import BadInput
from gnomon.lab import claims
from gnomon.lab.claims.check import factor_of
from tests.lab.claims.samples import TEST, sealed, write


def _status(root, **fields):
    write(root, {"test": TEST, **fields})
    (found,) = claims.check(root)
    return found


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """One sealed run, whose half measures 0.5 and whose whole measures 1, in no unit."""
    root = tmp_path_factory.mktemp("repository")
    sealed(root)
    return root


@pytest.mark.parametrize(
    ("fields", "status", "absolute", "relative"),
    [
        ({}, "reproduced", 0, 0),
        ({"value": 0.46, "tol_rel": 0.1}, "reproduced", 0.04, 0.04 / 0.46),
        ({"value": 0.4, "tol_rel": 0.1}, "refuted", 0.1, 0.25),
        ({"value": 0.4, "relation": "above"}, "reproduced", 0.1, 0.25),
        ({"value": 0.4, "relation": "below", "tol_rel": None}, "refuted", 0.1, 0.25),
        ({"value": [0.1, 0.2], "relation": "within", "tol_rel": None}, "refuted", 0.3, 1.5),
        ({"value": 40, "unit": "%"}, "refuted", 10, 0.25),
        ({"value": 48, "unit": "%"}, "reproduced", 2, 2 / 48),
        ({"test": {**TEST, "arm": "whole"}}, "refuted", 0.5, 1),
        ({"test": {**TEST, "metric": "twice"}, "value": 1}, "reproduced", 0, 0),
        ({"test": {**TEST, "differs": "another base"}}, "not_comparable", 0, 0),
        ({"unit": "s"}, "not_comparable", None, None),
    ],
)
def test_h1_a_claim_is_reproduced_refuted_or_not_comparable_by_what_was_measured(
    repository, fields, status, absolute, relative
):
    found = _status(repository, **fields)
    assert found.status == status
    if absolute is None:
        assert found.discrepancy is None
    else:
        assert found.discrepancy.absolute == pytest.approx(absolute, abs=1e-12)
        assert found.discrepancy.relative == pytest.approx(relative, abs=1e-12)
    assert found.resolved_by.measured == (1 if "arm" in fields.get("test", {}) or fields.get("value") == 1 else 0.5)


def test_what_resolves_a_claim_is_named_with_the_date_of_the_results(repository):
    found = _status(repository)
    metrics = json.loads((repository / "results" / "exp-001-halves" / "metrics.json").read_text())
    assert found.resolved_by.model_dump() == {
        "experiment": "exp-001-halves",
        "metric": "share",
        "arm": "half",
        "run": "",
        "measured": 0.5,
        "unit": "",
        "date": metrics["timestamp"][:10],
    }
    assert found.why == "0.5 is 0.5 ± 10 % of it"


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ({"experiment": "exp-009-none"}, "exp-009-none.md: no such experiment; the test of claim 'half-share'"),
        ({"metric": "speed"}, "exp-001-halves has no metric 'speed', it has share, twice"),
        ({"arm": "third"}, "exp-001-halves has no arm 'third', it has whole, half"),
    ],
)
def test_a_test_that_cannot_be_is_a_fault_of_the_ledger(repository, test, told):
    with pytest.raises(BadInput) as fault:
        _status(repository, test={**TEST, **test})
    assert told in str(fault.value)


def test_an_experiment_that_was_not_run_leaves_the_claim_unverified(repository):
    found = _status(repository, test={**TEST, "run": "run-7"})
    assert (found.status, found.resolved_by, found.changes) == ("unverified", None, ())
    assert "no run" in found.why


def test_a_claim_without_a_test_is_left_alone(repository):
    write(repository, {"status": "not_comparable", "note": "the machine is gone"})
    assert claims.check(repository) == ()


def test_results_that_are_not_as_they_were_sealed_decide_nothing(tmp_path):
    sealed(tmp_path)
    file = tmp_path / "results" / "exp-001-halves" / "metrics.json"
    write(tmp_path, {"test": TEST})
    (found,) = claims.check(tmp_path)
    claims.update(found)
    file.chmod(0o644)
    file.write_text(file.read_text().replace('"share": 0.5', '"share": 0.9'))
    (found,) = claims.check(tmp_path)
    assert found.status == "unverified"
    assert "metrics.json: sha256 is" in found.why
    assert "status: reproduced -> unverified" in found.changes


def test_a_metric_without_a_value_cannot_be_compared(tmp_path):
    from contextlib import suppress

    from gnomon.lab import errors

    with suppress(errors.MissingMetrics):
        sealed(tmp_path, protocol__arms__1__command="[ {seed} != 2 ] && echo share=0.5")
    found = _status(tmp_path)
    assert (found.status, found.resolved_by.measured) == ("not_comparable", None)
    assert "half.share has no value" in found.why


def test_nothing_is_written_until_it_is_asked_for_and_then_all_that_differs(repository):
    found = _status(repository, value=0.4)
    path, before = found.entry.file, found.entry.file.read_text()
    claims.check(repository)
    assert path.read_text() == before
    assert found.changes[0] == "status: unverified -> refuted"
    assert "resolved_by.measured: nothing -> 0.5" in found.changes
    claims.update(found)
    (again,) = claims.check(repository)
    assert (again.changes, again.entry.claim.status) == ((), "refuted")
    assert again.entry.claim.value == 0.4  # what is claimed is never changed
    after = path.read_text()
    claims.update(again)
    assert path.read_text() == after


def test_h5_a_number_that_was_edited_by_hand_is_told(repository):
    found = _status(repository, value=0.4)
    claims.update(found)
    path = found.entry.file
    path.write_text(path.read_text().replace("measured: 0.5", "measured: 0.41").replace("refuted", "reproduced"))
    (found,) = claims.check(repository)
    assert found.changes == ("status: reproduced -> refuted", "resolved_by.measured: 0.41 -> 0.5")


@pytest.mark.parametrize(
    ("measured", "claimed", "factor"),
    [
        ("s", "s", 1),
        ("ms", "s", 1e-3),
        ("h", "min", 60),
        ("", "%", 100),
        ("%", "", 0.01),
        ("cycle", "cycle", 1),
        ("s", "%", None),
        ("cycle", "s", None),
        ("token/s", "s", None),
    ],
)
def test_units_of_one_kind_are_converted_and_others_are_not_compared(measured, claimed, factor):
    assert factor_of(measured, claimed) == (pytest.approx(factor) if factor is not None else None)
