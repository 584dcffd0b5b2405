"""Plans campaigns: whom each may contact, whom it pays to contact under the limits, and who is held out to measure it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.campaigns.measurement_words import ALARM
from churn.campaigns.reading import campaign_files, load_campaign
from churn.context import Context
from churn.documents.definition import CampaignDefinition
from churn.errors import CampaignError, ConfigError
from churn.files import write_frame, write_text
from churn.store import PlanRecord
from churn.workflows.plan.choose import choose, limits_left, used_by
from churn.workflows.plan.document import build_document
from churn.workflows.plan.eligibility import gather_facts
from churn.workflows.plan.pricing import price_campaigns
from churn.workflows.plan.request import PlannedCampaigns, PlanRequest
from churn.workflows.plan.scores import read_scores

if TYPE_CHECKING:
    import polars as pl

    from churn.workflows.plan.choose import Choice, Priced
    from churn.workflows.plan.eligibility import Facts
    from churn.workflows.plan.scores import ScoreList


def plan_campaigns(context: Context, request: PlanRequest) -> PlannedCampaigns:
    """Plan the campaigns of `request` together: at most one offer per customer, and those assigned earlier stay.

    Raises CampaignError for an unknown campaign, one whose harm alarm is open (unless `despite_alarm`), a budget of 0 or
    an empty audience, ConfigError for a wrong definition, DataError before the first scores, QualityBlocked on a stale
    list, NotCalibrated for probabilities that fail the gate.
    """
    if request.out is not None:
        check_ending(request.out)
    definitions = _definitions(context, request)
    if request.is_dry_run:
        planned = _plan(context, request, definitions)
    else:
        with context.recorded("plan_campaign", request.snapshot_date):
            planned = _plan(context, request, definitions)
    if request.out is not None:
        planned.document["file"] = str(write_assignments(planned.assignments, planned.document, request.out))
    return planned


def _definitions(context: Context, request: PlanRequest) -> list[CampaignDefinition]:
    home = context.settings.home
    names = request.campaigns or tuple(sorted(campaign_files(home)))
    if not names:
        raise CampaignError(
            "there is no campaign", where=str(home / "campaigns"), remedy="Run `churn init` for examples."
        )
    if request.budget is not None and not Decimal(str(request.budget)).is_finite():
        raise ConfigError(f"{request.budget} is not an amount of money", where="--budget")
    if request.budget is not None and request.budget < 0:
        raise ConfigError(f"{request.budget} is less than nothing", where="--budget", remedy="Give an amount above 0.")
    if request.budget == 0:
        raise CampaignError(
            "a budget of 0 contacts nobody", where="--budget", remedy="Give an amount above 0, or leave it out."
        )
    return [load_campaign(home, name) for name in dict.fromkeys(names)]


def _plan(context: Context, request: PlanRequest, definitions: Sequence[CampaignDefinition]) -> PlannedCampaigns:
    planned_at = context.clock()
    alarms = open_harm_alarms(context, definitions, despite_alarm=request.despite_alarm)
    with context.open_warehouse("churn plan") as warehouse:  # held to the end: two plans at once would share customers
        scores = read_scores(
            context,
            warehouse,
            request.snapshot_date,
            allow_stale=request.allow_stale,
            allow_uncalibrated=request.allow_uncalibrated,
        )
        facts = gather_facts(context, warehouse, definitions, scores)
        priced = price_campaigns(context, warehouse, definitions, scores, facts)
        inputs = plan_inputs(context, request, definitions)
        standing = standing_plans(context, definitions, scores, inputs)
        used = [used_by(context, facts.assigned, definition) for definition in definitions]
        limits = limits_left(context, definitions, used, scores.snapshot_date, request.budget)
        context.progress.step("Choosing whom to contact")
        choice = choose(priced, used, limits, scores.frame, nobody=bool(standing))
        added = _assignments(scores, priced, choice)
        document = build_document(
            context.settings,
            request,
            scores,
            facts,
            priced,
            used,
            choice,
            planned_at=planned_at,
            plan_ids=[
                standing[one.name].plan_id if one.name in standing else _plan_id(one, scores, planned_at)
                for one in definitions
            ],
            alarms=alarms,
            stands_since=min((plan.planned_at for plan in standing.values()), default=None),
        )
        if not request.is_dry_run and not standing:
            _save(context, scores, priced, added, document, inputs, planned_at)
    return PlannedCampaigns(document, _together(facts, added, document, scores, planned_at))


def _plan_id(definition: CampaignDefinition, scores: ScoreList, planned_at: datetime) -> str:
    text = f"{definition.hash}|{scores.run_id}|{planned_at.isoformat()}"
    return f"{definition.name}-{scores.snapshot_date:%Y%m%d}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def _assignments(scores: ScoreList, priced: Sequence[Priced], choice: Choice) -> list[pl.DataFrame]:
    """Return the newly assigned of each campaign, with what was expected of each customer."""
    import numpy as np
    import polars as pl

    found = []
    for k, each in enumerate(priced):
        rows = np.flatnonzero(choice.campaign == k)
        found.append(
            scores.frame[rows].with_columns(
                pl.lit(each.definition.name).alias("campaign"),
                pl.Series("arm", np.where(choice.is_holdout[rows], "holdout", "treatment"), dtype=pl.String),
                pl.col("risk_band").alias("stratum"),
                pl.Series("expected_profit", each.profit[rows]),
                pl.Series("expected_uplift", each.avoided[rows]),
                pl.lit(each.economics.contact_cost).alias("contact_cost"),
                pl.lit(each.economics.incentive_cost).alias("incentive_cost"),
            )
        )
    return found


def _save(
    context: Context,
    scores: ScoreList,
    priced: Sequence[Priced],
    added: Sequence[pl.DataFrame],
    document: dict[str, Any],
    inputs: dict[str, dict[str, Any]],
    planned_at: datetime,
) -> None:
    records: list[tuple[PlanRecord, pl.DataFrame]] = []
    for each, rows, told in zip(priced, added, document["campaigns"], strict=True):
        definition = each.definition
        records.append(
            (
                PlanRecord(
                    plan_id=told["plan_id"],
                    campaign=definition.name,
                    definition_hash=definition.hash,
                    definition=definition.as_json(),
                    planned_at=planned_at,
                    snapshot_date=scores.snapshot_date,
                    score_run_id=scores.run_id,
                    model_version=scores.model_version,
                    profit_model=each.economics.profit_model,
                    inputs=inputs[definition.name],
                    result=document,
                ),
                rows,
            )
        )
    with context.open_store() as store:
        store.plans.save_all(records)


def _together(
    facts: Facts, added: Sequence[pl.DataFrame], document: dict[str, Any], scores: ScoreList, planned_at: datetime
) -> pl.DataFrame:
    """Return earlier and new assignments in one frame, treatment first."""
    import polars as pl

    names = facts.assigned.columns
    ids = {told["name"]: told["plan_id"] for told in document["campaigns"]}
    fresh = pl.concat(added).with_columns(
        pl.col("campaign").replace_strict(ids, return_dtype=pl.String).alias("plan_id"),
        pl.lit(scores.snapshot_date).alias("snapshot_date"),
        pl.lit(planned_at).cast(pl.Datetime("us")).alias("assigned_at"),
    )
    both = [
        facts.assigned.with_columns(is_new=pl.lit(value=False)),
        fresh.select(names).with_columns(is_new=pl.lit(value=True)),
    ]
    return pl.concat(both, how="vertical_relaxed").sort(
        ["campaign", "arm", "expected_profit", "customer_id"], descending=[False, True, True, False]
    )


def open_harm_alarms(
    context: Context, definitions: Sequence[CampaignDefinition], *, despite_alarm: bool
) -> list[dict[str, Any]]:
    """Return the open harm alarms of the campaigns, `campaign`, `message` and `raised_at` each, if they are accepted.

    Raises CampaignError naming the campaigns when there is any and `despite_alarm` is false.
    """
    with context.open_store() as store:
        found = [alert for one in definitions for alert in store.alerts.open(kind=ALARM, subject=one.name)]
    if found and not despite_alarm:
        names = ", ".join(f"`{alert.subject}`" for alert in found)
        others = " Or plan the other campaigns without it." if len(definitions) > len(found) else ""
        raise CampaignError(
            f"{names} was measured to drive customers away: {found[0].message}",
            where=f"alarm of {found[0].raised_at:%Y-%m-%d}",
            remedy=f"Run `churn measure {found[0].subject}` and find out why. --despite-alarm plans it knowingly.{others}",
        )
    return [
        {"campaign": alert.subject, "message": alert.message, "raised_at": alert.raised_at.isoformat()}
        for alert in found
    ]


ENDINGS = (".csv", ".parquet", ".json")


def check_ending(path: Path) -> None:
    """Raise ConfigError for a file ending that cannot be written, before any work."""
    if path.suffix not in ENDINGS:
        raise ConfigError(f"cannot write `{path.suffix}`", where="--out", remedy="Use .csv, .parquet or .json.")


def write_assignments(assignments: pl.DataFrame, document: Mapping[str, Any], path: Path) -> Path:
    """Write the assignments to `path`, and as JSON the plan's document beside them. Raises ResourceError."""
    if path.suffix != ".json":
        return write_frame(path, assignments)
    rows = json.loads(assignments.write_json())
    return write_text(path, json.dumps({**document, "assignments": rows}, indent=2) + "\n")


