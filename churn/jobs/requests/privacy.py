"""Asks for what people have a right to: erasure, objection, a copy of what is held; and says what was asked before."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from churn.context import Context
from churn.errors import NotFound
from churn.jobs.requests.work import queue_run
from churn.store.service_records import PrivacyRequest, RequestKind, ScheduledRun
from churn.workflows.privacy import erase_from_store, export_path, note_objection, require_id

if TYPE_CHECKING:
    from pydantic import JsonValue

_FRESH = timedelta(days=1)


@dataclass(frozen=True)
class RightsAsked:
    """When a customer objected to marketing, and the newest request of each kind."""

    objected_at: datetime | None
    export: PrivacyRequest | None
    erase: PrivacyRequest | None
    object: PrivacyRequest | None


def ask_erase(context: Context, customer_id: str, *, who: str) -> ScheduledRun:
    """Erase a customer from the store at once, and queue the rest. Raises NotFound when nothing is held of them."""
    number = erase_from_store(context, customer_id, who=who)
    return queue_run(context, "erase", {"request": number}, who=who)


def ask_object(context: Context, customer_id: str, *, who: str) -> ScheduledRun:
    """Note an objection, effective at once, and queue the withdrawal from remote lists."""
    note_objection(context, customer_id, who=who)
    with context.open_store() as store:
        request = store.privacy.ask("object", customer_id, who=who, at=context.clock())
    return queue_run(context, "object", {"request": request.request_id}, who=who)


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
    return queue_run(context, "export", {"request": request.request_id}, who=who)


def ready_export(context: Context, customer_id: str, *, who: str) -> dict[str, JsonValue] | None:
    """Return the newest export of the last day, noting who fetched it; None where there is none."""
    require_id(customer_id)
    now = context.clock()
    with context.open_store() as store:
        for request in store.privacy.requests(customer_id, is_open=False):
            if request.kind != "export" or request.finished_at is None or now - request.finished_at > _FRESH:
                continue
            try:
                text = export_path(context.settings.home, request.request_id).read_text(encoding="utf-8")
            except OSError:
                continue
            store.requests.audit(who, "fetch_export", f"customer {request.id_hash[:12]}", now)
            document: dict[str, JsonValue] = json.loads(text)
            return document
    return None


def rights_of(context: Context, customer_id: str) -> RightsAsked:
    """Return what was asked for a customer."""
    with context.open_store() as store:
        newest: dict[RequestKind, PrivacyRequest] = {}
        for request in store.privacy.requests(customer_id):
            newest.setdefault(request.kind, request)
        objected_at = store.privacy.objected_at(customer_id)
    return RightsAsked(objected_at, newest.get("export"), newest.get("erase"), newest.get("object"))
