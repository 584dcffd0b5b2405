"""The steps behind people's rights. A run names a request by its number, so that no id stands in the ledger of jobs."""

from __future__ import annotations

from churn.context import Context
from churn.errors import ConfigError
from churn.jobs.job import StepResult
from churn.jobs.parameters import number_of
from churn.store.service_records import PrivacyRequest, ScheduledRun
from churn.workflows.privacy import erase_customers, export_customer, export_path, object_to_marketing


def erase(context: Context, run: ScheduledRun) -> StepResult:
    """Erase the customer of a request, and of all that wait beside it: remote lists, warehouse, files."""
    request = _request(context, run)
    if request.customer_id is None:
        return StepResult(0, "It was done before; nothing of them was left.", is_skipped=True)
    with context.open_store() as store:  # the warehouse is rewritten once for all that wait
        waiting = [other.customer_id for other in store.privacy.requests(is_open=True) if other.kind == "erase"]
    customers = [request.customer_id, *(customer_id for customer_id in waiting if customer_id is not None)]
    erased = erase_customers(context, customers, who=request.who)
    gone = sum(count for customer in erased for part in customer.removed.values() for count in part.values())
    names = ", ".join(sorted({withdrawal.connector for customer in erased for withdrawal in customer.waiting}))
    waits = f" {names} could not be reached and is tried again daily." if names else ""
    whom = "one customer" if len(erased) == 1 else f"{len(erased):,} customers"
    return StepResult(gone, f"{gone:,} rows of {whom} were erased.{waits}")


def withdraw(context: Context, run: ScheduledRun) -> StepResult:
    """Take the customer of a request, who objects to marketing, off every list."""
    request = _request(context, run)
    if request.customer_id is None:
        return StepResult(0, "It was done before.", is_skipped=True)
    objection = object_to_marketing(context, request.customer_id, who=request.who)
    waiting = len(objection.waiting)
    done = len(objection.withdrawals) - waiting
    waits = f" {waiting:,} could not be reached and are tried again daily." if waiting else ""
    return StepResult(done, f"One customer was taken off {done:,} lists.{waits}")


def export(context: Context, run: ScheduledRun) -> StepResult:
    """Collect what is held of the customer of a request, to be fetched within a day."""
    request = _request(context, run)
    if request.customer_id is None:
        return StepResult(0, "It was done before.", is_skipped=True)
    out = export_path(context.settings.home, request.request_id)
    counts = export_customer(context, request.customer_id, who=request.who, out=out)["counts"]
    rows = sum(count for part in counts.values() for count in part.values())
    return StepResult(rows, f"{rows:,} rows of one customer are ready to be fetched for a day.")


def _request(context: Context, run: ScheduledRun) -> PrivacyRequest:
    number = int(number_of(run, "request") or 0)
    with context.open_store() as store:
        request = store.privacy.request(number)
    if request is None:
        raise ConfigError("there is no such request", where=f"job {run.job}, request {number}")
    return request
