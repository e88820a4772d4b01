"""What a browser makes of a page with its network cut: drawn without a request or a complaint, in every scheme, on paper."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gnomon.lab import claims
from gnomon.report.documents import Document, document_of, read_sweep_result, run_document
from gnomon.report.pages import page
from tests.long import LONG
from tests.report.documents import ROOFS, answer, measured, measurements, operator, predictions, quantity, sweep_folder
from tests.report.runs import ended, read
from tests.report.test_pages import HOSTILE, data_of, figure_table

pytestmark = pytest.mark.slow  # a browser is started, again and again

DRAWN = "html[data-drawn-ms]"  # set by the page's script once every figure is drawn


@dataclass
class Shown:
    """A page in the browser, and everything that it asked for or complained of."""

    tab: Any  # playwright's Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def assert_quiet(self) -> None:
        assert [url for url in self.requests if not url.startswith("blob:file:")] == [self.tab.url]
        assert self.complaints == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("the program chromium is missing")
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is missing")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Shown]]:
    contexts = []

    def opened(*documents: Document, scheme: str = "light", width: int = 1200) -> Shown:
        file = tmp_path / "page.html"
        file.write_text(page(documents).html, encoding="utf-8")
        context = browser.new_context(offline=True, color_scheme=scheme, viewport={"width": width, "height": 900})
        contexts.append(context)
        shown = Shown(context.new_page())
        shown.tab.on("request", lambda request: shown.requests.append(request.url))
        shown.tab.on("console", lambda message: shown.complaints.append(message.text))
        shown.tab.on("pageerror", lambda fault: shown.complaints.append(str(fault)))
        shown.tab.goto(file.as_uri())
        shown.tab.wait_for_selector(DRAWN, timeout=120_000)
        return shown

    yield opened
    for context in contexts:
        context.close()


def everything(folder: Path) -> list[Document]:
    """A document of every kind, so that every view is there."""
    ops = [operator("a", time_s=5.0), operator("b", family="norm", time_s=3.0)]
    run = document_of("run.json", predictions(answer("toy", quantity(16.0, operators=ops, roofs=ROOFS))))
    table = document_of("table.json", measurements())
    return [run, run, table, table, read_sweep_result(sweep_folder(folder / "sweep"))]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    """A run of strangers' words, and the ledger that ships."""
    names = {"title": HOSTILE, "hypothesis__reference": HOSTILE, "metrics__primary__0__unit": HOSTILE}
    run = read(ended(tmp_path_factory.mktemp("told"), **names))
    return [run_document(run), document_of("the ledger", claims.report(claims.shipped()))]


def points(tab: Any, kind: str) -> int:
    """How many marks of points stand in the first figure of a kind."""
    found: int = tab.evaluate(
        """(kind) => {
          const page = JSON.parse(document.getElementById("gnomon-data").textContent);
          const name = Object.keys(page.figures).find((one) => page.figures[one].kind === kind);
          return document.querySelectorAll(`#${name} .scatterlayer .point`).length;
        }""",
        kind,
    )
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_is_drawn_without_a_request_or_a_complaint(show, tmp_path: Path, scheme: str) -> None:
    shown = show(*everything(tmp_path), scheme=scheme)
    figures = shown.tab.query_selector_all("figure")
    assert len(figures) == len(page(everything(tmp_path)).figures)
    assert all(figure.query_selector(".plot svg.main-svg .trace, .plot svg.main-svg .bars") for figure in figures)
    assert points(shown.tab, "roofline") == 2
    assert points(shown.tab, "pareto") == 3
    ground = shown.tab.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    shown.assert_quiet()


def test_the_theme_is_changed_by_a_press_and_the_figures_follow(show, tmp_path: Path) -> None:
    shown = show(document_of("a", measurements()))
    ink = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    before = shown.tab.evaluate(f"() => {ink}")
    shown.tab.click("#theme")
    shown.tab.wait_for_function(f"(before) => {ink} !== before", arg=before)
    shown.assert_quiet()


