"""The page: the numbers of the document, escaped, nothing fetched; and what a browser makes of it."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gnomon.api.comparison import compare_measurements
from gnomon.core.units import show
from gnomon.report.page import comparison_page


@pytest.fixture(scope="module")
def document():
    found = compare_measurements("published", where={"model": ("llama-2-7b",)})
    return found.to_dict(found.rows)


def test_every_row_shows_its_measured_and_predicted_time(document) -> None:
    page = html.unescape(comparison_page(document))
    for row in document["rows"]:
        assert f"<td>{show(row['measured_s'], 's')}</td><td>{show(row['predicted_s'], 's')}</td>" in page


def test_the_page_fetches_nothing(document) -> None:
    page = comparison_page(document)
    assert not re.findall(r"<(?:script|link|img|iframe)|url\(|@import", page)


def test_text_from_a_table_is_escaped(document) -> None:
    rows = [dict(document["rows"][0], conditions="<script>alert(1)</script>")]
    assert "<script>" not in comparison_page(document | {"rows": rows})


def test_a_browser_shows_the_page_without_network(document, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("the program chromium is missing")
    page = tmp_path / "page.html"
    page.write_text(comparison_page(document), encoding="utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
    more = ("--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}")
    done = subprocess.run(
        [browser, *flags, *more, "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.count("llama-2-7b") >= len(document["rows"])
