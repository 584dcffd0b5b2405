"""What service and pages do about people's rights: at once what the store can, and a job for the rest."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from churn.context import Context
from churn.errors import NotFound
from churn.workflows.privacy_erase import erase_from_store
from churn.workflows.privacy_export import export_path
from churn.workflows.privacy_object import note_objection, require_id

if TYPE_CHECKING:
    from churn.store import ScheduledRun
    from churn.store.privacy_records import PrivacyRequest, RequestKind

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
