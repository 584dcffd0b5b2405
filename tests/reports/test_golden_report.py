"""The words of the whole report, kept as text: whoever changes a sentence sees it in a diff, as a reader would."""

from __future__ import annotations

import os
import re
from html import unescape
from pathlib import Path

import pytest

from churn.reports.monthly import render_monthly, sections
from tests.reports.test_monthly import NOTHING, full

GOLDEN = Path(__file__).parent / "golden"
FACTS = {"full": full, "nothing": lambda: NOTHING}
_BLOCK = re.compile(r"</(?:p|h1|h2|h3|tr|dt|dd|div|li|figcaption|text)>")


def words_of(page: str) -> str:
    """Return what the page says, a line for each block: texts on charts and what is said in their place as well."""
    page = re.sub(r"<(style|title)>.*?</\1>", "", page, flags=re.DOTALL)
    page = re.sub(r'<div class="narrow">.*?</svg></div>', "", page, flags=re.DOTALL).replace("</tspan>", " ")
    page = re.sub(r'<svg role="img" aria-label="([^"]*)"', r"\n[chart: \1]\n<svg", page)
    page = _BLOCK.sub("\n", re.sub(r"</t[hd]>|<small>|<br>", " | ", page.replace("\n", " ")))
    lines = (" ".join(unescape(re.sub(r"<[^>]+>", "", line)).split()).strip("| ") for line in page.split("\n"))
    return "\n".join(line for line in lines if line) + "\n"


@pytest.mark.parametrize("name", sorted(FACTS))
@pytest.mark.parametrize("language", ["en", "de"])
def test_the_report_says_what_was_agreed(name: str, language: str, tmp_path: Path) -> None:
    """Run with WRITE_GOLDEN=1 to agree on new words."""
    path = GOLDEN / f"monthly-{name}-{language}.txt"
    found = words_of(render_monthly(FACTS[name](), home=tmp_path, language=language))
    if os.environ.get("WRITE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(FACTS))
def test_every_section_stands_by_itself_with_a_title_and_something_to_read(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "monthly"
    folder.mkdir(parents=True)
    names = sections(tmp_path)
    for one in names:  # every other one is laid over by an empty file
        for other in names:
            (folder / f"{Path(other).name}.j2").unlink(missing_ok=True)
            if other != one:
                (folder / f"{Path(other).name}.j2").write_text("", encoding="utf-8")
        text = render_monthly(FACTS[name](), home=tmp_path)
        assert len(re.findall(r"<h1>|<h2>", text)) >= 1, one
        assert len(words_of(text).splitlines()) >= 2, one
        assert text.count("<table") == text.count("</table>")
        assert not re.search(r"\b(None|nan|Undefined)\b", words_of(text)), one
