"""What a claim can say, when a number reproduces it, and how far off one is."""

import pytest
from pydantic import ValidationError

from gnomon.lab.claims import Claim
from tests.lab.claims.samples import CLAIM, TEST


def _claim(**fields):
    return Claim.model_validate({**CLAIM, "tol_rel": None, **fields})


@pytest.mark.parametrize(
    ("fields", "holding", "failing"),
    [
        ({"value": 10, "tol_abs": 1}, (9, 10, 11), (8.9, 11.1)),
        ({"value": -10, "tol_rel": 0.1}, (-11, -9), (-11.1, -8.9, 10)),
        ({"value": 9, "relation": "below"}, (-3, 0, 9), (9.01,)),
        ({"value": 9, "relation": "below", "tol_rel": 0.5}, (13.5,), (13.6,)),
        ({"value": 9, "relation": "above"}, (9, 1e9), (8.9,)),
        ({"value": 9, "relation": "above", "tol_abs": 2}, (7,), (6.9,)),
        ({"value": [2, 4], "relation": "within"}, (2, 3, 4), (1.9, 4.1)),
        ({"value": [2, 4], "relation": "within", "tol_abs": 1}, (1, 5), (0.9, 5.1)),
    ],
)
def test_a_number_reproduces_what_its_relation_allows(fields, holding, failing):
    claim = _claim(**fields)
    assert all(map(claim.holds, holding))
    assert not any(map(claim.holds, failing))


@pytest.mark.parametrize(
    ("fields", "measured", "absolute", "relative"),
    [
        ({"value": 10}, 12, 2, 0.2),
        ({"value": -10}, -12, -2, -0.2),
        ({"value": 9, "relation": "below"}, 6, -3, -1 / 3),
        ({"value": 0}, 3, 3, None),
        ({"value": [2, 4], "relation": "within"}, 3, 0, 0),
        ({"value": [2, 4], "relation": "within"}, 5, 1, 0.25),
        ({"value": [2, 4], "relation": "within"}, 1, -1, -0.5),
    ],
)
def test_a_discrepancy_is_measured_minus_claimed_and_of_a_span_to_its_nearer_end(fields, measured, absolute, relative):
    found = _claim(**fields).discrepancy_of(measured)
    assert (found.absolute, found.relative) == (absolute, pytest.approx(relative) if relative is not None else None)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"value": 9, "unit": "%", "relation": "below"}, "at most 9 %"),
        ({"value": 2000, "relation": "above"}, "at least 2000"),
        ({"value": [0.1, 8], "unit": "%", "relation": "within"}, "0.1 to 8 %"),
        ({"value": 3.8, "unit": "%", "tol_rel": 0.2}, "3.8 % ± 20 % of it"),
        ({"value": 3.8, "unit": "%", "tol_abs": 0.5}, "3.8 % ± 0.5 %"),
    ],
)
def test_a_claim_is_said_as_people_write_it(fields, said):
    assert _claim(**fields).said == said


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"value": [1, 2]}, "every other relation takes one"),
        ({"value": 1, "relation": "within"}, "within takes two values"),
        ({"value": [2, 1], "relation": "within"}, "2 is above 1"),
        ({"value": "9 %"}, "a finite number is expected, its unit in `unit`"),
        ({"value": float("nan")}, "a finite number"),
        ({"value": [1, 2, 3], "relation": "within"}, "a finite number"),
        ({"value": True}, "a finite number"),
        ({"tol_rel": 0.1, "tol_abs": 1}, "not both"),
        ({"tol_abs": -1}, "greater than or equal to 0"),
        ({"value": [1, 2], "relation": "within", "tol_rel": 0.1}, "of which end"),
        ({"test": TEST}, "equal to how much"),
        ({"status": "reproduced"}, "reproduced by what"),
        ({"status": "refuted"}, "refuted by what"),
        ({"status": "confirmed"}, "Input should be 'unverified'"),
        ({"id": "Half share"}, "String should match"),
        ({"statement": ""}, "at least 1 character"),
        ({"relation": "about"}, "Input should be 'equal'"),
        ({"source": {"title": "A", "where": "B", "year": 90}}, "greater than or equal to 1950"),
        ({"source": {"title": "A"}}, "Field required"),
        ({"conditions": {}}, "Field required"),
        ({"test": {"experiment": "halves", "metric": "share"}, "tol_abs": 1}, "String should match"),
    ],
)
def test_what_no_claim_can_say_is_refused(fields, told):
    with pytest.raises(ValidationError, match=told):
        _claim(**fields)


def test_a_claim_of_not_comparable_needs_no_test():
    assert _claim(status="not_comparable", note="the machine is gone").status == "not_comparable"
