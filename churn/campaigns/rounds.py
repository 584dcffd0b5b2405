"""Which campaigns are rounds of one offer, by their names: they learn together."""

from __future__ import annotations

import re

_ROUND = re.compile(r"(_\d+|_trial|_pilot)+$")


def offer_of_campaign(campaign: str) -> str:
    """Return the name that the rounds of an offer share, up to numbers, `trial` and `pilot` at its end.

    `support_call`, `support_call_2026_08` and `support_call_trial` are rounds of `support_call`.
    """
    return _ROUND.sub("", campaign)
