"""Asks the job runner to push the risk list to a CRM, and says how the newest push went."""

from __future__ import annotations

from churn.context import Context
from churn.crm.opening import connector_section
from churn.jobs.requests.work import RequestedWork, queue_run, work_on
from churn.store.service_records import ScheduledRun
from churn.workflows.sync import RISK_LIST

_SHOWN = 20  # pushes looked through for the newest of the list


def push_targets(context: Context) -> list[str]:
    """Return the names of the connectors there are; `file` needs no section and is always one."""
    return sorted({*context.settings.connectors, "file"})


def ask_list_push(context: Context, connector: str, *, who: str) -> ScheduledRun:
    """Queue a push of the risk list, or return the one under way. Raises ConfigError for a connector there is not."""
    connector_section(connector, context.settings)
    return queue_run(context, "sync", {"campaign": RISK_LIST, "connector": connector}, who=who)


def pushes_of_the_list(context: Context) -> RequestedWork:
    """Return the newest push of the list: one run or none."""
    with context.open_store() as store:
        runs = store.jobs.list("sync", limit=_SHOWN)
    return work_on(context, [run for run in runs if run.parameters.get("campaign") == RISK_LIST][:1])
