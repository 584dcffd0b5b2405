"""Asks the job runner to analyse an experiment whose file was sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from churn.context import Context
from churn.errors import ConfigError
from churn.jobs.requests.work import RequestedWork, queue_run, work_on
from churn.jobs.uploads import keep_upload
from churn.store.service_records import JobParameterValue, ScheduledRun
from churn.warehouse.reading.readers import is_known
from churn.workflows.experiment import options_of

_SHOWN = 5


@dataclass(frozen=True)
class ExperimentRequest:
    """What was said of an experiment's file; `value`, `cost` and `incentive` are an amount, a column's name, or SQL over columns."""

    treatment: str
    outcome: str
    control: str | None = None
    treated: str | None = None
    direction: Literal["wanted", "unwanted"] | None = None
    value: str | None = None
    cost: str | None = None
    incentive: str | None = None
    planned_share: float | None = None
    customer: str | None = None
    group: str | None = None
    strata: str | None = None
    exclude: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    name: str | None = None


def ask_experiment(
    context: Context, request: ExperimentRequest, *, file_name: str, content: bytes, who: str
) -> ScheduledRun:
    """Keep the file and queue its analysis. Raises ConfigError for a share, an option or a file that cannot be."""
    if request.planned_share is not None and not 0 < request.planned_share < 1:
        raise ConfigError(
            f"{request.planned_share} is no share between 0 and 1", where="planned_share", remedy="Such as 0.5."
        )
    if "format" not in options_of(request.options) and not is_known(file_name):
        raise ConfigError(
            "the file's name ends in none of .csv, .parquet and .json",
            where=file_name[:100],
            remedy="Export the table as one of these; from a spreadsheet as CSV.",
        )
    if not content:
        raise ConfigError("the file is empty", where=file_name[:100], remedy="Check that the export ran.")
    parameters: dict[str, JobParameterValue] = {
        "upload": keep_upload(context, file_name, content),
        "file": file_name[:200],
        "treatment": request.treatment,
        "outcome": request.outcome,
    }
    texts = {
        "control": request.control,
        "treated": request.treated,
        "direction": request.direction,
        "value": request.value,
        "cost": request.cost,
        "incentive": request.incentive,
        "customer": request.customer,
        "group": request.group,
        "strata": request.strata,
        "name": request.name,
    }
    parameters |= {name: text for name, text in texts.items() if text}
    if request.planned_share is not None:
        parameters["planned_share"] = request.planned_share
    for name, given in (("exclude", request.exclude), ("options", request.options)):
        if given:
            parameters[name] = list(given)
    return queue_run(context, "experiment", parameters, who=who)


def experiments_at_work(context: Context) -> RequestedWork:
    """Return the newest analyses that were asked for."""
    with context.open_store() as store:
        runs = store.jobs.list("experiment", limit=_SHOWN)
    return work_on(context, runs)
