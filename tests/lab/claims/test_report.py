"""The ledger as a report: every claim once, the decided ones first, with how far off and under which conditions."""

import pytest

from gnomon.lab import claims
from tests.lab.claims.samples import TEST, sealed, write


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    root = tmp_path_factory.mktemp("repository")
    sealed(root)
    write(
        root,
        {"id": "a", "note": "no test"},
        {"id": "b", "test": TEST},
        {"id": "c", "test": TEST, "value": 40, "unit": "%", "statement": "half | less"},
        {"id": "d", "test": {**TEST, "differs": "another base"}},
    )
    for found in claims.check(root):
        claims.update(found)
    return claims.own(root)


def test_claims_are_counted_and_listed_by_status(entries):
    document = claims.report(entries)
    assert document["by_status"] == {"unverified": 1, "reproduced": 1, "refuted": 1, "not_comparable": 1}
    assert document["by_tool"] == [{"tool": "Halves", **document["by_status"]}]
    assert [row["id"] for row in document["rows"]] == ["c", "d", "b", "a"]


def test_h5_a_decided_claim_has_measured_claimed_discrepancy_and_conditions(entries):
    row = claims.report(entries)["rows"][0]
    assert (row["measured"], row["value"], row["said"]) == (50, 40, "40 % ± 10 % of it")
    assert row["discrepancy"] == {"absolute": 10, "relative": 0.25}
    assert row["conditions"] == {"metric": "share of the whole"}
    assert row["resolved_by"]["measured"] == 0.5


def test_the_page_has_a_table_for_each_status_that_claims_have(entries):
    page = claims.markdown(entries)
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert headings == ["## Refuted", "## Not comparable", "## Reproduced", "## Unverified"]
    assert "| `c` | Halves | half \\| less | 40 % ± 10 % of it | 50 % | +10 % (+25 % of it) |" in page
    assert "tested with another condition: another base" in page
    assert "| all | 1 | 1 | 1 | 1 |" in page
    assert "Arithmetic (1990), chapter 1" in page
    widths = {
        section: {row.replace("\\|", "").count("|") for row in section.splitlines() if row[:1] == "|"}
        for section in page.split("##")
    }
    assert all(len(counts) == 1 for counts in widths.values())


def test_the_page_of_the_shipped_claims_names_every_one():
    page = claims.markdown(claims.shipped())
    assert all(f"`{entry.claim.id}`" in page for entry in claims.shipped())
    assert page == claims.markdown(claims.shipped())


def test_a_ledger_without_claims_is_a_page_all_the_same():
    assert "| all | 0 | 0 | 0 | 0 |" in claims.markdown(())