def test_ten_thousand_points_are_all_drawn_and_the_page_answers_the_mouse(show) -> None:
    make = random.Random(3)
    rows = [measured(make.lognormvariate(0, 2), make.lognormvariate(0, 2), device=f"d{i % 4}") for i in range(10_000)]
    shown = show(document_of("a", measurements(*rows)))
    assert points(shown.tab, "predicted-and-measured") == 10_000
    shown.tab.locator(".plot").first.scroll_into_view_if_needed()
    box = shown.tab.locator(".plot .nsewdrag").first.bounding_box()
    shown.tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    shown.tab.wait_for_selector(".hoverlayer .hovertext", timeout=30_000)
    assert shown.tab.locator("table:visible tbody tr").count() < 500  # the long table is capped, and says so
    assert "200 shown of 10,000 rows" in shown.tab.inner_text("body")
    shown.assert_quiet()


def test_names_of_strangers_stay_text(show) -> None:
    hostile = quantity(operators=[operator(HOSTILE, family=HOSTILE)], roofs=ROOFS)
    rows = [measured(device=f"{HOSTILE}{i}", conditions=HOSTILE, source=HOSTILE) for i in range(3)]
    groups = {"device": [{"group": HOSTILE} | measurements()["overall"]]}
    table = measurements(*rows, by=groups)
    shown = show(document_of("a", predictions(answer(HOSTILE, hostile))), document_of(HOSTILE, table))
    assert shown.tab.query_selector_all("main img, main script, svg a, svg img") == []
    assert "alert(1)" in shown.tab.inner_text("body")
    shown.assert_quiet()


def test_numbers_are_downloaded_as_exact_as_they_are_in_the_page(show) -> None:
    rows = [measured(0.1 + i / 3, 0.7, source='a "quoted", text') for i in range(5)]
    shown = show(document_of("a", measurements(*rows)))
    expected = figure_table(data_of(shown.tab.content()), "predicted-and-measured")
    with shown.tab.expect_download() as of_csv:
        shown.tab.click("figure [data-save=csv]")
    found = list(csv.DictReader(io.StringIO(Path(of_csv.value.path()).read_text(encoding="utf-8"))))
    assert [float(row["predicted_s"]) for row in found] == expected["predicted_s"]
    assert [row["source"] for row in found] == expected["source"]
    assert of_csv.value.suggested_filename == "predicted-and-measured.csv"
    with shown.tab.expect_download() as of_json:
        shown.tab.click("figure [data-save=json]")
    document = json.loads(Path(of_json.value.path()).read_text(encoding="utf-8"))
    assert document["units"]["predicted_s"] == "s"
    assert [row["predicted_s"] for row in document["rows"]] == expected["predicted_s"]


def test_a_table_is_searched_sorted_and_shown_in_steps(show) -> None:
    rows = [measured(float(i % 977 + 1), 1.0, device="t4" if i else "l4", line=i) for i in range(1500)]
    shown = show(document_of("a", measurements(*rows)))
    grid = shown.tab.locator("section > .grid").last
    lines = grid.locator("tbody tr")
    assert lines.count() == 200
    assert grid.locator(".more").inner_text() == "Show 1,000 more rows"
    grid.locator(".more").click()
    assert lines.count() == 1200
    grid.get_by_role("button", name="predicted").click()
    assert lines.first.inner_text().split("\t")[5] == "977 s"
    assert grid.locator("th[aria-sort=descending]").inner_text() == "predicted"
    grid.locator("input").fill("L4")
    assert lines.count() == 1
    assert "1 shown of 1 found of 1,500 rows" in grid.inner_text()


def test_the_numbers_of_a_figure_open_below_it(show) -> None:
    shown = show(document_of("a", predictions()))
    assert shown.tab.locator("figure tbody tr").count() == 0
    shown.tab.click("figure summary")
    shown.tab.wait_for_selector("figure tbody tr")
    assert shown.tab.locator("figure tbody tr").count() == 3
    assert "launches" in shown.tab.locator("figure tbody").inner_text()


