"""Commands about programmes: how they stand, their rounds, and approving or rejecting a draft."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from churn.campaigns.programme_words import height_words
from churn.campaigns.programmes import load_programme
from churn.cli.campaigns import show_archived, show_restored
from churn.cli.common import Session, command
from churn.cli.programme_view import show_programme_page, show_round
from churn.cli.tables import line, table
from churn.views.programmes import list_programmes, programme_round, show_programme
from churn.workflows.approve import approve_round, reject_round
from churn.workflows.foresee import evaluate_policy, foresee_programme

_Programme = Annotated[str, typer.Argument(help="The programme's name.")]
_Why = Annotated[str | None, typer.Option(help="Kept with this version of the programme.")]
_Note = Annotated[str | None, typer.Option("--note", help="Why, for the record.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    programmes = typer.Typer(
        help="Programmes as defined in programmes/*.toml: offers that compete for the same customers.",
        no_args_is_help=True,
    )
    command(programmes, "list")(list_)
    command(programmes)(show)
    command(programmes)(approve)
    command(programmes)(reject)
    command(programmes, "archive")(archive_)
    command(programmes, "restore")(restore_)
    command(programmes)(height)
    command(programmes)(evaluate)
    app.add_typer(programmes, name="programmes")


def list_(
    session: Session,
    archived: Annotated[bool, typer.Option("--archived", help="Those that are archived instead.")] = False,
) -> None:
    """List the programmes: which offers compete, how the newest round stands, and what waits for approval."""
    rows = list_programmes(session.context, archived=archived)

    def render() -> None:
        if not rows and archived:
            line("No programme is archived.")
            return
        if not rows:
            line("No programme yet: write programmes/keep.toml in the home, or run `churn init` for an example.")
            return
        table(
            "Programmes",
            ["name", "title", "offers", "cadence", "newest round", "contacted"],
            [
                (
                    row.name,
                    row.error or row.title,
                    ", ".join(row.offers),
                    (row.cadence or "").replace("_", " "),
                    "never planned"
                    if row.newest_round is None
                    else f"{row.newest_round}, {row.state}, of {row.snapshot_date}",
                    f"{row.contacted:,}",
                )
                for row in rows
            ],
            right=[5],
        )
        for row in rows:
            if row.waiting is not None:
                line(f"Round {row.waiting} of `{row.name}` waits: `churn programmes approve {row.name}`.")

    session.show({"programmes": [row.as_json() for row in rows]}, render)


def show(
    session: Session,
    programme: _Programme,
    number: Annotated[int | None, typer.Option("--round", help="Show this round whole. Default: the newest.")] = None,
) -> None:
    """Show one programme: its rounds, what they cost and brought, what is believed of each offer, and the newest round."""
    if number is not None:
        planned = programme_round(session.context, programme, number)
        session.show(planned.result.as_json(), lambda: show_round(planned.result))
        return
    shown = show_programme(session.context, programme)
    session.show(shown.as_json(), lambda: show_programme_page(shown))


def approve(
    session: Session,
    programme: _Programme,
    number: Annotated[int | None, typer.Option("--round", help="Which draft. Default: the newest.")] = None,
    note: _Note = None,
) -> None:
    """Approve a draft: its customers are assigned, and from then on pushed and measured."""
    published = approve_round(session.context, programme, number, who=getpass.getuser(), note=note)
    document = {
        "programme": programme,
        "round": published.round.round,
        "state": "approved",
        "treatment": published.treatment,
        "holdout": published.holdout,
        "left_out": published.left_out,
        "campaigns": [offer.campaign for offer in published.round.result.offers],
    }

    def render() -> None:
        line(
            f"Round {published.round.round} of `{programme}` is approved: {published.treatment:,} to contact, "
            f"{published.holdout:,} held out."
        )
        if published.left_out:
            line(
                f"{published.left_out:,} were left out: they objected, left, came into another campaign or were contacted meanwhile."
            )
        line("Push it: " + ", ".join(f"`churn sync {offer.campaign}`" for offer in published.round.result.offers))

    session.show(document, render)


def reject(
    session: Session,
    programme: _Programme,
    number: Annotated[int | None, typer.Option("--round", help="Which draft. Default: the newest.")] = None,
    note: _Note = None,
) -> None:
    """Reject a draft: nobody of it is assigned."""
    decided = reject_round(session.context, programme, number, who=getpass.getuser(), note=note)
    document = {"programme": programme, "round": decided.round, "state": decided.state, "note": decided.note}
    session.show(document, lambda: line(f"Round {decided.round} of `{programme}` is rejected: nobody is assigned."))


def archive_(session: Session, programme: _Programme, why: _Why = None) -> None:
    """Archive a programme: hidden, planned and pushed no more. Its rounds are measured, and their reports stay."""
    show_archived(session, "programmes", programme, why)


def restore_(session: Session, programme: _Programme, why: _Why = None) -> None:
    """Bring an archived programme back, as it was."""
    show_restored(session, "programmes", programme, why)


def height(
    session: Session,
    programme: _Programme,
    months: Annotated[int, typer.Option(min=1, max=24, help="Months in which it shall pay back.")] = 12,
) -> None:
    """Say before it starts whether its audience is large enough to learn the offers apart, to prove itself and to pay back."""
    context = session.context
    document = foresee_programme(context, programme, months=months)
    definition = load_programme(context.settings.home, programme)

    def render() -> None:
        for sentence in height_words(document, definition, context.settings.business.currency):
            line(sentence)

    session.show(document.as_json(), render)


def evaluate(
    session: Session,
    programme: _Programme,
    policy: Annotated[
        str, typer.Option(help="plan, greedy, leave_alone, logged (what was done), or the name of an offer.")
    ] = "plan",
    against: Annotated[str, typer.Option(help="The policy that it is compared with, or none.")] = "logged",
) -> None:
    """Say what another policy would have earned in the rounds that are over, from the logged probabilities."""
    evaluated = evaluate_policy(session.context, programme, policy, against=None if against == "none" else against)

    def render() -> None:
        for sentence in evaluated.sentences:
            line(sentence)

    session.show(evaluated.as_json(), render)
