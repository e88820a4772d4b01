"""The page of a ledger: every claim with what became of it, counted by status."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gnomon.core.errors import BadInput
from gnomon.lab import claims
from gnomon.report.documents import document_of
from gnomon.report.pages import Page, page
from tests.lab.claims.samples import TEST, sealed, write
from tests.report.test_pages import HOSTILE, data_of, figure_table, table_of


def page_of(entries: tuple[claims.Entry, ...]) -> Page:
    return page([document_of("the ledger", claims.report(entries))])


def rows_of(found: Page) -> dict[str, dict[str, Any]]:
    """The rows of the table of claims by their names."""
    data = data_of(found.html)
    table = table_of(data, data["grids"]["g0"]["table"])
    return {
        name: {column: cells[place] for column, cells in table.items()} for place, name in enumerate(table["claim"])
    }


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> tuple[claims.Entry, ...]:
    root = tmp_path_factory.mktemp("repository")
    sealed(root)
    write(
        root,
        {"id": "a", "note": "no test"},
        {"id": "b", "test": TEST},
        {"id": "c", "test": TEST, "value": 40, "unit": "%"},
        {"id": "d", "test": {**TEST, "differs": "another base"}},
        {"id": "e", "test": TEST, "value": 3, "unit": "s"},
    )
    for found in claims.check(root):
        claims.update(found)
    return claims.own(root)


def test_a_decided_claim_has_what_was_measured_how_far_off_and_under_which_conditions(decided):
    rows = rows_of(page_of(decided))
    assert list(rows) == ["c", "d", "e", "b", "a"]
    refuted = rows["c"]
    assert (refuted["status"], refuted["claimed"], refuted["measured"]) == ("refuted", "40 % ± 10 % of it", "50 %")
    assert (refuted["discrepancy"], refuted["relative discrepancy"]) == ("+10 %", 0.25)
    assert refuted["conditions"] == "share of the whole"
    assert refuted["experiment"].startswith("exp-001-halves, half.share, 20")
    assert rows["d"]["what differs"] == "another base"
    assert (rows["e"]["measured"], rows["e"]["discrepancy"]) == ("0.5", None)
    assert rows["a"]["source"] == "Arithmetic (1990), chapter 1"


def test_claims_are_counted_by_status_and_drawn_by_tool(decided):
    found = page_of(decided)
    tiles = re.findall(r'<span class="name">([^<]+)</span><span>([^<]+)</span>', found.html)
    assert tiles == [
        ("claims", "5 of 1 tools, systems and papers"),
        ("unverified", "1"),
        ("reproduced", "1"),
        ("refuted", "1"),
        ("not comparable", "2"),
    ]
    table = figure_table(data_of(found.html), "claims-by-tool")
    assert dict(zip(table["status"], table["claims"], strict=True)) == {
        "unverified": 1,
        "reproduced": 1,
        "refuted": 1,
        "not comparable": 2,
    }


def test_every_shipped_claim_stands_on_the_page_and_columns_without_anything_do_not():
    rows = rows_of(page_of(claims.shipped()))
    assert list(rows) == [entry.claim.id for entry in claims.shipped()]
    assert "measured" not in next(iter(rows.values()))


def test_a_ledger_without_claims_has_a_page():
    found = page_of(())
    assert found.figures == ()
    assert "0 of 0 tools" in found.html


def test_strangers_words_stay_text(tmp_path: Path):
    write(
        tmp_path, {"statement": HOSTILE, "unit": HOSTILE, "note": HOSTILE, "source": {"title": HOSTILE, "where": "x"}}
    )
    found = page_of(claims.own(tmp_path))
    assert "<script>alert" not in found.html
    assert rows_of(found)["half-share"]["what is claimed"] == HOSTILE


def test_a_document_that_is_not_whole_is_refused(decided):
    document = claims.report(decided)
    del document["rows"][0]["said"]
    with pytest.raises(BadInput, match=r"rows.0.said"):
        document_of("ledger.json", document)
