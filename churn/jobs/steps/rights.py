"""The jobs behind people's rights: what the service was asked for and needs the warehouse; ids stay out of the ledger of jobs."""

from __future__ import annotations

from churn.context import Context
from churn.errors import ConfigError
from churn.jobs.outcome import StepOutcome
from churn.store.records import PrivacyRequest, ScheduledRun
from churn.workflows.privacy.erase import erase_customers
from churn.workflows.privacy.export import export_customer, export_path
from churn.workflows.privacy.object import object_to_marketing
from churn.workflows.privacy.retention import retain as let_go


def erase(context: Context, run: ScheduledRun) -> StepOutcome:
    """Erase the customer of a request, and of all that wait beside it: remote lists, warehouse, files."""
    request = _request(context, run)
    if request.customer_id is None:
        return StepOutcome(0, "It was done before; nothing of them was left.", is_skipped=True)
    with context.open_store() as store:  # the warehouse is written anew for one as for many: all that wait go with it
        others = [one.customer_id for one in store.privacy.requests(is_open=True) if one.kind == "erase"]
    customers = [request.customer_id, *(one for one in others if one is not None)]
    erased = erase_customers(context, customers, who=request.who)
    gone = sum(count for found in erased for part in found.removed.values() for count in part.values())
    names = ", ".join(sorted({one.connector for found in erased for one in found.waiting}))
    waits = f" {names} could not be reached and is tried again daily." if names else ""
    whom = "one customer" if len(erased) == 1 else f"{len(erased):,} customers"
    return StepOutcome(gone, f"{gone:,} rows of {whom} were erased.{waits}")


def withdraw(context: Context, run: ScheduledRun) -> StepOutcome:
    """Take the customer of a request, who objects to marketing, off every list."""
    request = _request(context, run)
    if request.customer_id is None:
        return StepOutcome(0, "It was done before.", is_skipped=True)
    found = object_to_marketing(context, request.customer_id, who=request.who)
    done = len(found.withdrawals) - len(found.waiting)
    waits = f" {len(found.waiting):,} could not be reached and are tried again daily." if found.waiting else ""
    return StepOutcome(done, f"One customer was taken off {done:,} lists.{waits}")


def export(context: Context, run: ScheduledRun) -> StepOutcome:
    """Collect what is held of the customer of a request, to be fetched within a day."""
    request = _request(context, run)
    if request.customer_id is None:
        return StepOutcome(0, "It was done before.", is_skipped=True)
    out = export_path(context.settings.home, request.request_id)
    counts = export_customer(context, request.customer_id, who=request.who, out=out)["counts"]
    rows = sum(count for part in counts.values() for count in part.values())
    return StepOutcome(rows, f"{rows:,} rows of one customer are ready to be fetched for a day.")


def retain(context: Context, run: ScheduledRun) -> StepOutcome:
    """Let go of what is older than [retention] allows, and finish requests that a remote system kept waiting."""
    found = let_go(context, who=run.requested_by)
    told = ", ".join(f"{count:,} {what}" for what, count in found.items() if count)
    return StepOutcome(sum(found.values()), f"Let go: {told}." if told else "Nothing was old enough to let go.")


def _request(context: Context, run: ScheduledRun) -> PrivacyRequest:
    number = int(run.parameters["request"])
    with context.open_store() as store:
        found = store.privacy.request(number)
    if found is None:
        raise ConfigError("there is no such request", where=f"job {run.job}, request {number}")
    return found
