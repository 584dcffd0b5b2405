"""The report on paper: A4, nothing wider than the page, no table cut, and its words can be read out of the file."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from churn.errors import ConfigError
from churn.reports import pdf
from churn.reports.monthly import render_monthly
from tests.reports.test_monthly import full

needs_printer = pytest.mark.skipif(
    not any(map(shutil.which, pdf.NAMES)) or not shutil.which("pdftotext"),
    reason="needs Chromium and pdftotext (Debian: chromium, poppler-utils)",
)


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.slow
@needs_printer
def test_the_printed_report_is_a4_and_says_what_the_page_says_without_cutting_a_table(tmp_path: Path) -> None:
    page = tmp_path / "monthly.html"
    page.write_text(render_monthly(full(), home=tmp_path), encoding="utf-8")
    out = pdf.print_to_pdf(page, tmp_path / "monthly.pdf")

    facts = _run("pdfinfo", str(out))
    width, height = map(float, re.search(r"Page size:\s+([\d.]+) x ([\d.]+) pts", facts).groups())  # type: ignore[union-attr]  # it is there
    assert (round(width / 72 * 25.4), round(height / 72 * 25.4)) == (210, 297)
    pages = _run("pdftotext", "-layout", str(out), "-").split("\f")
    assert "8.0 % of customers left in June 2026" in " ".join(pages[0].replace("\u00a0", " ").split())
    assert "To decide" in pages[0]
    for first, last in (("Critical", "Low"), ("Contacted", "Call <b>")):
        holders = [number for number, text in enumerate(pages) if first in text]
        assert any(last in pages[number] for number in holders), f"the table of {first} is cut"
    boxes = _run("pdftotext", "-bbox", str(out), "-")
    rights = [float(x) for x in re.findall(r'xMax="([\d.]+)"', boxes)]
    lefts = [float(x) for x in re.findall(r'xMin="([\d.]+)"', boxes)]
    assert max(rights) <= width
    assert min(lefts) >= 0


def test_without_a_chromium_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf.shutil, "which", lambda _name: None)
    with pytest.raises(ConfigError, match="no Chromium is installed") as caught:
        pdf.print_to_pdf(tmp_path / "a.html", tmp_path / "a.pdf")
    assert "apt-get install chromium" in (caught.value.remedy or "")
