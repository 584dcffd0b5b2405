"""What to plan, and the answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from churn.documents.plan import PlanDocument
from churn.documents.programme_round import RoundDocument

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class PlanRequest:
    """What to plan: the campaigns (all if none is named) that share `budget` money, or one programme; of `snapshot_date`, or the newest.

    A programme has a budget of its own, which `budget` takes the place of. A dry run answers the same and keeps nothing.
    """

    campaigns: tuple[str, ...] = ()
    snapshot_date: date | None = None
    budget: Decimal | float | None = None
    is_dry_run: bool = False
    allow_stale: bool = False
    allow_uncalibrated: bool = False
    despite_alarm: bool = False
    out: Path | None = None
    seed: int = 7


@dataclass(frozen=True)
class PlannedCampaigns:
    """The answer as one document, and the campaigns' assignments, earlier ones included (`is_new` says which).

    `round` is what a programme's round decided; None where campaigns were planned by name.
    """

    document: PlanDocument
    assignments: pl.DataFrame
    round: RoundDocument | None = None
