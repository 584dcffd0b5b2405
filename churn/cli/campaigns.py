"""Commands about campaigns: their definitions, and planning them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from churn.accounts.scopes import COMMAND_LINE
from churn.campaigns.history import KeptFolder
from churn.campaigns.reading import Complaint
from churn.cli.common import Session, command, read_date
from churn.cli.options import DAY
from churn.cli.plan_view import show as show_plan
from churn.cli.programme_view import show_round
from churn.cli.tables import facts, line, table
from churn.documents.document import Document
from churn.errors import ConfigError
from churn.views.campaigns import ListedCampaign, list_campaigns, show_campaign
from churn.workflows.define import (
    ListStanding,
    Saving,
    archive,
    give_customer_list,
    read_list_file,
    restore,
    validate_campaigns,
)
from churn.workflows.plan import PlanRequest, plan_campaigns


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    definitions = typer.Typer(help="Campaigns as defined in campaigns/*.toml.", no_args_is_help=True)
    command(definitions, "list")(list_)
    command(definitions)(show)
    command(definitions)(validate)
    command(definitions)(audience)
    command(definitions, "archive")(archive_)
    command(definitions, "restore")(restore_)
    app.add_typer(definitions, name="campaigns")
    command(app)(plan)


def list_(
    session: Session,
    archived: Annotated[bool, typer.Option("--archived", help="Those that are archived instead.")] = False,
) -> None:
    """List the campaigns: those that ship and those of the home, with who is assigned."""
    rows = list_campaigns(session.context, archived=archived)

    def render() -> None:
        table(
            "Campaigns",
            ["name", "title", "channel", "profit model", "contacted", "held out", "last plan"],
            [
                (
                    row.name,
                    row.error or row.title,
                    row.channel,
                    row.profit_model,
                    f"{row.treatment:,}",
                    f"{row.holdout:,}",
                    _when(row),
                )
                for row in rows
            ],
            right=[4, 5],
        )

    session.show({"campaigns": [row.as_json() for row in rows]}, render)


def _when(row: ListedCampaign) -> str:
    if row.planned_at is None:
        return "never"
    return f"{row.planned_at:%Y-%m-%d}" + (", changed since" if row.is_changed_since else "")


def show(session: Session, campaign: Annotated[str, typer.Argument(help="The campaign's name.")]) -> None:
    """Show one campaign: its definition, and its plans so far."""
    shown = show_campaign(session.context, campaign)

    def render() -> None:
        definition = shown.definition
        facts([("campaign", f"{definition.title} ({shown.name})"), ("file", shown.file)])
        sections: dict[str, Document] = {
            "audience": definition.audience,
            "offer": definition.offer,
            "limits": definition.limits,
            "holdout": definition.holdout,
            "crm": definition.crm,
        }
        for title, section in sections.items():
            rows = [(key, value) for key, value in section.as_json().items() if value not in (None, {}, "")]
            table(title, ["key", "value"], [(key, _written(value)) for key, value in rows])
        facts(
            [
                ("outcome window", f"{shown.window_days} days"),
                ("assigned", f"{shown.treatment:,} contacted, {shown.holdout:,} held out"),
                ("definition", shown.definition_hash[:12]),
            ]
        )
        if shown.plans:
            plans = [
                (plan.plan_id, plan.snapshot_date, plan.profit_model, "as now" if plan.is_same_definition else "older")
                for plan in shown.plans
            ]
            table("Plans", ["plan", "as of", "profit model", "definition"], plans)

    session.show(shown.as_json(), render)


def _written(value: JsonValue) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{ours} -> {theirs}" for ours, theirs in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def validate(
    session: Session,
    campaigns: Annotated[list[str] | None, typer.Argument(metavar="CAMPAIGN", help="Default: all.")] = None,
) -> None:
    """Find everything wrong with the campaigns' files: file, line, what, and what to do. Changes nothing."""
    review = validate_campaigns(session.context, tuple(campaigns or ()))
    document = {
        "campaigns": sorted(review.files),
        "complaints": complaint_rows(review.complaints),
        "is_valid": not review.complaints,
        "warnings": review.warnings,
    }

    def render() -> None:
        show_complaints(len(review.files), review.complaints)
        for warning in [] if review.complaints else review.warnings:  # first what is wrong
            line(f"Warning: {warning}")

    session.show(document, render)
    if review.complaints:
        raise typer.Exit(2)


def audience(
    session: Session,
    campaign: Annotated[str, typer.Argument(help="The campaign's name.")],
    file: Annotated[Path, typer.Argument(help="Ids, one a line, or a CSV file with a column customer_id.")],
    why: Annotated[str | None, typer.Option(help="Kept with this version of the campaign.")] = None,
) -> None:
    """Make the customers of a list the audience of a campaign; its other conditions hold for them too."""
    saving = Saving(COMMAND_LINE, why or f"Audience from {file.name}")
    standing, kept = give_customer_list(session.context, campaign, read_list_file(file), saving, where=str(file))
    document = {
        "campaign": campaign,
        "customer_list": standing.name,
        "customers": standing.customers,
        "scored": standing.scored,
        "unscored_examples": list(standing.unknown),
        "repeated": standing.repeated,
        "empty": standing.empty,
        "erased": standing.erased,
        "is_changed": kept.is_changed,
    }
    session.show(document, lambda: _show_list(campaign, standing))


