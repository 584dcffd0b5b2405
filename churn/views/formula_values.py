"""Holds what the SQL terms and filters of campaigns gave each customer when the list was published, for readers without the warehouse."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from churn.config.formulas import TermName
from churn.decisions.checks import Floats
from churn.decisions.offer_terms import CustomersTerms, checked
from churn.errors import ResourceError
from churn.languages.words import tr
from churn.views.serving_files import FORMULAS, run_path

if TYPE_CHECKING:
    import polars as pl

    from churn.documents.definition import CampaignDefinition

_TERM, _FILTER = "term ", "filter "


def term_column(text: str) -> str:
    """Return the column of the file that holds the values of a term."""
    return _TERM + text


def filter_column(text: str) -> str:
    """Return the column of the file that holds who meets a filter: 1, 0, or null where that is not known."""
    return _FILTER + text


@dataclass(frozen=True)
class FormulaValues:
    """What formulas gave the customers of one run. A formula is found by its text, whichever campaign has it.

    `frame` is sorted by customer_id and has a column for each formula that could be evaluated.
    """

    run_id: str
    frame: pl.DataFrame | None

    @classmethod
    def read(cls, home: Path, run_id: str) -> FormulaValues:
        """Return the values published with a run; none where it has no such file. Raises ResourceError for one that is damaged."""
        import polars as pl

        path = run_path(home, run_id) / FORMULAS
        if not path.is_file():
            return cls(run_id, None)
        try:
            return cls(run_id, pl.read_parquet(path).sort("customer_id"))
        except (OSError, pl.exceptions.PolarsError) as error:
            if path.is_file():  # else a later run has removed it meanwhile
                raise ResourceError(
                    tr("cannot be read"), where=str(path), remedy=tr("Run `churn score` again.")
                ) from error
        return cls(run_id, None)

    def terms(self, formulas: Mapping[TermName, str], ids: Sequence[str]) -> CustomersTerms | None:
        """Return the terms of the customers `ids`; None where a formula was not evaluated with this run."""
        if not formulas:
            return CustomersTerms.alike(len(ids))
        values = self._columns([term_column(text) for text in formulas.values()], ids)
        return None if values is None else checked(dict(zip(formulas, values, strict=True)))

    def meets(self, text: str, ids: Sequence[str]) -> Floats | None:
        """Return who of `ids` meets a filter, 1 or 0, NaN where that is not known; None where it was not evaluated."""
        values = self._columns([filter_column(text)], ids)
        return None if values is None else values[0]

    def _columns(self, names: Collection[str], ids: Sequence[str]) -> list[Floats] | None:
        if self.frame is None or not set(names) <= set(self.frame.columns):
            return None
        if len(ids) == 1:  # one customer of a million: no join
            known = self.frame["customer_id"]
            row = int(known.search_sorted(ids[0], side="left"))
            is_there = row < len(known) and known[row] == ids[0]
            return [_numbers([self.frame[name][row] if is_there else None]) for name in names]
        import polars as pl

        joined = pl.DataFrame({"customer_id": ids}, schema={"customer_id": pl.String}).join(
            self.frame.select("customer_id", *dict.fromkeys(names)),
            on="customer_id",
            how="left",
            maintain_order="left",
        )
        return [joined[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in names]


def _numbers(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def own_terms_of(values: FormulaValues, definition: CampaignDefinition, ids: Sequence[str]) -> CustomersTerms | None:
    """Return the terms of a campaign that differ by customer, of `ids`; None where it has none, or they were not published."""
    formulas = definition.offer.formulas
    return values.terms(formulas, ids) if formulas else None


class NewestFormulaValues:
    """Holds the values of the current run; the first request after a new run replaces them."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._held: FormulaValues | None = None

    def of(self, run_id: str) -> FormulaValues:
        """Return the values of `run_id`, read once however many ask."""
        held = self._held
        if held is not None and held.run_id == run_id:
            return held
        with self._lock:
            if self._held is None or self._held.run_id != run_id:
                self._held = FormulaValues.read(self._home, run_id)
            return self._held
