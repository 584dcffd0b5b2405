"""Asks the job runner to bring a CRM in step with the risk list, and tells how far that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from churn.context import Context
from churn.workflows.ask_for_work import work_on

if TYPE_CHECKING:
    from churn.store import ScheduledRun

RISK_LIST = "risk-list"  # what the push of the list itself is called where campaigns have names
_SHOWN = 20  # pushes looked through for the newest of the list


def push_targets(context: Context) -> list[str]:
    """Return the names of the connectors there are; `file` needs no section and is always one."""
    return sorted({*context.settings.connectors, "file"})


def ask_list_push(context: Context, connector: str, *, who: str) -> ScheduledRun:
    """Queue a push of the risk list, or return the one under way. Raises ConfigError for a connector there is not."""
    from churn.crm.opening import connector_section

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
