"""Turns docs/ into a site: the order of its pages is that of docs/index.md, and README and CHANGELOG are pages too."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any, Final

from diagrams import BLOCK, as_svg
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = {"README.md": "start.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
_LINK: Final = re.compile(r"(?P<text>\[(?:[^\[\]]|!?\[[^\]]*\]\([^)]*\))*\])\((?P<target>[^)\s]+)\)")
_IMAGE: Final = re.compile(r'(<img src=")docs/')


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make the navigation from the tables of docs/index.md: a section for each heading, a page for each link."""
    nav: list[Any] = [{"Documentation": "index.md"}, {"Begin here": "start.md"}]
    seen = {"index.md", "start.md"}
    section: list[str] = []
    for line in (ROOT / "docs" / "index.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = []
            nav.append({line.removeprefix("## "): section})
        for link in _LINK.finditer(line):
            page = _page_of(link["target"].partition("#")[0], "index.md")
            if page is not None and page.endswith(".md") and page not in seen:
                seen.add(page)
                section.append(page)
    rest = sorted(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md"))
    nav.append({"Decisions": [page for page in rest if page.startswith("decisions/") and page not in seen]})
    nav.append({"What changed": "changelog.md"})
    config.nav = [entry for entry in nav if next(iter(entry.values()))]
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that lie beside docs/."""
    for name, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Page, files: Files, **_: object) -> str:
    """Lead links to other pages of the site, and draw flowcharts; what is a file of the project or a notebook is named instead."""
    here = page.file.src_uri
    lies_in = next((posixpath.dirname(name) for name, own in PAGES.items() if own == here), None)

    def led(link: re.Match[str]) -> str:
        target, mark, anchor = link["target"].partition("#")
        if not target or "://" in target or target.startswith("mailto:"):
            return link[0]
        target = _page_of(target, here, lies_in)
        if target is None or files.get_file_from_path(target) is None:
            return link["text"][1:-1]
        return f"{link['text']}({posixpath.relpath(target, posixpath.dirname(here) or '.')}{mark}{anchor})"

    if lies_in is not None:
        markdown = _IMAGE.sub(r"\1", markdown)
    return "".join(
        BLOCK.sub(lambda block: as_svg(block["text"]), part) if number % 2 else _LINK.sub(led, part)
        for number, part in enumerate(re.split(r"(?ms)(^```.*?^```)", markdown))
    )


def _page_of(target: str, here: str, lies_in: str | None = None) -> str | None:
    """Return the page or file of the site that a link leads to, from docs/`here` or from a folder of the project."""
    folder = posixpath.join("docs", posixpath.dirname(here)) if lies_in is None else lies_in
    path = posixpath.normpath(posixpath.join(folder, target))
    if path in PAGES:
        return PAGES[path]
    return path.removeprefix("docs/") if path.startswith("docs/") else None
