"""Tells all there is to know of one campaign: what it is, whom its plan chose, how far the CRM is, what came of it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from churn.campaigns.definition import CampaignDefinition
from churn.campaigns.plan_words import choice_words, definition_words, expectation_words, power_words
from churn.campaigns.reading import campaign_files, examine
from churn.context import Context
from churn.errors import ModelError, NotFound
from churn.workflows.campaign_list import Standing, row_of, standing_of

if TYPE_CHECKING:
    from churn.store import PlanRecord, ScheduledRun, Store

SHOWN_REJECTIONS: Final = 50
ASKED_JOBS: Final = ("plan", "sync", "measure")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")


def campaign_view(context: Context, name: str) -> dict[str, Any]:
    """Return one campaign as its page shows it.

    Keys: row (see `row_of`), definition (words, filter, features, fields, file_text; None where the file is wrong or
    gone), plan (see `_plan`; None before the first), plans, connectors (names that can be pushed to), runs,
    rejections, outcomes (kind, events, matched, last_occurred_at), measurement (the newest document, None before),
    jobs (asked for, newest first). Raises NotFound for a campaign that there is not.
    """
    settings = context.settings
    files = campaign_files(settings.home)
    definition, complaints = examine(name, files[name]) if name in files else (None, [])
    error = f"{complaints[0].what}. {complaints[0].remedy}" if complaints else None
    with context.open_store() as store:
        found = standing_of(context, store, name)
        if name not in files and not found.plans:
            near = difflib.get_close_matches(name, files, n=1, cutoff=0.4)
            raise NotFound(
                f"there is no campaign `{name}`",
                where="campaigns",
                remedy=f"Did you mean `{near[0]}`?" if near else "See the list of campaigns.",
            )
        outcomes = [row for row in store.outcomes.counts() if row["campaign"] == name]
        jobs = asked_jobs(store, name)
        described = _described(context, store) if definition and definition.audience.filter else {}
    return {
        "name": name,
        "row": row_of(name, definition, error, found),
        "alarm": found.alarm,
        "definition": None if definition is None else _definition(context, definition, described),
        "plan": _plan(name, found.plans[0], settings.business.currency) if found.plans else None,
        "plans": list(found.plans),
        "connectors": connectors(context, definition),
        "runs": list(found.runs),
        "rejections": _rejections(found),
        "outcomes": outcomes,
        "measurement": found.measurement.result if found.measurement else None,
        "jobs": jobs,
    }


def connectors(context: Context, definition: CampaignDefinition | None) -> list[str]:
    """Return the connectors that a campaign may be pushed to, its own first; `file` needs no section."""
    names = list(dict.fromkeys([*context.settings.connectors, "file"]))
    own = definition.crm.connector if definition else None
    return [own, *(name for name in names if name != own)] if own in names else names


def asked_jobs(store: Store, campaign: str, limit: int = 5) -> list[ScheduledRun]:
    """Return the newest plans, pushes and measurements that were asked for of `campaign`, newest first."""
    found = [run for job in ASKED_JOBS for run in store.jobs.list(job, limit=30) if campaign in _campaigns_of(run)]
    return sorted(found, key=lambda run: run.run_id, reverse=True)[:limit]


def _campaigns_of(run: ScheduledRun) -> Collection[str]:
    named = run.parameters.get("campaigns") or run.parameters.get("campaign") or ()
    return (named,) if isinstance(named, str) else named


def _definition(context: Context, definition: CampaignDefinition, described: Mapping[str, str]) -> dict[str, Any]:
    words = definition_words(
        definition,
        window_days=definition.window(context.settings.churn),
        currency=context.settings.business.currency,
    )
    text = definition.audience.filter
    named = [name for name in dict.fromkeys(_WORD.findall(text or "")) if name in described]
    return {
        "words": words,
        "description": definition.description,
        "filter": text,
        "features": [(name, described[name]) for name in named],
        "fields": sorted(definition.crm.fields.items()),
    }


def _described(context: Context, store: Store) -> dict[str, str]:
    """Return what the features of the serving model mean, by name; nothing where there is no model yet."""
    from churn.modeling import load_card

    champion = store.models.champion()
    if champion is None:
        return {}
    try:
        card = load_card(context.settings.models_path / champion.bundle)
    except ModelError:  # the filter is shown without explanations; the model page tells what is wrong
        return {}
    return {feature["name"]: feature["description"] for feature in card["features"]}


def _plan(name: str, plan: PlanRecord, currency: str) -> dict[str, Any] | None:
    """Return the newest plan of one campaign, of the document that several may share; None for one that lacks it.

    Keys: plan_id, planned_at, snapshot_date, model_version, told (the campaign's entry), funnel (label, removed,
    remaining; only rules that removed somebody), customers, choice, expectation, power (words), holdout, with (other
    campaigns planned with it), budget, committed.
    """
    document = plan.result
    told = next((each for each in document.get("campaigns", []) if each.get("name") == name), None)
    if told is None:
        return None
    funnel = [row for row in document["eligibility"] if row["campaign"] == name and row["removed"]]
    return {
        "plan_id": plan.plan_id,
        "planned_at": plan.planned_at,
        "snapshot_date": plan.snapshot_date,
        "model_version": plan.model_version,
        "customers": document["customers"],
        "told": told,
        "funnel": funnel,
        "choice": choice_words(told, currency),
        "expectation": expectation_words(told["expected"], currency) if told["treatment"] else None,
        "power": power_words(document["power"][name], document["holdout"][name], currency),
        "holdout": document["holdout"][name],
        "with": [each["title"] for each in document["campaigns"] if each["name"] != name],
        "budget": document["allocation"]["budget"],
        "committed": document["allocation"]["committed"],
        "is_overridden": document["calibration"]["is_overridden"],
        "stale_reason": document["stale_reason"],
    }


def _rejections(found: Standing) -> dict[str, Any]:
    rows = sorted(found.rejections, key=lambda row: row.last_seen_at, reverse=True)
    return {
        "total": len(rows),
        "held": sum(row.is_held for row in rows),
        "connectors": sorted({row.connector for row in rows}),
        "rows": rows[:SHOWN_REJECTIONS],
    }
