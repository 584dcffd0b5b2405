"""What a mail's HTML may hold so that the usual mail programs show it alike, in light and dark."""

from __future__ import annotations

import re
from email.message import EmailMessage
from typing import Final

_TAGS: Final = {"html", "head", "meta", "title", "body", "table", "tr", "td", "th", "h1", "h2", "p", "b", "a"}
_WIDEST: Final = 640
_READABLE: Final = 4.5  # of WCAG AA


def assert_mailable(mail: EmailMessage) -> str:
    """Return the HTML of a mail; fail where it needs what a mail program lacks, or has no plain text that says as much."""
    plain, body = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert body is not None
    assert len(plain.get_content().strip()) > 20
    html: str = body.get_content()
    assert set(re.findall(r"<([a-z0-9]+)", html)) <= _TAGS
    assert not re.search(r"class=|url\(|position:|display:|float:|@media|var\(|javascript", html)
    assert len(html) < 60_000, "Gmail cuts off what is longer than 102 kB"
    assert all(
        int(width) <= _WIDEST for width in re.findall(r'width="(\d+)"|width:(\d+)px', html) for width in width if width
    )
    assert '<meta name="viewport" content="width=device-width,initial-scale=1">' in html
    assert '<meta name="color-scheme" content="light">' in html, "Apple Mail would turn the page dark and leave the ink"
    assert html.count("<table") <= html.count('bgcolor="#ffffff"'), (
        "a program that darkens needs paper to darken with the ink"
    )
    for ink in set(re.findall(r"[;\"]color:(#[0-9a-f]{6})", html)):
        assert contrast(ink, "#ffffff") >= _READABLE, ink
    return html


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
