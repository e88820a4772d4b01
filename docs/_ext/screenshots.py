"""The pictures of docs/how-to/report: `make screenshots` writes them anew with the system's Chromium.

Each view of a report is taken from a page of published measurements, of predictions, of repeated runs, and of a sweep.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, sync_playwright

import gnomon

OUT = Path(__file__).parent.parent / "how-to" / "report"
WIDTH_PX = 1000
WHOLE_PAGE_SCALE = 0.5  # of the two pictures of a whole page


def predictions(folder: Path, efficiency: str | None = None) -> Path:
    """The JSON of `gnomon predict llama-2-7b --on h100-sxm --operators --json`, or at another share of the peaks."""
    overrides = gnomon.Overrides(efficiency=efficiency) if efficiency else None
    answer = gnomon.predict("llama-2-7b", on="h100-sxm", batch=8, overrides=overrides)
    path = folder / ("llama-2-7b.json" if efficiency is None else f"efficiency-{efficiency}.json")
    document = {"schema": "gnomon/predict/1", "rows": [answer.to_dict(operators=True)]}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def take(
    browser: Browser,
    page: Path,
    pictures: Mapping[str, str],
    *,
    scheme: Literal["light", "dark"] = "light",
    scale: float = 1.0,
    width_px: int = WIDTH_PX,
) -> None:
    """Save what each selector finds first on the page; "html" is the whole page."""
    context = browser.new_context(
        offline=True, color_scheme=scheme, viewport={"width": width_px, "height": 800}, device_scale_factor=scale
    )
    tab = context.new_page()
    tab.goto(page.as_uri())
    tab.wait_for_selector("html[data-drawn-ms]")
    for name, selector in pictures.items():
        target = OUT / f"{name}.png"
        if selector == "html":
            tab.screenshot(path=target, full_page=True)
        else:
            tab.locator(selector).first.screenshot(path=target)
        sys.stdout.write(f"{target.name} {target.stat().st_size / 1e3:.0f} kB\n")
    context.close()


def main() -> None:
    """Write every picture."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        folder = Path(name)
        os.chdir(folder)  # a page names its inputs as they were given
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        published, predicted, swept, repeated = (folder / f"{one}.html" for one in ("m", "p", "s", "h"))
        gnomon.write_report("published", published)
        gnomon.write_report(predictions(Path()), predicted, title="llama-2-7b on one H100")
        gnomon.write_report(gnomon.sweep(OUT.parent / "my-sweep.yaml").path, swept)
        gnomon.write_report([predictions(Path(), share) for share in ("0.9", "0.8", "0.7")], repeated)
        measured = {
            "predicted-and-measured": "#f0",
            "error-by-group": 'figure:has-text("Error by model")',
            "coverage-by-level": 'figure:has-text("Coverage: nominal and measured")',
            "coverage-by-group": 'figure:has-text("intervals on silicon left out")',
        }
        take(browser, published, measured)
        take(browser, predicted, {"waterfall": "#f0", "roofline": "#f1"})
        take(browser, predicted, {"operators": '.grid:has-text("layer.qkv_proj")'}, width_px=1380)
        take(browser, swept, {"pareto": "#f0"})
        take(browser, repeated, {"history": "#f0"})
        take(browser, published, {"page-light": "html"}, scale=WHOLE_PAGE_SCALE)
        take(browser, predicted, {"page-dark": "html"}, scheme="dark", scale=WHOLE_PAGE_SCALE)
        browser.close()


if __name__ == "__main__":
    main()