RECENT = 20  # plans of a campaign that are looked through; an older one was made from other scores


def plan_inputs(
    context: Context, request: PlanRequest, definitions: Sequence[CampaignDefinition]
) -> dict[str, dict[str, Any]]:
    """Return by campaign what the plan depends on besides scores and definition, as kept with it."""
    settings = context.settings
    shared = {
        "campaigns": sorted(definition.name for definition in definitions),
        "budget": None if request.budget is None else float(request.budget),
        "rules": settings.campaigns.model_dump(mode="json"),
        "business": settings.business.model_dump(mode="json"),
    }
    return {one.name: {**shared, "window_days": one.window(settings.churn)} for one in definitions}


def standing_plans(
    context: Context,
    definitions: Sequence[CampaignDefinition],
    scores: ScoreList,
    inputs: Mapping[str, Mapping[str, Any]],
) -> dict[str, PlanRecord]:
    """Return the earlier plan of each campaign where all of them were planned together just so; else nothing.

    Rounding leaves a little of every limit, which planning once more would otherwise fill up.
    """
    found = {}
    with context.open_store() as store:
        for definition in definitions:
            for plan in store.plans.list(definition.name, limit=RECENT):
                is_same = plan.score_run_id == scores.run_id and plan.definition_hash == definition.hash
                if is_same and plan.snapshot_date == scores.snapshot_date and plan.inputs == inputs[definition.name]:
                    found[definition.name] = plan
                    break
    return found if len(found) == len(definitions) else {}
