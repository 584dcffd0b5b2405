"""Takes the pictures of docs/pages.md anew from a finished home: `python -m tests.api.pages.take_pictures HOME [PAGE...]`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from tests import ROOT
from tests.api.pages.conftest import CHROMIUM, SCHEMES, WIDTHS, Visitor, context_of, serve

IMAGES = ROOT / "docs" / "images"
HEIGHTS = {"desktop": 1250, "phone": 2000}  # more of a long page would only make the picture small
PAGES = {
    "overview": "/",
    "risk-list": "/risk-list",
    "customer": "",  # the first of the list
    "simulator": "/simulator",
    "campaigns": "/campaigns",
    "campaign": "/campaigns/fix_payment",
    "campaign-form": "/campaigns/support_call/edit",
    "programme-form": "/programmes/keep/edit",
    "insights": "/insights",
    "model": "/model",
    "reports": "/reports",
    "jobs": "/jobs",
}
SETTLING_MS = 1_500  # charts come to life after the page is there


def take(home: Path, names: Collection[str] = ()) -> None:
    """Walk the pages named, or every one, in both widths and schemes, and keep what one sees first, in a few colours."""
    from playwright.sync_api import sync_playwright

    for served in serve(context_of(home)):
        with served.context.open_store() as store:
            if store.scores.current_run() is None:
                sys.exit(f"{home} has no risk list: the pictures would show empty pages. Make one with `churn demo`.")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--font-render-hinting=none"]
            )
            visitor = Visitor(browser.new_context(viewport={"width": 1280, "height": 900}).new_page(), served).sign_in()
            visitor.page.set_default_timeout(90_000)
            for name in names or PAGES:
                path = PAGES[name]
                visitor.visit(path or _first_customer(visitor))
                visitor.page.evaluate(
                    "scrollTo(0, document.documentElement.scrollHeight)"
                )  # charts are drawn when near
                visitor.page.locator(".chart.is-due").first.wait_for(state="detached")
                visitor.page.evaluate("scrollTo(0, 0)")
                for width, (pixels, _) in WIDTHS.items():
                    for scheme in SCHEMES:
                        visitor.size(width).page.emulate_media(color_scheme=scheme)
                        visitor.page.wait_for_timeout(SETTLING_MS)
                        height = visitor.page.evaluate("document.documentElement.scrollHeight")
                        out = IMAGES / f"{name}-{width}-{scheme}.png"
                        box = {"x": 0, "y": 0, "width": pixels, "height": min(height, HEIGHTS[width])}
                        visitor.page.screenshot(path=out, full_page=True, clip=box, animations="disabled")
                        _shrink(out)
            browser.close()


def _first_customer(visitor: Visitor) -> str:
    visitor.visit("/risk-list")
    return str(visitor.page.locator("a[href^='/customers/']").first.get_attribute("href"))


def _shrink(path: Path) -> None:
    tool = shutil.which("pngquant")
    if tool is None:
        sys.exit("pngquant is not installed (Debian package pngquant): the pictures would be too large")
    subprocess.run([tool, "--force", "--skip-if-larger", "--strip", "--output", path, "64", path], check=False)


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2:])
