"""The documentation as a site: it builds without a warning, its search finds every page, and it fetches nothing from elsewhere."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests import ROOT

pytestmark = pytest.mark.slow

_FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src"}


class Fetched(HTMLParser):
    """Collects the addresses that a browser asks for when it shows a page, and those that its links lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        own = dict(attributes)
        if address := own.get(_FETCHED.get(tag, "")):
            self.addresses.append(address)
        if tag == "a" and (target := own.get("href")):
            self.links.append(target)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "--config-file",
            "deploy/site/mkdocs.yml",
            "-d",
            str(folder),
        ],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_of_the_docs_is_in_the_site_and_its_search_finds_it(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert len(pages) > 40
    assert pages <= {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    entries = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    assert pages <= {entry["location"].partition("#")[0] for entry in entries}
    sections = re.findall(r"^## (.+)$", (ROOT / "docs" / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    words = (site / "api.html").read_text(encoding="utf-8")
    assert [section for section in sections if section not in words] == []


def test_what_a_page_shows_and_leads_to_is_there_and_nothing_comes_from_elsewhere(site: Path) -> None:
    foreign: set[str] = set()
    missing: set[str] = set()
    for path in site.rglob("*.html"):
        page = Fetched()
        page.feed(path.read_text(encoding="utf-8"))
        foreign |= {address for address in page.addresses if "//" in address}
        near = [target for target in [*page.addresses, *page.links] if "//" not in target and "mailto:" not in target]
        for target in near if path.name != "404.html" else []:  # that page is served for any address
            name = target.partition("#")[0].partition("?")[0]
            if name and not (path.parent / name).exists():
                missing.add(f"{path.name}: {target}")
    assert foreign == set()
    assert missing == set()


def test_each_flowchart_is_drawn_with_every_node_of_it(site: Path) -> None:
    drawn = 0
    for page in sorted((ROOT / "docs").glob("*.md")):
        charts = re.findall(r"(?ms)^```mermaid\n(.*?)^```", page.read_text(encoding="utf-8"))
        pictures = re.findall(
            r'<svg class="flowchart".*?</svg>', (site / f"{page.stem}.html").read_text(encoding="utf-8")
        )
        assert len(pictures) == len(charts), page.name
        for chart, picture in zip(charts, pictures, strict=True):
            words = html.unescape(re.sub(r"<[^>]+>", " ", picture.split("</title>")[1]))
            for label in re.findall(r'\["([^"]+)"\]', chart):
                for part in re.split(r"[\s,]+|<br/>", label):
                    assert part in words, f"{page.name}: {part}"
            assert picture.count('stroke-opacity=".55"') == chart.count("-->"), "an edge is missing"
        drawn += len(charts)
    assert drawn >= 3
