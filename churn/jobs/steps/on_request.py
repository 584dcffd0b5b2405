"""The steps of jobs that people and systems ask for: one workflow each, with what was asked as its parameters."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from churn.context import Context
from churn.errors import CampaignError, ConfigError, ContractBroken
from churn.jobs.job import StepResult
from churn.jobs.notify.figure_mail import mail_figures
from churn.jobs.notify.headline import announce_report
from churn.jobs.notify.report_mail import mail_report
from churn.jobs.parameters import day_of, flag_of, number_of, required_text_of, text_of, texts_of
from churn.jobs.uploads import uploaded_file
from churn.store.service_records import ScheduledRun
from churn.workflows.experiment import ExperimentFile, amount_of, analyse_experiment, options_of
from churn.workflows.explore import explore_data
from churn.workflows.foresee import evaluate_policy, foresee_programme
from churn.workflows.measure import measure_campaign
from churn.workflows.monitor import monitor_model
from churn.workflows.plan import PlanRequest, plan_campaigns
from churn.workflows.report import publish_report
from churn.workflows.score import score_customers
from churn.workflows.sync import SyncOptions, SyncResult, sync_crm, withdraw_campaign
from churn.workflows.train import train_model


def train(context: Context, run: ScheduledRun) -> StepResult:
    """Train every candidate and register the winner."""
    trained = train_model(context, promote=flag_of(run, "promote"), who=run.requested_by)
    role = "serves from now on" if trained.is_champion else "waits as challenger"
    return StepResult(trained.counts.get("rows"), f"{trained.version} was trained and {role}.")


def score(context: Context, run: ScheduledRun) -> StepResult:
    """Score one date."""
    (scored,) = score_customers(context, snapshot_date=day_of(run, "date"))
    sentence = f"{scored.customers:,} customers scored as of {scored.snapshot_date} by {scored.model_version}."
    return StepResult(scored.customers, sentence)


def explore(context: Context, run: ScheduledRun) -> StepResult:
    """Explore the data: profile, insights, page."""
    document = explore_data(context, on=day_of(run, "date")).document
    return StepResult(document.rows, f"{document.headline} {document.tally}")


def plan(context: Context, run: ScheduledRun) -> StepResult:
    """Plan campaigns together."""
    budget = number_of(run, "budget")
    request = PlanRequest(
        campaigns=texts_of(run, "campaigns"),
        snapshot_date=day_of(run, "date"),
        budget=None if budget is None else Decimal(str(budget)),
    )
    planned = plan_campaigns(context, request).assignments
    added = planned.filter("is_new")
    held = added.filter(added["arm"] == "holdout").height
    names = ", ".join(sorted(set(planned["campaign"]))) or "nobody"
    return StepResult(added.height, f"{names}: {added.height - held:,} to contact, {held:,} held out.")


def height(context: Context, run: ScheduledRun) -> StepResult:
    """Foresee a programme; its page and the API show what is kept."""
    name, months = required_text_of(run, "programme"), number_of(run, "months")
    foreseen = foresee_programme(context, name, months=12 if months is None else int(months))
    verdict = "pays back" if foreseen.pays_back else "does not pay back"
    return StepResult(round(foreseen.customers), f"`{name}` {verdict} within {foreseen.months} months.")


def evaluate(context: Context, run: ScheduledRun) -> StepResult:
    """Say what another policy would have earned; the programme's page and the API show what is kept."""
    name, policy = required_text_of(run, "programme"), text_of(run, "policy") or "plan"
    against = text_of(run, "against") or "logged"
    evaluated = evaluate_policy(context, name, policy, against=None if against == "none" else against)
    return StepResult(evaluated.answer.decisions, evaluated.sentences[0])


def sync(context: Context, run: ScheduledRun) -> StepResult:
    """Push a campaign, or the risk list, to a CRM; a dry run only says what it would do."""
    options = SyncOptions(is_dry=flag_of(run, "dry_run"), who=run.requested_by)
    campaign, connector = required_text_of(run, "campaign"), text_of(run, "connector")
    return _pushed(sync_crm(context, campaign, connector=connector, options=options))


