"""The demo's campaigns, from the plan to what they caused, set beside the truth that only a simulation can know."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from churn import resources
from churn.context import Context
from churn.documents.document import Range
from churn.documents.measurement import EffectInterval, MeasurementStatus, Verdict
from churn.workflows.demo.play import PlayResult, offer_of, play_forward
from churn.workflows.measure import RecordedOutcomes, import_outcomes, measure_campaign
from churn.workflows.plan import PlannedCampaigns, PlanRequest, plan_campaigns
from churn.workflows.refresh import RefreshResult, refresh_warehouse
from churn.workflows.sync import SyncOptions, SyncResult, sync_crm

if TYPE_CHECKING:
    import polars as pl


CAMPAIGNS = ("fix_payment", "support_call", "price_incentive")
BUDGET = 5_000
CONNECTOR = "file"  # needs no section in churn.toml: lists in the home
HOLDOUT_SHARE = 0.4
_NOTE = f"""\
# Written by `churn demo`: the campaign that ships, but {HOLDOUT_SHARE:.0%} are held out. A first round on a few hundred customers
# is there to learn what the offer causes; with the usual tenth its interval would be too wide to say anything.
"""


@dataclass(frozen=True)
class MeasuredDemoCampaign:
    """What was measured of one campaign, and beside it the truth that only a simulation knows.

    `is_covered`: whether the interval holds the true effect. `pushed` counts rows by what became of them.
    """

    campaign: str
    title: str
    contacted: int
    holdout: int
    status: MeasurementStatus
    verdict: Verdict | None
    effect: EffectInterval | None
    true_effect: float
    is_covered: bool | None
    net_profit: Range | None
    true_net_profit: float | None
    headline: str
    pushed: Mapping[str, int]


@dataclass(frozen=True)
class TrueEffect:
    """What contact caused among the treated: `effect`, the churn avoided, and `retained`, its value."""

    effect: float
    retained: float


@dataclass(frozen=True)
class DemoCampaigns:
    """What each stage did. `measured` has a row per campaign: what was measured, and what was true."""

    plan: PlannedCampaigns
    pushed: list[SyncResult]
    played: PlayResult
    refresh: RefreshResult
    outcomes: RecordedOutcomes | None
    measured: list[MeasuredDemoCampaign]
    files: dict[str, Path]


def run_campaigns(context: Context) -> DemoCampaigns:
    """Plan the shipped campaigns on the newest scores, push them to files, let the month happen, and measure the effect.

    The clock of what comes after the month stands at its end. Raises ConfigError in a home that the demo did not make.
    """
    home = context.settings.home
    _write_campaigns(home)
    files = {"plan": context.settings.reports_path / "plan.csv"}
    context.progress.step("Planning the campaigns")
    plan = plan_campaigns(context, PlanRequest(campaigns=CAMPAIGNS, budget=BUDGET, out=files["plan"]))
    planned = [name for name in CAMPAIGNS if name in set(plan.assignments["campaign"])]
    pushed = [sync_crm(context, name, connector=CONNECTOR, options=SyncOptions(who="demo")) for name in planned]
    files["lists"] = home / "lists"
    played = play_forward(context)
    end = datetime.combine(played.month.cutoff_date, datetime.min.time())
    later = replace(context, clock=lambda: end)
    refresh = refresh_warehouse(later)
    outcomes = None
    if played.month.answers is not None:
        files["outcomes"] = played.month.answers
        outcomes = import_outcomes(later, played.month.answers)
    measured = [
        _measured(later, name, plan.assignments, played.month.outcomes, push.report.counts)
        for name, push in zip(planned, pushed, strict=True)
    ]
    return DemoCampaigns(plan, pushed, played, refresh, outcomes, measured, files)


def _write_campaigns(home: Path) -> None:
    """Copy the shipped definitions into the home, with a holdout large enough to learn from a small company."""
    for name in CAMPAIGNS:
        text = (resources.bundled("campaigns") / f"{name}.toml").read_text(encoding="utf-8")
        with_holdout = re.sub(r"(?m)^share = .*$", f"share = {HOLDOUT_SHARE}", text, count=1)
        path = home / "campaigns" / f"{name}.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{_NOTE}\n{with_holdout}", encoding="utf-8")


def _measured(
    context: Context,
    campaign: str,
    assignments: pl.DataFrame,
    outcomes: pl.DataFrame,
    pushed: Mapping[str, int],
) -> MeasuredDemoCampaign:
    """Measure one campaign, and look up what was true: of the treated, as the simulation knows it."""
    document = measure_campaign(context, campaign).document
    effect, money = document.effect, document.earned
    truth = true_effect(campaign, assignments, outcomes)
    costs = document.money.costs.spent if document.money is not None else None
    return MeasuredDemoCampaign(
        campaign=campaign,
        title=document.title,
        contacted=document.arms.treatment.assigned,
        holdout=document.arms.holdout.assigned,
        status=document.status,
        verdict=document.verdict,
        effect=EffectInterval(delta=effect.delta, low=effect.low, high=effect.high) if effect else None,
        true_effect=truth.effect,
        is_covered=None if effect is None else effect.low <= truth.effect <= effect.high,
        net_profit=money.net_profit if money else None,
        true_net_profit=None if costs is None else truth.retained - costs,
        headline=document.words.headline,
        pushed=pushed,
    )


def true_effect(campaign: str, assignments: pl.DataFrame, outcomes: pl.DataFrame) -> TrueEffect:
    """Return what contact caused among the treated of `campaign`.

    `assignments`: campaign, customer_id, arm, value_of_save; `outcomes`: a played month's, with both potential outcomes.
    """
    import polars as pl

    treated = assignments.filter((pl.col("campaign") == campaign) & (pl.col("arm") == "treatment"))
    both = treated.join(outcomes, on="customer_id", how="inner")
    offer = offer_of(campaign)
    contacted = "churn_without_contact" if offer is None else f"churn_under_{offer}"
    saved = both["churn_without_contact"].cast(pl.Int8) - both[contacted].cast(pl.Int8)
    retained = float((saved * both["value_of_save"]).sum())
    return TrueEffect(float(saved.sum()) / max(both.height, 1), retained)