def archive_(
    session: Session,
    campaign: Annotated[str, typer.Argument(help="The campaign's name.")],
    why: Annotated[str | None, typer.Option(help="Kept with this version of the campaign.")] = None,
) -> None:
    """Archive a campaign: hidden, planned and pushed no more. Who is assigned stays so; measurement and report stay."""
    show_archived(session, "campaigns", campaign, why)


def restore_(
    session: Session,
    campaign: Annotated[str, typer.Argument(help="The campaign's name.")],
    why: Annotated[str | None, typer.Option(help="Kept with this version of the campaign.")] = None,
) -> None:
    """Bring an archived campaign back, as it was."""
    show_restored(session, "campaigns", campaign, why)


def show_archived(session: Session, folder: KeptFolder, name: str, why: str | None) -> None:
    """Archive a campaign or programme, and say so."""
    kind, day = folder.removesuffix("s"), archive(session.context, folder, name, who=COMMAND_LINE, why=why)
    words = f"`{name}` is archived since {day}. Bring it back: `churn {folder} restore {name}`."
    session.show({kind: name, "archived": day.isoformat()}, lambda: line(words))


def show_restored(session: Session, folder: KeptFolder, name: str, why: str | None) -> None:
    """Bring a campaign or programme back, and say so."""
    kind, is_back = folder.removesuffix("s"), restore(session.context, folder, name, who=COMMAND_LINE, why=why)
    words = f"`{name}` is back." if is_back else f"`{name}` is not archived."
    session.show({kind: name, "archived": None, "is_changed": is_back}, lambda: line(words))


def _show_list(campaign: str, standing: ListStanding) -> None:
    line(f"{standing.customers:,} customers are the audience of {campaign}, as the list {standing.name}.")
    if standing.unscored:
        examples = ", ".join(standing.unknown)
        line(f"{standing.unscored:,} of them without a score (left, or not known): {examples}")
    if standing.scored is None:
        line("Nobody has a score yet: whom of them we know the first scoring will tell.")
    for note in standing.notes:
        line(f"{note}.")


def complaint_rows(complaints: Sequence[Complaint]) -> list[dict[str, object]]:
    """Return complaints as `--json` shows them."""
    return [
        {"campaign": c.campaign, "file": c.file, "line": c.line or None, "what": c.what, "remedy": c.remedy}
        for c in complaints
    ]


def show_complaints(files: int, complaints: Sequence[Complaint]) -> None:
    """Print each complaint on a line, or that there is none."""
    for complaint in complaints:
        line(str(complaint.error()))
    if not complaints:
        line(f"{files} campaigns, nothing wrong.")


def plan(
    session: Session,
    campaigns: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CAMPAIGN", help="Which campaigns; several share the budget and the customers. Or one programme."
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Plan all campaigns together.")] = False,
    date: Annotated[
        str | None, typer.Option(metavar=DAY, help="Plan on the scores of this date. Default: the current list.")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            help="Money for all contacts and incentives, earlier plans of these included; a month's of a programme."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and keep nothing of it.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="File for the assignments: .csv, .parquet; with the whole plan: .xlsx, .json.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws behind the intervals.")] = 7,
    allow_stale: Annotated[bool, typer.Option("--allow-stale", help="Go on with a list marked stale; said.")] = False,
    allow_uncalibrated: Annotated[
        bool,
        typer.Option("--allow-uncalibrated", help="Go on with probabilities that fail the gate; said everywhere."),
    ] = False,
    despite_alarm: Annotated[
        bool, typer.Option("--despite-alarm", help="Go on with a campaign measured to drive customers away; said.")
    ] = False,
) -> None:
    """Decide whom to contact with which offer, whom to hold out, what that should bring, and what it can prove.

    At most one offer per customer, under every limit. Whoever is assigned stays so, however often you plan.
    """
    if bool(campaigns) == every:
        what = "name campaigns or give --all, not both" if every else "name a campaign"
        raise ConfigError(what, where="churn plan", remedy="`churn campaigns list` shows them; --all plans them all.")
    planned = plan_campaigns(
        session.context,
        PlanRequest(
            campaigns=tuple(campaigns or ()),
            snapshot_date=read_date(date, "--date"),
            budget=budget,
            is_dry_run=dry_run,
            allow_stale=allow_stale,
            allow_uncalibrated=allow_uncalibrated,
            despite_alarm=despite_alarm,
            out=out,
            seed=seed,
        ),
    )

    def render() -> None:
        if planned.round is not None:
            show_round(planned.round)
        show_plan(planned.document)

    session.show((planned.round or planned.document).as_json(), render)
