"""Calls campaigns by their titles in texts that name their files: outcomes of jobs, and what the audit log says was done."""

from __future__ import annotations

import re
from collections.abc import Mapping

from churn.context import Context
from churn.languages.words import tr
from churn.views.advice import readable_campaigns


def campaign_titles(context: Context) -> dict[str, str]:
    """Return what people call the campaigns whose files can be read, by name."""
    return {name: definition.title for name, definition in readable_campaigns(context).items()}


def titled(text: str, titles: Mapping[str, str]) -> str:
    """Return a text with titles for the names of campaigns.

    A name of several words, such as fix_payment, means the campaign wherever it stands; one that may be a word of the
    sentence does where a text or a clause begins with it, and between backquotes.
    """
    if not titles:
        return text

    def title(match: re.Match[str]) -> str:
        return tr("“{title}”", title=titles[match[1] or match[2]])

    any_of = "|".join(re.escape(name) for name in sorted(titles, key=len, reverse=True))
    several = "|".join(re.escape(name) for name in sorted(titles, key=len, reverse=True) if "_" in name)
    text = re.sub(rf"`({any_of})`|(?:(?<=^)|(?<=; )|(?<=, ))({any_of})(?=: |, | to |$)", title, text)
    return re.sub(rf"(?<![\w./`-])({several})(?![\w/`-]|\.\w)()", title, text) if several else text
