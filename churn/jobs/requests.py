"""Asks the job runner to plan, push, retry or measure a campaign, and tells how far it is; whoever asks never waits for it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from churn.campaigns.reading import load_campaign
from churn.context import Context
from churn.crm.opening import connector_section
from churn.errors import CampaignError, ConfigError, NotFound
from churn.workflows.privacy.erase import erase_from_store
from churn.workflows.privacy.export import export_path
from churn.workflows.privacy.object import note_objection, require_id

if TYPE_CHECKING:
    from datetime import date

    from churn.store import ScheduledRun
    from churn.store.records import PrivacyRequest, RequestKind


def ask_plan(
    context: Context, campaign: str, *, budget: float | str | None = None, on: date | None = None, who: str
) -> ScheduledRun:
    """Queue a plan of `campaign`, or return the one under way. Raises CampaignError, ConfigError as `churn plan` does."""
    load_campaign(context.settings.home, campaign)
    asked: dict[str, Any] = {"campaigns": [campaign]}
    if budget is not None:
        asked["budget"] = _amount(budget)
    if on is not None:
        asked["date"] = on.isoformat()
    return _request(context, "plan", asked, who)


def ask_sync(
    context: Context, campaign: str, *, connector: str | None = None, is_dry: bool = False, who: str
) -> ScheduledRun:
    """Queue a push of `campaign` to `connector`, or to the one its definition names; a dry one writes nothing.

    Raises CampaignError (no such campaign, nobody assigned), ConfigError (no connector, or none of that name).
    """
    asked: dict[str, Any] = {"campaign": campaign, "connector": _destination(context, campaign, connector)}
    if is_dry:
        asked["dry_run"] = True
    return _request(context, "sync", asked, who)


def ask_retry(context: Context, campaign: str, *, connector: str, who: str) -> ScheduledRun:
    """Let every refused row of `campaign` at `connector` be sent again, and queue the push. Raises as `ask_sync`."""
    with context.open_store() as store:
        if not store.crm.rejections(connector, campaign):
            raise CampaignError(
                "no row is refused", where=f"campaign {campaign} to connector {connector}", remedy="Push it as usual."
            )
        name = _destination(context, campaign, connector)
        store.crm.release(name, campaign)
    return _request(context, "sync", {"campaign": campaign, "connector": name}, who)


def ask_measure(context: Context, campaign: str, *, who: str) -> ScheduledRun:
    """Queue a measurement of `campaign`. Raises CampaignError for one that was never planned, or chose nobody."""
    with context.open_store() as store:
        if campaign not in store.assignments.counts():
            raise CampaignError(
                "nobody is assigned to it, so there is nothing to measure",
                where=f"campaign {campaign}",
                remedy="Plan it first.",
            )
    return _request(context, "measure", {"campaign": campaign}, who)


def work_on(context: Context, runs: Sequence[ScheduledRun]) -> dict[str, Any]:
    """Return the runs asked for, whether any is under way, and whether anybody is there to work on them."""
    is_under_way = any(run.is_under_way for run in runs)
    with context.open_store() as store:
        workers = store.schedule.workers(context.clock()) if is_under_way else []
    return {"runs": list(runs), "is_under_way": is_under_way, "is_alone": is_under_way and not workers}


def _destination(context: Context, campaign: str, connector: str | None) -> str:
    """Return the connector that `campaign` can be pushed to, as asked for or as its definition says."""
    definition = load_campaign(context.settings.home, campaign)
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


def _request(context: Context, job: str, parameters: dict[str, Any], who: str) -> ScheduledRun:
    with context.open_store() as store:
        run = store.jobs.request(job, parameters=parameters, requested_by=who, at=context.clock())
    context.log.note("job_requested", job=job, run_id=run.run_id)
    return run


_FRESH = timedelta(days=1)


def ask_erase(context: Context, customer_id: str, *, who: str) -> ScheduledRun:
    """Erase a customer from the store at once, and queue the rest. Raises NotFound when nothing is held of them."""
    number = erase_from_store(context, customer_id, who=who)
    return _queue(context, "erase", number, who)


def ask_object(context: Context, customer_id: str, *, who: str) -> ScheduledRun:
    """Note an objection, effective at once, and queue the withdrawal from remote lists."""
    note_objection(context, customer_id, who=who)
    with context.open_store() as store:
        request = store.privacy.ask("object", customer_id, who=who, at=context.clock())
    return _queue(context, "object", request.request_id, who)


def ask_export(context: Context, customer_id: str, *, who: str) -> ScheduledRun:
    """Queue the collection of what is held of a customer. Raises NotFound when the store has never known them."""
    require_id(customer_id)
    with context.open_store() as store:
        if not store.privacy.rows_of(customer_id):
            raise NotFound(
                "the store holds nothing about this customer",
                where=customer_id,
                remedy="Check the id; `churn privacy export` looks into the warehouse too.",
            )
        now = context.clock()
        request = store.privacy.ask("export", customer_id, who=who, at=now)
        store.requests.audit(who, "ask_export", f"customer {request.id_hash[:12]}", now)
    return _queue(context, "export", request.request_id, who)


def ready_export(context: Context, customer_id: str, *, who: str) -> dict[str, Any] | None:
    """Return the newest export of the last day, noting who fetched it; None where there is none."""
    require_id(customer_id)
    now = context.clock()
    with context.open_store() as store:
        for one in store.privacy.requests(customer_id, is_open=False):
            if one.kind != "export" or one.finished_at is None or now - one.finished_at > _FRESH:
                continue
            try:
                text = export_path(context.settings.home, one.request_id).read_text(encoding="utf-8")
            except OSError:
                continue
            store.requests.audit(who, "fetch_export", f"customer {one.id_hash[:12]}", now)
            found: dict[str, Any] = json.loads(text)
            return found
    return None


def rights_of(context: Context, customer_id: str) -> dict[str, Any]:
    """Return what was asked for a customer: `objected_at`, and the newest request of each kind."""
    with context.open_store() as store:
        newest: dict[RequestKind, PrivacyRequest] = {}
        for one in store.privacy.requests(customer_id):
            newest.setdefault(one.kind, one)
        return {"objected_at": store.privacy.objected_at(customer_id), "requests": newest}


def _queue(context: Context, job: str, number: int, who: str) -> ScheduledRun:
    with context.open_store() as store:
        run = store.jobs.request(job, parameters={"request": number}, requested_by=who, at=context.clock())
    context.log.note("job_requested", job=job, run_id=run.run_id)
    return run


RISK_LIST = "risk-list"  # what the push of the list itself is called where campaigns have names
_SHOWN = 20  # pushes looked through for the newest of the list


def push_targets(context: Context) -> list[str]:
    """Return the names of the connectors there are; `file` needs no section and is always one."""
    return sorted({*context.settings.connectors, "file"})


def ask_list_push(context: Context, connector: str, *, who: str) -> ScheduledRun:
    """Queue a push of the risk list, or return the one under way. Raises ConfigError for a connector there is not."""
    connector_section(connector, context.settings)
    parameters = {"campaign": RISK_LIST, "connector": connector}
    with context.open_store() as store:
        run = store.jobs.request("sync", parameters=parameters, requested_by=who, at=context.clock())
    context.log.note("job_requested", job="sync", run_id=run.run_id)
    return run


def pushes_of_the_list(context: Context) -> dict[str, Any]:
    """Return the newest push of the list (`runs`: one or none), as `work_on` tells it."""
    with context.open_store() as store:
        runs = store.jobs.list("sync", limit=_SHOWN)
    return work_on(context, [run for run in runs if run.parameters.get("campaign") == RISK_LIST][:1])
