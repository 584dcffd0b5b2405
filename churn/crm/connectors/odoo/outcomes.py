"""Reads leads back as outcomes: won, lost, or at a stage that has a meaning; every page with a cursor that overlaps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from churn.crm.connector import EventKind, OutcomeEvent, OutcomePage
from churn.errors import Unreachable

if TYPE_CHECKING:
    from churn.config.connectors import OdooConnector
    from churn.crm.connectors.odoo.rpc import OdooApi

PAGE_LEADS = 500
# `write_date` is when a transaction began, cut to the second: what a long one wrote appears behind the newest.
OVERLAP = timedelta(minutes=10)
_MODEL = "crm.lead"
_FIELDS = [
    "campaign_id",
    "stage_id",
    "probability",
    "active",
    "partner_id",
    "date_closed",
    "date_last_stage_update",
    "write_date",
]

Owners = Callable[[Iterable[int]], Mapping[int, str]]


@dataclass(frozen=True)
class _LeadCursor:
    """How far we are: leads changed since `since` are read by rising id; `until` was Odoo's newest as we began."""

    since: str
    until: str | None = None
    last_id: int = 0

    def cursor(self) -> str:
        return json.dumps([self.since, self.until, self.last_id])


def read_page(
    api: OdooApi, settings: OdooConnector, cursor: str | None, *, owners: Owners, clock: Callable[[], datetime]
) -> OutcomePage:
    """Return the events of some leads of campaigns that changed since `cursor`, archived (lost) ones included.

    Pages go by id and not by date, so that a lead that changes meanwhile is neither skipped nor keeps us here for
    ever; the next reading begins a little before this one did, by Odoo's own clock. Raises OdooFault.
    """
    reading = _resume(cursor, settings, clock)
    if reading.until is None:
        reading = _LeadCursor(reading.since, _newest(api) or reading.since)
    domain = [("write_date", ">=", reading.since), ("id", ">", reading.last_id), ("campaign_id", "!=", False)]
    leads = api.call(_MODEL, "search_read", domain=domain, fields=_FIELDS, order="id asc", limit=PAGE_LEADS)
    if not isinstance(leads, list):
        raise Unreachable("answers the search for leads without a list", remedy="Try again later.")
    keys = owners(lead["partner_id"][0] for lead in leads if lead["partner_id"])
    events = tuple(event for lead in leads if (event := _event(lead, keys, settings)) is not None)
    if len(leads) == PAGE_LEADS:
        onward = _LeadCursor(reading.since, reading.until, int(leads[-1]["id"]))
        return OutcomePage(events, onward.cursor(), is_last=False)
    newest = datetime.fromisoformat(reading.until or reading.since)
    since = max(reading.since, str(newest - OVERLAP))
    return OutcomePage(events, _LeadCursor(since).cursor(), is_last=True)


def _resume(cursor: str | None, settings: OdooConnector, clock: Callable[[], datetime]) -> _LeadCursor:
    if cursor is None:
        return _LeadCursor(str(clock().replace(microsecond=0) - timedelta(days=settings.outcome_days)))
    since, until, last_id = json.loads(cursor)
    return _LeadCursor(str(since), until, int(last_id))


def _newest(api: OdooApi) -> str | None:
    records = api.call(_MODEL, "search_read", domain=[], fields=["write_date"], order="write_date desc", limit=1)
    return str(records[0]["write_date"]) if records else None


def _event(lead: Mapping[str, Any], keys: Mapping[int, str], settings: OdooConnector) -> OutcomeEvent | None:
    kind = _kind(lead, settings.stages)
    if kind is None:
        return None
    partner = lead["partner_id"][0] if lead["partner_id"] else None
    campaign = str(lead["campaign_id"][1])
    closed = lead["date_closed"] if kind in {"won", "lost"} else None
    # A lead that was lost, then won, and is lost again happened twice. Odoo keeps no date of a loss; the last change of its
    # stage is another one then.
    since = closed or (lead.get("date_last_stage_update") if kind == "lost" else None)
    return OutcomeEvent(
        event_id=",".join([_MODEL, str(lead["id"]), kind, *([str(since)] if since else [])]),
        customer_id=keys.get(partner) if partner is not None else None,
        remote_id=str(partner) if partner is not None else None,
        campaign=settings.campaigns.get(campaign, campaign),
        kind=kind,
        occurred_at=datetime.fromisoformat(str(closed or lead["write_date"])),
    )


def _kind(lead: Mapping[str, Any], stages: Mapping[str, EventKind]) -> EventKind | None:
    if float(lead["probability"] or 0.0) >= 100:
        return "won"
    if not lead["active"]:
        return "lost"  # Odoo archives what is lost
    return stages.get(str(lead["stage_id"][1])) if lead["stage_id"] else None
