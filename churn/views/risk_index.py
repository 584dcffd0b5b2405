"""Filters, sorts and pages the risk list in memory, as fast for a million customers as for a thousand.

The index holds what the list is filtered and sorted by, some 60 bytes a customer, read once per run from the serving files;
the rows of a page are then fetched from the store by their key. No combination of filters needs an index of a database.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from churn.decisions.bands import BANDS
from churn.errors import ConfigError, ResourceError
from churn.languages.words import tr
from churn.views.serving_files import LIST, LIST_COLUMNS, SEARCH, run_path

if TYPE_CHECKING:
    import polars as pl

    from churn.store import Store

ListOrder = Literal["expected_profit", "churn_probability", "change", "customer_id"]
ORDERS: Final[tuple[ListOrder, ...]] = get_args(ListOrder)
Flags = NDArray[np.bool_]
Places = NDArray[np.int32]


@dataclass(frozen=True)
class Filters:
    """Which customers: all conditions must hold. `bands` None and `is_listed` None mean everybody."""

    bands: tuple[str, ...] | None = None
    min_probability: float | None = None
    plan: str | None = None
    is_listed: bool | None = None
    search: str = ""  # words that are each a part of the customer_id, or of what else customers are found by


@dataclass(frozen=True)
class IndexPage:
    """A page's customers in order, how many match in all, what they are worth, and whether there is more either way."""

    customer_ids: list[str]
    total: int
    expected_profit: float
    first_place: int  # 1 for the first of all that match
    has_before: bool
    has_after: bool


@dataclass
class RiskIndex:
    """One run's list, sorted by customer_id; `find` cuts a page out of it."""

    run_id: str
    frame: pl.DataFrame
    words: pl.Series | None = None  # in small letters, by row: what customers are found by beside their id
    _orders: dict[tuple[str, bool], Places] = field(default_factory=dict)
    _ranks: dict[tuple[str, bool], Places] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Turn what is filtered by into arrays."""
        self._probability = self.frame["churn_probability"].to_numpy()
        self._profit = self.frame["expected_profit"].to_numpy()
        # Customers who were not on the list before have no change: they come last in either direction.
        self._change = self.frame["change"].fill_null(float("nan")).to_numpy()
        self._listed = self.frame["is_listed"].to_numpy()
        codes = {name: number for number, name in enumerate(BANDS)}
        self._band = self.frame["risk_band"].replace_strict(codes, default=-1).to_numpy().astype(np.int8)
        self._plans = {name: number for number, name in enumerate(self.frame["plan"].drop_nulls().unique().sort())}
        if self._plans:
            coded = self.frame["plan"].replace_strict(self._plans, default=-1)
        else:
            coded = self.frame["plan"].is_null().cast(int) - 2
        self._plan = coded.to_numpy().astype(np.int16)

    @property
    def plans(self) -> list[str]:
        """The plans there are, in order."""
        return list(self._plans)

    def find(
        self,
        filters: Filters,
        *,
        order: ListOrder = "expected_profit",
        descending: bool = True,
        limit: int = 50,
        after: str | None = None,
        before: str | None = None,
    ) -> IndexPage:
        """Return up to `limit` customers after (or before) the customer named, of those who match, in order.

        A customer who is named but matches no longer still marks the place; one who is gone from the list marks it
        where the order is by customer_id, and the beginning elsewhere. Raises ConfigError for an unknown band or order.
        """
        ranked, mask = self._order(order, descending=descending), self._mask(filters)
        matched = np.flatnonzero(mask[ranked])  # ranks of those who match
        total = len(matched)
        if before is not None:
            end = int(np.searchsorted(matched, self._rank(before, order, descending=descending)[0]))
            start = max(0, end - limit)
        else:
            rank, is_here = self._rank(after, order, descending=descending) if after is not None else (0, False)
            start = int(np.searchsorted(matched, rank, side="right" if is_here else "left"))
        end = min(total, start + limit) if before is None else end
        ids = self.customers(ranked[matched[start:end]])
        return IndexPage(ids, total, float(self._profit[mask].sum()), start + 1, start > 0, end < total)

    def matching(self, filters: Filters, *, order: ListOrder, descending: bool) -> Places:
        """Return the places, in this index's frame, of everybody who matches, in order."""
        ranked = self._order(order, descending=descending)
        return ranked[self._mask(filters)[ranked]]

    def customers(self, places: Places) -> list[str]:
        """Return the customers at `places`."""
        ids: list[str] = self.frame["customer_id"].gather(places).to_list()
        return ids

    def _mask(self, filters: Filters) -> Flags:
        mask = np.ones(self.frame.height, dtype=bool)
        if filters.bands is not None:
            if unknown := [band for band in filters.bands if band not in BANDS]:
                raise ConfigError(
                    tr("no band `{unknown}`", unknown=unknown[0][:40]),
                    where="band",
                    remedy=tr("Bands are {bands}.", bands=", ".join(BANDS)),
                )
            mask &= np.isin(self._band, [BANDS.index(band) for band in filters.bands])
        if filters.is_listed is not None:
            mask &= self._listed == filters.is_listed
        if filters.min_probability is not None:
            mask &= self._probability >= filters.min_probability
        if filters.plan is not None:
            mask &= self._plan == self._plans.get(filters.plan, -3)
        for word in filters.search.lower().split() if self.words is not None else [filters.search.lower()]:
            if word:
                mask &= self._names.str.contains(word, literal=True).to_numpy()
        return mask

    @cached_property
    def _names(self) -> pl.Series:
        """The ids, and what stands beside them, as they are searched: a million are lowered once, at the first search."""
        ids = self.frame["customer_id"].str.to_lowercase()
        return ids if self.words is None else ids + "\n" + self.words

    def _order(self, order: str, *, descending: bool) -> Places:
        if order not in ORDERS:
            raise ConfigError(
                tr("no order `{order}`", order=order[:40]),
                where="sort",
                remedy=tr("Orders are {orders}.", orders=", ".join(ORDERS)),
            )
        known = self._orders.get((order, descending))
        if known is None:
            known = self._sorted(order, descending=descending)
            ranks = np.empty_like(known)
            ranks[known] = np.arange(len(known), dtype=known.dtype)
            self._ranks[order, descending] = ranks
            self._orders[order, descending] = known
        return known

    def _sorted(self, order: str, *, descending: bool) -> Places:
        if order == "customer_id":
            places = np.arange(self.frame.height, dtype=np.int32)
            return places[::-1].copy() if descending else places
        values = {"expected_profit": self._profit, "churn_probability": self._probability, "change": self._change}[
            order
        ]
        # NaN comes last either way, and equals in the order of customer_id.
        return np.argsort(-values if descending else values, kind="stable").astype(np.int32)

    def _rank(self, customer_id: str, order: str, *, descending: bool) -> tuple[int, bool]:
        """Return the rank of a customer among all, and whether it is there; else the rank of whoever would follow."""
        ids = self.frame["customer_id"]
        row = int(ids.search_sorted(customer_id, side="left"))
        if row < len(ids) and ids[row] == customer_id:
            return int(self._ranks[order, descending][row]), True
        if order == "customer_id":
            return (len(ids) - row if descending else row), False
        return 0, False