def withdraw(context: Context, run: ScheduledRun) -> StepResult:
    """Take a campaign back out of a CRM."""
    campaign, connector = required_text_of(run, "campaign"), required_text_of(run, "connector")
    return _pushed(withdraw_campaign(context, campaign, connector, who=run.requested_by))


def _pushed(push: SyncResult) -> StepResult:
    counts = push.report.counts.items()
    changes = ", ".join(f"{count:,} {name}" for name, count in counts if count and name != "skipped")
    is_dry = push.report.preview is not None
    would = "A dry run, nothing was written: " if is_dry else ""
    return StepResult(push.list_size, f"{would}{push.campaign} to {push.connector}: {changes or 'nothing to change'}.")


def measure(context: Context, run: ScheduledRun) -> StepResult:
    """Measure what a campaign caused."""
    document = measure_campaign(context, required_text_of(run, "campaign"), so_far=flag_of(run, "so_far")).document
    return StepResult(document.arms.customers, document.words.headline)


def experiment(context: Context, run: ScheduledRun) -> StepResult:
    """Analyse an experiment whose file was sent; the file is deleted once it was read, whatever it says."""
    path = uploaded_file(context, required_text_of(run, "upload"))
    direction = text_of(run, "direction")
    asked_for = ExperimentFile(
        path=path,
        treatment=required_text_of(run, "treatment"),
        outcome=required_text_of(run, "outcome"),
        control=text_of(run, "control"),
        treated=text_of(run, "treated"),
        is_unwanted=None if direction is None else direction == "unwanted",
        customer=text_of(run, "customer"),
        group=text_of(run, "group"),
        strata=text_of(run, "strata"),
        exclude=texts_of(run, "exclude"),
        value=amount_of(text_of(run, "value")),
        cost=amount_of(text_of(run, "cost")),
        incentive=amount_of(text_of(run, "incentive")),
        planned_share=number_of(run, "planned_share"),
        options=options_of(texts_of(run, "options")),
        name=text_of(run, "name"),
        shown_as=required_text_of(run, "file"),
    )
    try:
        document = analyse_experiment(context, asked_for).document
    except (ConfigError, ContractBroken, CampaignError):
        path.unlink(missing_ok=True)  # trying again would say the same
        raise
    path.unlink(missing_ok=True)
    return StepResult(document.counts.compared, document.words.headline)


def monitor(context: Context, run: ScheduledRun) -> StepResult:
    """Look for drift and decay as of a day."""
    document = monitor_model(context, day_of(run, "date")).document
    return StepResult(len(document.findings), document.summary)


def figures(context: Context, run: ScheduledRun) -> StepResult:
    """Mail the figures that people want each month, for the month of the run's date."""
    mailed = mail_figures(context, run.logical_date or context.in_company_time().today)
    if mailed.failures:
        raise mailed.failures[0]  # the others were sent; it is tried again
    mails = "1 mail" if mailed.sent == 1 else f"{mailed.sent:,} mails"
    return StepResult(mailed.sent, f"Figures were sent in {mails}." if mailed.sent else "No figures were to be mailed.")


def report(context: Context, run: ScheduledRun) -> StepResult:
    """Write the report of a month, that asked for or the one before the date of the run, and mail it to who is named."""
    month = text_of(run, "month")
    if month is None and run.logical_date is not None:
        month = f"{run.logical_date.replace(day=1) - timedelta(days=1):%Y-%m}"
    published = publish_report(context, month, language=text_of(run, "language"))
    announce_report(context, published)
    mailed = mail_report(context, published)
    names = ", ".join(sorted(path.name for path in published.files.values()))
    sentence = f"The report of {published.month} is written: {names}."
    return StepResult(None, f"{sentence} Mailed to {mailed}." if mailed else sentence)
