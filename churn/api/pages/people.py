"""What the risk list and the customer page share: addresses of customers, whatever their ids hold, and who knows features."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from churn.api.state import State
from churn.errors import ChurnError

LONGEST_ID: Final = 1_000
# Browsers normalise `.`, `..` and more in a path, so ids with unusual characters go into the query.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.~@+ -]{0,199}\Z")


def customer_path(customer_id: str) -> str:
    """Return the address of a customer's page."""
    if _PLAIN.match(customer_id):
        return f"/customers/{quote(customer_id, safe='')}"
    return f"/customers?id={quote(customer_id, safe='')}"


def feature_groups(state: State) -> Mapping[str, str]:
    """Return the group of each feature of the champion; nothing where there is no champion to ask."""
    try:
        _, model = state.champion.get()
    except ChurnError:  # the page is about customers; the model's own page shows what is wrong with the model
        return {}
    return {doc.name: doc.group for doc in model.features}
