"""The list of saved simulations, each with the address that opens it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from churn.api.pages.simulator.form import address, question_of
from churn.documents.simulation import Number
from churn.store.records import Simulation

_MOST_ROWS: Final = 50


@dataclass(frozen=True)
class SavedRow:
    """A saved simulation in the list; no address where it was not made on the current list of customers."""

    name: str
    saved_at: datetime
    contacts: Number
    net_profit: Number
    address: str | None


def saved_rows(simulations: Sequence[Simulation]) -> list[SavedRow]:
    """Return what the list shows of saved simulations, newest first."""
    return [
        SavedRow(
            name=saved.name,
            saved_at=saved.saved_at,
            contacts=saved.document.contacts,
            net_profit=saved.document.net_profit,
            address=address_of(saved),
        )
        for saved in simulations[:_MOST_ROWS]
    ]


def address_of(saved: Simulation) -> str | None:
    """Return the address that opens a saved simulation again; None where the page cannot ask for its customers."""
    if saved.request.preset is not None or saved.request.on != "scores":
        return None
    day = saved.document.snapshot_date
    query = address(question_of(saved.request), list_date=None if day is None else day.isoformat())
    return f"/simulator?{query}"
