"""Reads what was published of customers without contracts: whether they still buy, and when next."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict

from churn.errors import ResourceError
from churn.languages.words import tr
from churn.views.serving_files import BUYING, run_path

if TYPE_CHECKING:
    import polars as pl


class BuyingAhead(TypedDict):
    """Of one customer; None, all three, where there are contracts or the model did not come true. See docs/lifetime.md."""

    alive_probability: float | None
    expected_purchases_90d: float | None
    days_to_next_purchase: float | None


NOTHING: Final[BuyingAhead] = {
    "alive_probability": None,
    "expected_purchases_90d": None,
    "days_to_next_purchase": None,
}


class NewestBuying:
    """Holds what was published with the current run; the first request after a new one replaces it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._held: tuple[str, pl.DataFrame | None] | None = None

    def of(self, run_id: str, customer_id: str) -> BuyingAhead:
        """Return what is expected of one customer."""
        frame = self._frame(run_id)
        if frame is None:
            return NOTHING
        known = frame["customer_id"]
        row = int(known.search_sorted(customer_id, side="left"))
        if row >= len(known) or known[row] != customer_id:
            return NOTHING
        return {
            "alive_probability": round(frame["alive_probability"][row], 4),
            "expected_purchases_90d": round(frame["expected_purchases_90d"][row], 3),
            "days_to_next_purchase": round(frame["days_to_next_purchase"][row], 1),
        }

    def of_all(self, run_id: str, customer_ids: Sequence[str]) -> list[BuyingAhead]:
        """Return the same of some customers, in their order."""
        return [self.of(run_id, customer) for customer in customer_ids]

    def _frame(self, run_id: str) -> pl.DataFrame | None:
        held = self._held
        if held is None or held[0] != run_id:
            with self._lock:
                held = self._held
                if held is None or held[0] != run_id:
                    self._held = held = (run_id, _read(self._home, run_id))
        return held[1]


def _read(home: Path, run_id: str) -> pl.DataFrame | None:
    path = run_path(home, run_id) / BUYING
    if not path.is_file():
        return None
    import polars as pl

    try:
        return pl.read_parquet(path).sort("customer_id")
    except (OSError, pl.exceptions.PolarsError) as error:
        if path.is_file():  # else a later run has removed it meanwhile
            raise ResourceError(tr("cannot be read"), where=str(path), remedy=tr("Run `churn score` again.")) from error
    return None
