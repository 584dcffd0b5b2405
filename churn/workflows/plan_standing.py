"""Recognises a plan that was made before from the very same scores, definitions and limits: it stands, nobody is added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from churn.campaigns.definition import CampaignDefinition
from churn.context import Context

if TYPE_CHECKING:
    from churn.store import PlanRecord
    from churn.workflows.plan_campaign import PlanRequest
    from churn.workflows.plan_scores import ScoreList

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
