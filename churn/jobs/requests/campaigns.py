"""Asks the job runner to plan, push, retry or measure a campaign, without waiting for it."""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import date

from churn.campaigns.archive import require_in_use
from churn.campaigns.programmes import load_programme, programme_files
from churn.campaigns.reading import load_campaign
from churn.context import Context
from churn.crm.opening import connector_section
from churn.errors import CampaignError, ConfigError
from churn.jobs.requests.work import queue_run
from churn.store.service_records import JobParameterValue, ScheduledRun
from churn.views.definition_in_force import definition_in_force
from churn.workflows.sync import RISK_LIST


def ask_plan(
    context: Context, campaign: str, *, budget: float | str | None = None, on: date | None = None, who: str
) -> ScheduledRun:
    """Queue a plan of `campaign`, or return the one under way. Raises CampaignError, ConfigError as `churn plan` does."""
    _require_plannable(context, campaign)
    parameters: dict[str, JobParameterValue] = {"campaigns": [campaign]}
    if budget is not None:
        parameters["budget"] = _amount(budget)
    if on is not None:
        parameters["date"] = on.isoformat()
    return queue_run(context, "plan", parameters, who=who)


def ask_sync(
    context: Context, campaign: str, *, connector: str | None = None, is_dry: bool = False, who: str
) -> ScheduledRun:
    """Queue a push of `campaign` to `connector`, or to the one its definition names; a dry one writes nothing.

    Raises CampaignError (no such campaign, nobody assigned), ConfigError (no connector, or none of that name).
    """
    parameters: dict[str, JobParameterValue] = {
        "campaign": campaign,
        "connector": _destination(context, campaign, connector),
    }
    if is_dry:
        parameters["dry_run"] = True
    return queue_run(context, "sync", parameters, who=who)


def ask_retry(
    context: Context, campaign: str, *, connector: str, who: str, customer_ids: Collection[str] | None = None
) -> ScheduledRun:
    """Let refused rows of `campaign` (or of the risk list) at `connector` be sent again, and queue the push.

    All of them, or those of some customers. Raises as `ask_sync`.
    """
    with context.open_store() as store:
        if not store.crm.rejections(connector, campaign):
            raise CampaignError(
                "no row is refused", where=f"campaign {campaign} to connector {connector}", remedy="Push it as usual."
            )
        if campaign == RISK_LIST:
            connector_section(connector, context.settings)
            name = connector
        else:
            name = _destination(context, campaign, connector)
        store.crm.release(name, campaign, customer_ids=customer_ids)
    return queue_run(context, "sync", {"campaign": campaign, "connector": name}, who=who)


def ask_measure(context: Context, campaign: str, *, who: str) -> ScheduledRun:
    """Queue a measurement of `campaign`. Raises CampaignError for one that was never planned, or chose nobody."""
    with context.open_store() as store:
        if campaign not in store.assignments.counts():
            raise CampaignError(
                "nobody is assigned to it, so there is nothing to measure",
                where=f"campaign {campaign}",
                remedy="Plan it first.",
            )
    return queue_run(context, "measure", {"campaign": campaign}, who=who)


def _destination(context: Context, campaign: str, connector: str | None) -> str:
    """Return the connector that `campaign` can be pushed to, as asked for or as its definition says."""
    with context.open_store() as store:
        definition = definition_in_force(context, store, campaign)
    require_in_use(definition)
    name = connector or definition.crm.connector
    if name is None:
        raise ConfigError(
            "no connector is named", where=f"campaign {campaign}", remedy="Name one, or set [crm] connector."
        )
    connector_section(name, context.settings)
    with context.open_store() as store:
        if campaign not in store.assignments.counts():
            raise CampaignError("nobody is assigned to it", where=f"campaign {campaign}", remedy="Plan it first.")
    return name


def _require_plannable(context: Context, name: str) -> None:
    """Raise CampaignError for a name that is neither a campaign's nor a programme's, or of one that is archived."""
    home = context.settings.home
    if name in programme_files(home):
        require_in_use(load_programme(home, name))
    else:
        require_in_use(load_campaign(home, name))


def _amount(budget: float | str) -> float:
    try:
        amount = float(str(budget).replace(",", ""))
    except ValueError as error:
        raise ConfigError(f"`{budget}` is not an amount of money", where="budget", remedy="Write 5000.") from error
    if not math.isfinite(amount) or amount <= 0:
        raise ConfigError(
            f"a budget of {budget} contacts nobody", where="budget", remedy="Give an amount above 0, or leave it out."
        )
    return amount
