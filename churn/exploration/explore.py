"""Puts an exploration together: from the rows in codes to the document that pages, files and the command line show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from churn.decisions.experiment import wilson
from churn.documents.exploration import ColumnProfile, ExplorationDocument, ExplorationSeconds
from churn.exploration import words
from churn.exploration.association import associations
from churn.exploration.insights import find_insights
from churn.exploration.profile import churn_by_bin
from churn.exploration.staying import retention, survival_by_plan, survival_by_tenure
from churn.exploration.structure import structure
from churn.exploration.table import ExplorationTable
from churn.progress import Progress

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Occasion:
    """What an exploration says of itself: the day explored, when that was done, and of which company."""

    snapshot_date: date
    explored_at: datetime
    horizon_days: int
    currency: str
    is_simulated: bool


@dataclass(frozen=True)
class Lifetimes:
    """Contracts in spans: `marts.survival_by_age` and `marts.cohort_retention`."""

    ages: pl.DataFrame
    cohorts: pl.DataFrame


def explore_table(
    table: ExplorationTable, lifetimes: Lifetimes | None, occasion: Occasion, progress: Progress
) -> ExplorationDocument:
    """Return what `table` and the lifetimes of contracts say; without these, a column of tenure gives survival.

    No customer is named in it. `seconds` are 0: whoever calls has the clock.
    """
    counts = {column.name: table.counts(column) for column in table.columns}
    progress.step("Searching for insights")
    findings = find_insights(table, counts)
    progress.step("Looking at how columns go together, and how long customers stay")
    observations, parts, labelled = table.observations, table.parts, table.labelled
    churned = int(np.count_nonzero(observations.churned[(observations.churned >= 0) & ~observations.is_treated]))
    rate = churned / labelled if labelled else None
    return ExplorationDocument(
        snapshot_date=occasion.snapshot_date,
        explored_at=occasion.explored_at.replace(microsecond=0),
        currency=occasion.currency,
        is_simulated=occasion.is_simulated,
        horizon_days=occasion.horizon_days,
        dates=tuple(observations.dates),
        divided_by=parts.by,
        searched_on=parts.search_dates,
        tested_on=parts.test_dates,
        customers=int(table.current.size),
        monthly_fees=float(table.fee.sum()),
        rows=table.rows,
        labelled_rows=labelled,
        churned_rows=churned,
        churn_rate=rate,
        churn_interval=wilson(churned, labelled) if labelled else None,
        headline=words.headline(findings, rate, occasion.currency),
        tally=words.tally(findings),
        method=words.method(parts, findings) if labelled else None,
        notes=words.notes(table),
        insights=tuple(
            words.insight_document(insight, rank, occasion.currency, parts.test_dates)
            for rank, insight in enumerate(findings.insights, 1)
        ),
        association=associations(table, counts),
        structure=structure(table),
        survival=survival_by_plan(lifetimes.ages) if lifetimes else survival_by_tenure(table, counts),
        retention=retention(lifetimes.cohorts) if lifetimes else (),
        profile=_profiles(table, counts),
        seconds=ExplorationSeconds(features=0.0, exploring=0.0),
    )


def _profiles(table: ExplorationTable, counts: Mapping[str, NDArray[np.int64]]) -> tuple[ColumnProfile, ...]:
    """Return every column's profile, with churn along it once outcomes are known."""
    if not table.labelled:
        return tuple(table.profiles)
    return tuple(
        profile.model_copy(update={"churn": churn_by_bin(column, counts[column.name].sum(axis=0), table.parts.overlap)})
        for column, profile in zip(table.columns, table.profiles, strict=True)
    )