def test_marks_of_a_logarithmic_axis_follow_the_reader_s_zoom(show) -> None:
    rows = [measured(10.0 ** -(i % 7), 10.0 ** -(i % 7)) for i in range(20)]
    shown = show(document_of("a", measurements(*rows)))
    texts = "() => [...document.querySelectorAll('#f0 .xtick text')].map((one) => one.textContent)"
    assert shown.tab.evaluate(texts) == ["1 us", "10 us", "100 us", "1 ms", "10 ms", "100 ms", "1 s"]
    shown.tab.evaluate("() => Plotly.relayout(document.querySelector('#f0 .plot'), {'xaxis.range': [-2.1, -1.9]})")
    shown.tab.wait_for_function("() => document.querySelector('#f0 .xtick text').textContent === '8 ms'")
    assert shown.tab.evaluate(texts) == ["8 ms", "9 ms", "10 ms", "11 ms", "12 ms"]
    shown.assert_quiet()


def test_a_page_prints_light_whatever_the_scheme(show, tmp_path: Path) -> None:
    shown = show(*everything(tmp_path), scheme="dark")
    shown.tab.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert shown.tab.evaluate("() => document.documentElement.dataset.theme") == "light"
    shown.tab.evaluate("() => dispatchEvent(new Event('afterprint'))")
    assert shown.tab.evaluate("() => document.documentElement.dataset.theme") == "dark"
    width = "document.querySelector('.plot svg.main-svg').getBoundingClientRect().width"
    before = shown.tab.evaluate(f"() => {width}")
    assert shown.tab.pdf(format="A4")[:5] == b"%PDF-"
    shown.tab.wait_for_function(f"(before) => {width} === before", arg=before)
    shown.assert_quiet()


def test_a_narrow_screen_is_not_scrolled_sideways(show, tmp_path: Path) -> None:
    shown = show(*everything(tmp_path), width=400)
    assert shown.tab.evaluate("() => document.documentElement.scrollWidth") <= 400


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1200), ("dark", 390), *([("light", 390), ("dark", 1200)] if LONG else [])]
)
def test_a_run_and_a_ledger_are_drawn_at_every_width_without_a_complaint(show, told, scheme: str, width: int) -> None:
    shown = show(*told, scheme=scheme, width=width)
    figures = shown.tab.query_selector_all("figure")
    assert len(figures) == 4
    assert all(figure.query_selector(".plot svg.main-svg .trace, .plot svg.main-svg .bars") for figure in figures)
    assert points(shown.tab, "values-by-arm") == 12 + 2  # units, and the means of the arms
    assert shown.tab.query_selector_all("main img, main script, svg a, svg img") == []
    assert shown.tab.evaluate("() => document.documentElement.scrollWidth") <= width
    shown.assert_quiet()


def test_a_row_of_sentences_is_a_card_on_a_narrow_screen_and_is_sorted_all_the_same(show, told) -> None:
    shown = show(told[1], width=390)
    grid = shown.tab.locator("section > .grid")
    lines = grid.locator("tbody tr")
    assert lines.first.inner_text().splitlines()[0] == claims.report(claims.shipped())["rows"][0]["id"]
    assert lines.first.locator("td").first.get_attribute("data-label") == "claim"
    grid.get_by_role("button", name="what is claimed").click()
    texts = [text.lower() for text in grid.locator("td:nth-child(5)").all_inner_texts()]
    assert texts[0] <= texts[-1]
    grid.locator("input").fill("neusight gpt3")
    assert lines.count() == 3


def test_the_sealed_files_of_a_run_open_when_asked_for(show, told) -> None:
    shown = show(told[0])
    folded = shown.tab.locator("section > details")
    assert folded.locator("tbody tr").count() == 0
    folded.locator("summary").click()
    shown.tab.wait_for_selector("section > details tbody tr")
    assert "spec.md" in folded.inner_text()