class RiskIndexes:
    """Holds the index of the current run; the first request after a new run, or after an erasure, replaces it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._held: RiskIndex | None = None
        self._mark = (0, 0)

    def of(self, store: Store, run_id: str) -> RiskIndex:
        """Return the index of `run_id`, the current run; read once, however many ask."""
        held, mark = self._held, _mark(self._home, run_id)
        if held is not None and held.run_id == run_id and self._mark == mark:
            return held
        with self._lock:
            held = self._held
            if held is None or held.run_id != run_id or self._mark != mark:
                frame = _read(self._home, store, run_id)
                held = RiskIndex(run_id, frame, _read_words(self._home, run_id, frame["customer_id"]))
                held.find(Filters(), limit=1)  # sorts by the order that everybody sees first
                self._held, self._mark = held, mark
        return held


def _mark(home: Path, run_id: str) -> tuple[int, int]:
    """Return when the files behind an index were written last: an erasure writes them anew."""

    def written(name: str) -> int:
        try:
            return (run_path(home, run_id) / name).stat().st_mtime_ns
        except OSError:
            return 0

    return written(LIST), written(SEARCH)


def _read_words(home: Path, run_id: str, customer_ids: pl.Series) -> pl.Series | None:
    """Return what each customer is found by beside the id; None where nothing is searched by."""
    import polars as pl

    path = run_path(home, run_id) / SEARCH
    try:
        words = pl.read_parquet(path, columns=["customer_id", "words"])
    except FileNotFoundError:
        return None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ResourceError("cannot be read", where=str(path), remedy="Run `churn score` again.") from error
    return (
        customer_ids.to_frame().join(words, on="customer_id", how="left", maintain_order="left")["words"].fill_null("")
    )


def _read(home: Path, store: Store, run_id: str) -> Any:
    import polars as pl

    path = run_path(home, run_id) / LIST
    if path.is_file():
        try:
            return pl.read_parquet(path).sort("customer_id")
        except (OSError, pl.exceptions.PolarsError) as error:
            if path.is_file():  # else a later run has removed it meanwhile
                raise ResourceError(
                    tr("cannot be read"), where=str(path), remedy=tr("Run `churn score` again.")
                ) from error
    # The run was published before serving files existed, or from another home.
    return store.scores.current(columns=LIST_COLUMNS).sort("customer_id")
