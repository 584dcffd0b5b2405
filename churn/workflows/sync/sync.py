"""Pushes a campaign, or the risk list, to a CRM and keeps it in step; takes it back when asked to."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from churn.campaigns.archive import require_in_use
from churn.context import Context
from churn.crm.opening import connector_section
from churn.crm.request import PUSH_ONE, SyncRequest
from churn.crm.sync import Sync
from churn.errors import CampaignError, ConfigError
from churn.views.definition_in_force import definition_in_force
from churn.workflows.sync.audience import audience_list, platform_of
from churn.workflows.sync.lists import PushList, campaign_list, empty_list, fresh_scores, risk_list
from churn.workflows.sync.preflight import fields_of

if TYPE_CHECKING:
    from churn.config.connectors import ConnectorSection
    from churn.crm.connector import Connector
    from churn.crm.request import Checked, SyncReport
    from churn.documents.definition import CampaignDefinition
    from churn.store import Store


WITHDRAW_ONE = "withdraw_one"  # the action of a run that takes a single customer off
RISK_LIST = "risk-list"  # the name under which the list without a campaign is pushed


@dataclass(frozen=True)
class SyncResult:
    """A push, and the list it was of: `left_out` counts who is not on it, by why."""

    campaign: str
    connector: str
    list_size: int
    left_out: dict[str, int]
    model_version: str
    report: SyncReport


@dataclass(frozen=True)
class SyncOptions:
    """How a push is to be done: `is_full` writes every record, `is_forced` passes the guard rails.

    With `only`, nobody else of the list is pushed, and the push says nothing of the list as a whole.
    """

    is_dry: bool = False
    only: frozenset[str] = frozenset()
    is_full: bool = False
    is_forced: bool = False
    who: str = "nobody"


def sync_crm(
    context: Context, campaign: str, *, connector: str | None = None, options: SyncOptions | None = None
) -> SyncResult:
    """Bring `connector` (or the one that the campaign names) in step with a campaign, or with `risk-list`.

    Raises CampaignError (no such campaign, one that is archived, nobody assigned, a guard rail), ConfigError (no such connector, no secret,
    a mapping that does not fit), QualityBlocked (stale scores), SyncBusy, and ConnectorError when the CRM fails; what
    was done until then is on record, and the next push goes on from there.
    """
    options = options or SyncOptions()
    with _prepared(context, campaign, connector, options) as ready:
        report = ready.sync.run(is_dry=options.is_dry)
    return SyncResult(
        campaign, ready.connector, ready.push_list.frame.height, ready.push_list.left_out, ready.model_version, report
    )


def check_sync(
    context: Context, campaign: str, *, connector: str | None = None, customer_id: str | None = None
) -> Checked:
    """Return what a CRM holds of one customer of a list (the first where none is named) and what would be written.

    Reads only. Raises as `sync_crm` for whatever a push refuses before it writes.
    """
    only = frozenset({customer_id}) if customer_id is not None else frozenset()
    with _prepared(context, campaign, connector, SyncOptions(is_forced=True, only=only)) as ready:
        if ready.push_list.frame.is_empty():
            raise CampaignError("its list is empty", where=f"campaign {campaign}", remedy="Look at `churn campaigns`.")
        return ready.sync.check()


@dataclass(frozen=True)
class _Ready:
    """A push that only needs to be carried out."""

    sync: Sync
    connector: str
    push_list: PushList
    model_version: str


@contextmanager
def _prepared(context: Context, campaign: str, connector: str | None, options: SyncOptions) -> Iterator[_Ready]:
    definition = None if campaign == RISK_LIST else _definition(context, campaign)
    if definition is not None:
        require_in_use(definition)
    name = connector or (definition.crm.connector if definition else None)
    if name is None:
        raise ConfigError(
            "no connector is named", where=f"campaign {campaign}", remedy="Say --to NAME, or set [crm] connector."
        )
    section = connector_section(name, context.settings)
    run_id = _run_id(campaign, context.clock())
    with (
        context.recorded("sync_crm"),
        closing(context.open_connector(name)) as opened,
        context.open_store() as store,
    ):
        run = fresh_scores(context, store, max_age_days=section.max_score_age_days, is_forced=options.is_forced)
        push = section.risk_list if definition is None else definition.crm
        if definition is not None:
            push_list = campaign_list(context, store, definition, run, run_id)
        else:
            push_list = risk_list(context, store, section.risk_list.bands, run, run_id)
        where = f"campaign {campaign}, [crm].fields"
        fields = fields_of(section, push.fields, name, where=where, is_campaign=definition is not None)
        on_leave = push.on_leave
        if (platform := platform_of(section)) is not None:
            push_list, on_leave = audience_list(context, push_list, platform), "clear"
        push_list = _narrowed(push_list, options.only, campaign)
        request = _request(push_list, section, campaign, name, run_id, fields, options)
        request = replace(
            request,
            mode=push.mode,
            on_leave=on_leave,
            is_campaign=definition is not None,
            action=PUSH_ONE if options.only else "push",
            only=options.only or None,
        )
        sync = Sync(request, opened, store, clock=context.clock, progress=context.progress)
        yield _Ready(sync, name, push_list, run.model_version)


def _narrowed(push_list: PushList, only: frozenset[str], campaign: str) -> PushList:
    """Return the list with some customers alone. Raises CampaignError naming those who are not on it."""
    if not only:
        return push_list
    frame = push_list.frame.filter(push_list.frame["customer_id"].is_in(sorted(only)))
    absent = sorted(only - set(frame["customer_id"]))
    if absent:
        raise CampaignError(
            f"{', '.join(absent)} is not on its list",
            where=f"campaign {campaign}",
            remedy="Only those whom the plan contacts are pushed, and none of them who has objected since.",
        )
    return replace(push_list, frame=frame)


def withdraw_campaign(
    context: Context, campaign: str, connector: str, *, who: str = "nobody", customer_id: str | None = None
) -> SyncResult:
    """Empty every field that pushes of `campaign` have written to `connector`, of all or of one customer, and nothing else.

    Raises as `sync_crm`.
    """
    section = connector_section(connector, context.settings)
    run_id = _run_id(campaign, context.clock())
    with (
        context.recorded("sync_crm"),
        closing(context.open_connector(connector)) as opened,
        context.open_store() as store,
    ):
        run = fresh_scores(context, store, max_age_days=1, is_forced=True)
        push_list = empty_list(run, run_id)
        request = _request(push_list, section, campaign, connector, run_id, {}, SyncOptions(is_forced=True, who=who))
        only = None if customer_id is None else frozenset({customer_id})
        action = "withdraw" if only is None else WITHDRAW_ONE
        request = replace(request, action=action, on_leave="clear", only=only)
        report = _carry_out(context, store, request, opened, is_dry=False)
    return SyncResult(campaign, connector, 0, {}, run.model_version, report)


def retry_rejected(
    context: Context,
    campaign: str,
    *,
    connector: str | None = None,
    customers: Sequence[str] | None = None,
    codes: Sequence[str] | None = None,
    options: SyncOptions | None = None,
) -> tuple[int, SyncResult]:
    """Let rejected rows (those named, or of some codes, or all) be sent again, and push; return how many were let."""
    name = connector or (None if campaign == RISK_LIST else _definition(context, campaign).crm.connector)
    if name is None:
        raise ConfigError("no connector is named", where=f"campaign {campaign}", remedy="Say --to NAME.")
    with context.open_store() as store:
        released = store.crm.release(name, campaign, customer_ids=customers, codes=codes)
    if not released:
        raise CampaignError(
            "no rejected row is like that",
            where=f"campaign {campaign} to connector {name}",
            remedy="See `churn sync status --rejected`.",
        )
    return released, sync_crm(context, campaign, connector=name, options=options)


def _definition(context: Context, campaign: str) -> CampaignDefinition:
    with context.open_store() as store:
        return definition_in_force(context, store, campaign)


def _request(
    push_list: PushList,
    section: ConnectorSection,
    campaign: str,
    connector: str,
    run_id: str,
    fields: dict[str, str],
    options: SyncOptions,
) -> SyncRequest:
    return SyncRequest(
        connector=connector,
        campaign=campaign,
        run_id=run_id,
        wanted=push_list.frame,
        fields=fields,
        settings=section,
        model_version=push_list.run.model_version,
        score_run_id=push_list.run.run_id,
        who=options.who,
        holder=f"`churn sync {campaign} --to {connector}` on {socket.gethostname()}, process {os.getpid()}",
        is_full=options.is_full,
        is_forced=options.is_forced,
        constants=push_list.constants,
        forbidden=push_list.forbidden,
    )


def _carry_out(
    context: Context, store: Store, request: SyncRequest, connector: Connector, *, is_dry: bool
) -> SyncReport:
    return Sync(request, connector, store, clock=context.clock, progress=context.progress).run(is_dry=is_dry)


def _run_id(campaign: str, at: datetime) -> str:
    return f"{campaign}-{at:%Y%m%dT%H%M%S}-{os.urandom(3).hex()}"  # two pushes within a second are two
