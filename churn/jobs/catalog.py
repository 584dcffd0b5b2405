"""The table of jobs: their steps in order, and what may be said when they are asked for."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from churn.errors import NotFound
from churn.jobs.job import Job, Parameter, Step
from churn.jobs.steps import night, on_request, privacy, retention

_CAMPAIGN = Parameter("text", "The campaign's name; `risk-list` for the list itself.", is_required=True)
_DATE = Parameter("text", "The date, YYYY-MM-DD; the newest that the data cover if left out.")
_LANGUAGE = Parameter("text", "The report's language, such as en or de; that of [reporting] if left out.")

_REQUEST = Parameter("number", "The number of the request.", is_required=True)

_ALL = (
    Job(
        "nightly",
        "Nightly: load, check, score, keep campaigns and CRMs in step",
        (
            Step("refresh", night.refresh, is_gate=True),
            Step("checks", night.checks, is_gate=True),
            Step("score", night.score, is_gate=True),
            Step("plan", night.plan),
            Step("sync", night.sync),
            Step("outcomes", night.outcomes),
            Step("measure", night.measure),
            Step("monitor", night.monitor),
            Step("publish", night.publish),
            Step("mirror", night.mirror),
        ),
        {night.BACKFILL: Parameter("flag", "Only score: the night lies in the past.")},
        is_dated=True,
    ),
    Job(
        "monthly",
        "Monthly: explore the data, write the report of the month before, mail figures",
        (Step("explore", on_request.explore), Step("report", on_request.report), Step("figures", on_request.figures)),
        {"language": _LANGUAGE},
        is_dated=True,
    ),
    Job(
        "retention",
        "Retention: put old files, logs and rows away",
        (Step("prune", retention.prune), Step("let go", retention.let_go)),
        is_dated=True,
    ),
    Job(
        "refresh",
        "Load what is new from the sources",
        (Step("refresh", night.refresh, is_gate=True), Step("checks", night.checks)),
    ),
    Job(
        "train",
        "Train all candidates and register the winner",
        (Step("train", on_request.train),),
        {"promote": Parameter("flag", "Whether the winner serves at once.")},
    ),
    Job("score", "Score every customer and publish the list", (Step("score", on_request.score),), {"date": _DATE}),
    Job(
        "explore",
        "Explore the data: what every column holds, and who leaves more than others",
        (Step("explore", on_request.explore),),
        {"date": _DATE},
    ),
    Job(
        "plan",
        "Plan campaigns: whom to contact, whom to hold out",
        (Step("plan", on_request.plan),),
        {
            "campaigns": Parameter("texts", "Names of the campaigns; all if left out."),
            "budget": Parameter("number", "Money that they share."),
            "date": _DATE,
        },
        scope="push",
    ),
    Job(
        "sync",
        "Push a campaign or the risk list to a CRM",
        (Step("sync", on_request.sync),),
        {
            "campaign": _CAMPAIGN,
            "connector": Parameter("text", "The CRM; the campaign's own if left out."),
            "dry_run": Parameter("flag", "Only say what would be written."),
        },
        scope="push",
    ),
    Job(
        "withdraw",
        "Take a campaign back out of a CRM",
        (Step("withdraw", on_request.withdraw),),
        {"campaign": _CAMPAIGN, "connector": Parameter("text", "The CRM.", is_required=True)},
        scope="push",
    ),
    Job("erase", "Erase what is held of a customer", (Step("erase", privacy.erase),), {"request": _REQUEST}),
    Job("export", "Collect what is held of a customer", (Step("export", privacy.export),), {"request": _REQUEST}),
    Job("object", "Take who objects off every list", (Step("withdraw", privacy.withdraw),), {"request": _REQUEST}),
    Job(
        "measure",
        "Measure what a campaign caused",
        (Step("measure", on_request.measure),),
        {"campaign": _CAMPAIGN, "so_far": Parameter("flag", "Judge those whose windows have closed.")},
        scope="push",
    ),
    Job(
        "height",
        "Forecast a programme: can it learn, prove itself and pay back",
        (Step("foresee", on_request.height),),
        {
            "programme": Parameter("text", "The programme's name.", is_required=True),
            "months": Parameter("number", "Months in which it shall pay back; 12 if left out."),
        },
        scope="push",
    ),
    Job(
        "evaluate",
        "Say what another policy would have earned in a programme",
        (Step("evaluate", on_request.evaluate),),
        {
            "programme": Parameter("text", "The programme's name.", is_required=True),
            "policy": Parameter("text", "plan, greedy, leave_alone, logged, or an offer; plan if left out."),
            "against": Parameter("text", "The policy to compare with, or none; logged if left out."),
        },
        scope="push",
    ),
    Job(
        "experiment",
        "Analyse a finished experiment from its file",
        (Step("analyse", on_request.experiment),),
        {
            "upload": Parameter("text", "The file that was sent, by the name it was given here.", is_required=True),
            "file": Parameter("text", "The file's own name.", is_required=True),
            "treatment": Parameter("text", "Column of the arm.", is_required=True),
            "outcome": Parameter("text", "Column of the outcome.", is_required=True),
            "control": Parameter("text", "Value of the arm left alone."),
            "treated": Parameter("text", "Value of the treated arm."),
            "direction": Parameter("text", "wanted or unwanted."),
            "value": Parameter("text", "An amount, a column, or SQL over columns."),
            "cost": Parameter("text", "An amount, a column, or SQL over columns."),
            "incentive": Parameter("text", "An amount, a column, or SQL over columns."),
            "planned_share": Parameter("number", "Share that was to be treated."),
            "customer": Parameter("text", "Column of the customer's id."),
            "group": Parameter("text", "Column whose values were assigned as a whole."),
            "strata": Parameter("text", "Column within whose values the split was drawn."),
            "exclude": Parameter("texts", "Columns known only afterwards."),
            "options": Parameter("texts", "NAME=VALUE, how the file is written."),
            "name": Parameter("text", "Name to keep it under."),
        },
        scope="push",
    ),
    Job("monitor", "Look for drift and decay", (Step("monitor", on_request.monitor),), {"date": _DATE}),
    Job(
        "report",
        "Write the report of a month",
        (Step("report", on_request.report),),
        {"month": Parameter("text", "The month, YYYY-MM; the last whole one if left out."), "language": _LANGUAGE},
    ),
)

JOBS: Mapping[str, Job] = MappingProxyType({job.name: job for job in _ALL})


def job_named(name: str) -> Job:
    """Return the job of that name. Raises NotFound naming the nearest, or all."""
    job = JOBS.get(name)
    if job is None:
        near = difflib.get_close_matches(name, JOBS, n=1)
        remedy = f"Did you mean `{near[0]}`?" if near else f"There are: {', '.join(JOBS)}."
        raise NotFound("there is no such job", where=name, remedy=remedy)
    return job
