"""Numbers and days look alike on all pages: `7.8 %` kept together, a true minus, thousands with commas, days in words."""

from __future__ import annotations

import html
import re

import pytest

from churn.api.pages.one_format import in_one_format
from tests.api.conftest import Service
from tests.api.pages.crawl import every_page

UNREAD = re.compile(
    r"(?s)<(script|style|pre|code|textarea|kbd|bdi|title)\b.*?</\1>"
    r"|<a\b[^>]*href=\"/customers\b[^>]*>.*?</a>|<!--.*?-->"
)
WITHIN_A_LINE = re.compile(r"</?(?:b|strong|i|em|span|a|tspan)\b[^>]*>")
OTHER_FORMS = {
    "a percentage without its narrow space": re.compile(r"\d[ \u00a0]?%"),
    "a hyphen for a minus": re.compile(r"(?<![\w.)\]/\u2013-])-(?=[$€£]?\d)"),
    "a day in digits": re.compile(r"(?<![\w/=.-])20\d\d-\d\d-\d\d(?![\w-]|\.\w)"),
    "money without its commas, or its sign elsewhere": re.compile(r"[$€£] ?\d{4}|[$€£] \d|\bUSD \d|\d ?[$€£](?!\w)"),
}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<p>7.8 % left, 9% before, -14%.</p>", "<p>7.8\u202f% left, 9\u202f% before, \u221214\u202f%.</p>"),
        ("<td>90&nbsp;% between</td>", "<td>90\u202f% between</td>"),
        ("<p>It brings -$409 (-1.5 to 2).</p>", "<p>It brings \u2212$409 (\u22121.5 to 2).</p>"),
        ("<p>Of those of 2026-07-01.</p>", "<p>Of those of 1 July 2026.</p>"),
        ("<td>2026-07-01 03:14:00</td>", "<td>1 Jul 2026 03:14:00</td>"),
        (
            "<p>A 30-day window, plan 5-10, run 20260701-0000.</p>",
            "<p>A 30-day window, plan 5-10, run 20260701-0000.</p>",
        ),
        (
            "<p>list-2026-07-01.csv, 2026-07-01.csv, 2026-19-41</p>",
            "<p>list-2026-07-01.csv, 2026-07-01.csv, 2026-19-41</p>",
        ),
        ('<a href="?on=2026-07-01&q=5%" title="-5 %">x</a>', '<a href="?on=2026-07-01&q=5%" title="-5 %">x</a>'),
        ("<code>a > -1 and b % 2</code><option>5 %</option>", "<code>a > -1 and b % 2</code><option>5 %</option>"),
        (
            '<script type="application/json">{"a": "5 %"}</script>',
            '<script type="application/json">{"a": "5 %"}</script>',
        ),
        (
            '<a class="who" href="/customers/-5%25">-5 %</a><bdi>2026-07-01</bdi><title>-1</title>',
            '<a class="who" href="/customers/-5%25">-5 %</a><bdi>2026-07-01</bdi><title>-1</title>',
        ),
        ("<textarea>x = -1 -- 2026-07-01</textarea>", "<textarea>x = -1 -- 2026-07-01</textarea>"),
    ],
)
def test_only_what_is_read_is_written_in_the_one_form(written: str, shown: str) -> None:
    assert in_one_format(written) == shown
    assert in_one_format(shown) == shown


def test_every_page_writes_numbers_and_days_in_one_form(standing_service: Service) -> None:
    others = []
    for path, page in every_page(standing_service):
        for name, form in OTHER_FORMS.items():
            others += [f"{path}: {name}: {place}" for place in places_of(form, page)[:3]]
    assert others == []


def places_of(form: re.Pattern[str], page: str) -> list[str]:
    """Return what stands around each place of a page's text that has this form."""
    text = re.sub(r"<[^>]*>", "\n", WITHIN_A_LINE.sub("", UNREAD.sub(" ", page)))
    read = html.unescape(text)
    return [read[max(0, place.start() - 40) : place.end() + 20] for place in form.finditer(read)]
