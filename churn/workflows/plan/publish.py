"""Turns a planned round into assignments: from here on its customers are contacted, pushed and measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from churn.campaigns.random_slice import RANDOM_STRATUM
from churn.context import Context
from churn.errors import CampaignError
from churn.store import PlanRecord
from churn.workflows.plan.left_out import left_out_since, without_left_out

if TYPE_CHECKING:
    import polars as pl

    from churn.documents.programme_round import PlannedOffer
    from churn.store import ProgrammeRound


@dataclass(frozen=True)
class PublishedRound:
    """A round that holds: how many are contacted and held out, and how many of its draft nobody may contact any more."""

    round: ProgrammeRound
    treatment: int
    holdout: int
    left_out: int


def publish_round(context: Context, planned: ProgrammeRound, *, who: str | None, note: str | None) -> PublishedRound:
    """Assign the customers of a draft, and mark it approved by `who`; None where no approval is required.

    Whoever may not be contacted any more is left out, of both arms alike, and leaves the log. Raises CampaignError where
    somebody else decided about it meanwhile.
    """
    import polars as pl

    with context.open_store() as store:
        log = store.programmes.log(planned.programme, planned.round)
    out = left_out_since(context, planned, log)
    result = without_left_out(planned.result, log, out)
    planned = replace(planned, result=result)
    may_be = log.filter(pl.col("offer").is_not_null() & ~pl.Series(out))
    order = [arm.offer for arm in planned.result.arms]
    records = [
        (_record(planned, offer), _rows(may_be.filter(pl.col("offer") == offer.offer), order.index(offer.offer)))
        for offer in planned.result.offers
    ]
    with context.open_store() as store:
        is_done = store.plans.save_round(
            records,
            programme=planned.programme,
            number=planned.round,
            result=result,
            left_out=log.filter(pl.Series(out))["customer_id"].to_list(),
            who=who,
            at=context.clock(),
            note=note,
        )
    if not is_done:
        raise CampaignError(
            "is no draft any more",
            where=f"round {planned.round} of programme {planned.programme}",
            remedy=f"See `churn programmes show {planned.programme}`.",
        )
    treatment = sum(rows.filter(pl.col("arm") == "treatment").height for _, rows in records)
    return PublishedRound(planned, treatment, may_be.height - treatment, result.left_out)


def stratum_of(is_random: pl.Series) -> pl.Expr:
    """Return whom an assignment is compared with: those in the same risk band, or in the random slice."""
    import polars as pl

    return pl.when(is_random).then(pl.lit(RANDOM_STRATUM)).otherwise(pl.col("risk_band")).alias("stratum")


def _record(planned: ProgrammeRound, offer: PlannedOffer) -> PlanRecord:
    return PlanRecord(
        plan_id=offer.plan_id,
        campaign=offer.campaign,
        definition_hash=offer.definition.hash,
        definition=offer.definition,
        planned_at=planned.planned_at,
        snapshot_date=planned.snapshot_date,
        score_run_id=planned.score_run_id,
        model_version=planned.result.model_version,
        profit_model=offer.profit_model,
        window_days=offer.window_days,
        inputs=offer.inputs,
        result=planned.result.plan,
    )


def _rows(mine: pl.DataFrame, position: int) -> pl.DataFrame:
    """Return the assignments of one offer, whose place among the arms is `position`."""
    import polars as pl

    profits = pl.col("expected_profits").str.json_decode(pl.List(pl.Float64))
    return mine.with_columns(
        arm=pl.when(pl.col("arm") == pl.col("offer")).then(pl.lit("treatment")).otherwise(pl.lit("holdout")),
        expected_profit=profits.list.get(position),
    ).with_columns(stratum_of(mine["is_random"]))
