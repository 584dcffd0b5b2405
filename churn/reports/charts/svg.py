"""Draws charts as inline SVG: no script, no request, colours that a stylesheet turns light or dark.

Colours in the SVG are keys: `TOKENS` names the CSS variable of each, and `token_css` writes the rules that replace it.
Without that stylesheet one sees the keys themselves, which are the light colours.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

from markupsafe import Markup

from churn.languages.catalogue import ENGLISH
from churn.languages.words import language, trc
from churn.wording import calendar_names, separators

Spec = dict[str, Any]  # a Vega-Lite definition, which Altair gives as plain JSON

# Okabe and Ito's blue, vermilion and green are distinct for any colour vision; lines differ in form too.
TOKENS: Final[dict[str, tuple[str, str]]] = {
    "ink": ("#1c2530", "#e6ebf1"),
    "muted": ("#5b6876", "#9aa8b7"),
    "grid": ("#dfe4ea", "#2e3945"),
    "paper": ("#fdfdfe", "#151b22"),
    "curve": ("#0068a9", "#5cb8f0"),
    "band": ("#cfe3f2", "#1d3f58"),
    "chosen": ("#c04800", "#ff9a5c"),
    "best": ("#007a5a", "#45cfa2"),
    "worse": ("#d9843f", "#c9763a"),
    "better": ("#3b87bd", "#4d9bd0"),
}
WIDE, NARROW = 760, 350
# How axes write numbers where no language is asked for, as d3-format names the parts; static/words.js says the same.
ENGLISH_AXIS: Final[dict[str, Any]] = {
    "decimal": ".",
    "thousands": ",",
    "grouping": [3],
    "currency": ["$", ""],
    "percent": "\u202f%",
}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


def axis_numbers() -> dict[str, Any]:
    """Return how axes write numbers in the language spoken."""
    decimal, thousands = separators()
    return ENGLISH_AXIS | {"decimal": decimal, "thousands": thousands}


def axis_times() -> dict[str, Any] | None:
    """Return how axes write days in the language spoken, as d3-time-format names the parts; None for English."""
    names = calendar_names()
    if names is None:
        return None
    return {
        "dateTime": "%x, %X",
        "date": "%d.%m.%Y",
        "time": "%H:%M:%S",
        "periods": ["", ""],
        "days": names.days,
        "shortDays": names.short_days,
        "months": names.months,
        "shortMonths": names.short_months,
    }


class Figure(Markup):
    """A chart as HTML that needs no script: inline SVG, wide and narrow, with a description for screen readers.

    `specs` are the Vega-Lite definitions that the SVG was drawn from, by the name of their width, for pages that add
    tooltips; `describe` is the description.
    """

    specs: Mapping[str, Spec]
    describe: str

    @classmethod
    def of(cls, html: str, specs: Mapping[str, Spec], describe: str) -> Figure:
        """Return `html`, drawn by us, as a figure."""
        made = cls(html)
        made.specs, made.describe = specs, describe
        return made


def color(name: str) -> str:
    """Return the key colour of a token."""
    return TOKENS[name][0]


def token_css() -> Markup:
    """Return the CSS variables for light and dark, and the rules that lay them over the charts' key colours."""
    light = "".join(f"--{name}:{pair[0]};" for name, pair in TOKENS.items())
    dark = "".join(f"--{name}:{pair[1]};" for name, pair in TOKENS.items())
    rules = "".join(
        f'svg [fill="{pair[0]}"]{{fill:var(--{name})}}svg [stroke="{pair[0]}"]{{stroke:var(--{name})}}'
        for name, pair in TOKENS.items()
    )
    return Markup(  # noqa: S704  # constants of this module
        f":root{{color-scheme:light dark;{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}{rules}"
    )


def money_axis(prefix: str) -> str:
    """A Vega expression that writes an axis label as money: $150k, -$1.5M; elsewhere than in English with the sign behind it."""
    before, after = (prefix, "") if language() == ENGLISH else ("", f"\u00a0{prefix.strip()}")
    return (
        f"(datum.value < 0 ? '\u2212' : '') + '{before}' + (abs(datum.value) >= 1e6 ? format(abs(datum.value) / 1e6, '~f') "
        f"+ '{trc('amount', 'M')}' : abs(datum.value) >= 1e3 ? format(abs(datum.value) / 1e3, '~f') + '{trc('amount', 'k')}' "
        ": format(abs(datum.value), '~f'))" + (f" + '{after}'" if after else "")
    )


def in_two_lines(letters: int) -> str:
    """Return the expression of an axis that breaks labels of more `letters` at a blank, so that none is cut off."""
    head = f"lastindexof(slice(datum.label, 0, {letters + 1}), ' ')"
    return (
        f"length(datum.label) > {letters} && {head} > 0 ? "
        f"[slice(datum.label, 0, {head}), slice(datum.label, {head} + 1)] : datum.label"
    )


def styled(chart: Any) -> Any:
    """Return an Altair chart in the style that all pages share."""
    return (
        chart.configure(background="transparent", font=FONT, padding={"left": 12, "right": 12, "top": 6, "bottom": 4})
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=color("muted"),
            titleColor=color("muted"),
            gridColor=color("grid"),
            domainColor=color("grid"),
            tickColor=color("grid"),
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=10,
        )
    )


def both(draw: Callable[[int], Any], describe: str, locale: Mapping[str, Any] | None = None) -> Figure:
    """Return the chart that `draw(width)` draws, for a page and for a phone; the stylesheet shows the one that fits.

    `describe` is what a screen reader says, once. `locale` is how axes write numbers, as d3-format names its parts;
    the way of the language spoken if not given.
    """
    _settle()
    # Validation against Vega-Lite's schema would take half the time and change nothing; tests draw every chart.
    specs: dict[str, Spec] = {
        name: draw(width).to_dict(validate=False) for name, width in (("wide", WIDE), ("narrow", NARROW))
    }
    label = str(Markup.escape(describe))
    form = json.dumps(locale or axis_numbers(), sort_keys=True)
    times = json.dumps(axis_times(), sort_keys=True)
    html = "".join(
        f'<div class="{name}">{_svg(json.dumps(spec, sort_keys=True), label, form, times)}</div>'
        for name, spec in specs.items()
    )
    return Figure.of(html, specs, describe)


def _settle() -> None:
    """Load pandas before Altair does its work: it inspects pandas where that is loaded, also half loaded by another thread.

    To wait only where its import has begun is not enough: it may begin while a chart is drawn.
    """
    with suppress(ImportError):
        importlib.import_module("pandas")


@lru_cache(maxsize=256)
def _svg(spec: str, label: str, locale: str, times: str) -> str:
    """Draw a definition, given as JSON; pages ask for the same chart again and again until new scores come."""
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(spec, format_locale=json.loads(locale), time_format_locale=json.loads(times))
    svg = re.sub(r"<\?xml[^>]*\?>|<!DOCTYPE[^>]*>", "", svg)
    # Drop the roles of the parts: the whole is one image with one description.
    svg = re.sub(r'\s(?:role|aria-[a-z]+)="[^"]*"', "", svg)
    svg = re.sub(r'(<svg[^>]*?)\swidth="[\d.]+"\sheight="[\d.]+"', r"\1", svg, count=1)
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
