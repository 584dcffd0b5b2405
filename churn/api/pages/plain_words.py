"""Says on a page what a sentence says with a command: where the page does it, as a link, in the place of words for a terminal."""

from __future__ import annotations

import re
from typing import Final

from markupsafe import Markup, escape

from churn.languages.recorded import recorded
from churn.languages.words import N_, tr

# By the command's first word: what to call the place, and its address; no address where only whoever runs churn can do it.
PLACES: Final[dict[str, tuple[str, str]]] = {
    "refresh": (N_("the load under Jobs and data"), "/jobs"),
    "score": (N_("the scoring under Jobs and data"), "/jobs"),
    "train": (N_("the training under Jobs and data"), "/jobs"),
    "monitor": (N_("the monitors under Jobs and data"), "/jobs"),
    "explore": (N_("the exploration under Jobs and data"), "/jobs"),
    "report": (N_("the report under Jobs and data"), "/jobs"),
    "run": (N_("a run under Jobs and data"), "/jobs"),
    "publish": (N_("the nightly run under Jobs and data"), "/jobs"),
    "plan": (N_("a plan on the page of the campaign or programme"), "/campaigns"),
    "measure": (N_("Measure on the campaign's page"), "/campaigns"),
    "sync": (N_("Push on the campaign's page"), "/campaigns"),
    "outcomes": (N_("the outcomes on the campaign's page"), "/campaigns"),
    "campaigns": (N_("the page Campaigns"), "/campaigns"),
    "uplift": (N_("the campaign's page"), "/campaigns"),
    "programmes": (N_("the programme's page"), "/programmes"),
    "models": (N_("the page Model"), "/model"),
    "features": (N_("the page Insights"), "/insights"),
    "simulate": (N_("the ROI simulator"), "/simulator"),
    "experiment": (N_("the page Experiments"), "/experiments"),
    "risk-list": (N_("the risk list"), "/risk-list"),
    "explain": (N_("the customer's page"), "/risk-list"),
    "privacy": (N_("the customer's page"), "/risk-list"),
    "scheduler": (N_("whoever runs churn, who can start the scheduler"), ""),
    "serve": (N_("whoever runs churn, who can start it"), ""),
}
_ELSE: Final = (N_("whoever runs churn"), "")
_COMMAND: Final = re.compile(r"`churn ([a-z-]+)[^`]*`")
_FROM_A_TERMINAL: Final = re.compile(r",? (?:with|or give|by) `?--[a-z][a-z-]*`?(?: [A-Z]+)?")
_LINK_IN_ATTRIBUTE: Final = re.compile(
    r'(="[^"<>]*)<a href="[^"]*">([^<]*)</a>'
)  # values are escaped, so no other mark stands there
_CALL: Final = re.compile(r"\b([Rr]un|[Uu]se|[Tt]ry) (?=`churn (?:scheduler|serve|init|users|keys|check|demo)\b)")


def on_page(value: object) -> object:
    """Return a text for a page: a command in it becomes a link to where pages do the same, its options are left out.

    Anything else than a text that names a command is returned as it is.
    """
    if not isinstance(value, str) or isinstance(value, Markup) or "`churn " not in value:
        return value
    text = _CALL.sub(lambda match: "Ask " if match.group(1)[0].isupper() else "ask ", _FROM_A_TERMINAL.sub("", value))
    parts, end = [], 0
    for match in _COMMAND.finditer(text):
        place, address = PLACES.get(match.group(1), _ELSE)
        words = tr(place)
        if _begins_a_sentence(text[: match.start()]):
            words = words[0].upper() + words[1:]
        parts.append(escape(text[end : match.start()]))
        parts.append(Markup('<a href="{}">{}</a>').format(address, words) if address else escape(words))
        end = match.end()
    return Markup("").join([*parts, escape(text[end:])])


def without_links_in_attributes(html: str) -> str:
    """Return a rendered page whose attributes hold the words of links alone: what a reader is told cannot be followed."""
    count = html.count("<a href=")
    while count:
        html, count = _LINK_IN_ATTRIBUTE.subn(r"\1\2", html)
    return html


def unticked(value: str) -> str:
    """Return a text without the backticks that mark names in it; commands in it as `on_page` has them."""
    shown = on_page(recorded(value))
    return shown.replace("`", "") if isinstance(shown, Markup) else str(shown).replace("`", "")


def _begins_a_sentence(before: str) -> bool:
    return not before.strip() or before.rstrip()[-1] in ".!?"
