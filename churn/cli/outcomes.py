"""Commands `outcomes` and `measure`: what happened to the customers of campaigns, and what the campaigns caused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from churn.cli.common import Session, command
from churn.cli.measurement_view import show, show_ledger
from churn.cli.options import LanguageOption
from churn.cli.tables import facts, line, table
from churn.errors import ConfigError
from churn.views.outcomes import list_outcomes, rejected_outcomes
from churn.views.save_ledger import read_ledger
from churn.workflows.measure import (
    RecordedOutcomes,
    check_ending,
    import_outcomes,
    measure_campaign,
    open_alarms,
    pull_outcomes,
    write_measurement,
)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(
        name="outcomes",
        help="What happened to the customers of campaigns: contacted, accepted, lost, ...; from files and CRMs.",
        no_args_is_help=True,
    )
    command(group, "import")(import_file)
    command(group, "pull")(pull)
    command(group, "list")(show_list)
    command(group, "rejected")(rejected)
    app.add_typer(group)
    command(app)(measure)


def import_file(
    session: Session,
    *,
    file: Annotated[
        Path,
        typer.Argument(help="CSV, Parquet or JSON with customer_id, campaign, event_id, kind, occurred_at (UTC)."),
    ],
    campaign: Annotated[
        str | None, typer.Option(help="The campaign of every row, where the file has no such column.")
    ] = None,
) -> None:
    """Take in outcomes from a file. The same file again adds nothing.

    Kinds: contacted, delivered, accepted, declined, canceled, unsubscribed, lost, won. Rows that cannot be taken are
    kept with the reason: `churn outcomes rejected`.
    """
    _show(session, import_outcomes(session.context, file, campaign=campaign))


def pull(
    session: Session,
    *,
    connector: Annotated[str, typer.Argument(help="A section [connectors.NAME] of churn.toml.")],
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Read everything again; what is known is not counted twice.")
    ] = False,
) -> None:
    """Take in outcomes from a CRM: what it has to tell since the last time."""
    _show(session, pull_outcomes(session.context, connector, from_start=from_start))


def show_list(
    session: Session,
    *,
    campaign: Annotated[str | None, typer.Option(help="Only those of this campaign.")] = None,
    top: Annotated[int, typer.Option(min=1, max=100_000, help="How many events to show.")] = 20,
) -> None:
    """Count the outcomes by campaign and kind, and show the newest."""
    listed = list_outcomes(session.context, campaign=campaign, limit=top)

    def render() -> None:
        if not listed.counts:
            line("No outcomes yet. Take some in with `churn outcomes import` or `churn outcomes pull`.")
        else:
            rows = [(count.campaign or "(none)", count.kind, count.events, count.matched) for count in listed.counts]
            table("Outcomes", ["campaign", "kind", "events", "of those assigned"], rows, right=[2, 3])
            names = ("occurred_at", "campaign", "customer_id", "kind", "event_id", "source")
            table("Newest", names, [[getattr(event, name) for name in names] for event in listed.events])
        if listed.rejected:
            line(f"{listed.rejected:,} rows could not be taken: `churn outcomes rejected`.")

    session.show(listed.as_json(), render)


def rejected(
    session: Session,
    *,
    out: Annotated[Path | None, typer.Option(help="File to write them to: .csv, .parquet or .xlsx.")] = None,
    top: Annotated[int, typer.Option(min=1, max=100_000, help="How many to show.")] = 20,
) -> None:
    """Show or write the rows that could not be taken, each with its reason. Mended, they can be imported again."""
    listed = rejected_outcomes(session.context, out=out, limit=top)

    def render() -> None:
        if not listed.rejected:
            line("Every outcome could be taken.")
            return
        names = ("customer_id", "campaign", "event_id", "kind", "occurred_at", "reason", "source", "row_number")
        table("Rejected outcomes", names, [[getattr(row, name) for name in names] for row in listed.rows])
        if out is not None:
            line(f"Wrote {out}")

    session.show(listed.as_json(), render)


def measure(
    session: Session,
    *,
    campaign: Annotated[
        str | None, typer.Argument(help="The campaign. Without: the save ledger of all, planned against measured.")
    ] = None,
    so_far: Annotated[
        bool, typer.Option("--so-far", help="Measure those whose window has closed; leave the others out.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="File to write: .html (a page), .json, .csv (the effects), or .xlsx (tables).")
    ] = None,
    language: LanguageOption = None,
) -> None:
    """Say what a campaign caused: customers kept, money earned, how sure that is, and what its plan had promised.

    Compares those chosen for contact with those left alone by chance. Before every window has closed there is no
    verdict, and the command says when there will be.
    """
    if out is not None:
        check_ending(out)
    if campaign is None:
        if out is not None or so_far:
            raise ConfigError("name a campaign", where="churn measure", remedy="Write `churn measure CAMPAIGN`.")
        rows = read_ledger(session.context)
        alarms = open_alarms(session.context)
        document = {
            "campaigns": [row.as_json() for row in rows],
            "alarms": [{"campaign": alarm.subject, "message": alarm.message} for alarm in alarms],
        }
        session.show(document, lambda: show_ledger(rows, alarms))
        return
    measured = measure_campaign(session.context, campaign, so_far=so_far)
    with session.context.speaking(language):
        written = None if out is None else write_measurement(measured.document, out, home=session.context.settings.home)

    def render() -> None:
        show(measured.document)
        if written is not None:
            line(f"Wrote {written}")

    session.show({**measured.document.as_json(), "measurement_id": measured.measurement_id, "file": written}, render)


def _show(session: Session, recorded: RecordedOutcomes) -> None:
    def render() -> None:
        facts(_counted(recorded))
        _examples("Could not be taken", [asdict(example) for example in recorded.examples])
        _examples("About nobody in that campaign", [asdict(example) for example in recorded.unmatched_examples])

    session.show(asdict(recorded), render)


def _counted(recorded: RecordedOutcomes) -> list[tuple[str, str]]:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(recorded.kinds.items()))
    rows = [
        ("read", f"{recorded.read:,} events of {recorded.source}" + (f": {kinds}" if kinds else "")),
        ("new", f"{recorded.new:,}"),
        ("known before", f"{recorded.known:,}, not counted twice"),
    ]
    if recorded.unmatched:
        rows.append(("unmatched", f"{recorded.unmatched:,} about nobody assigned to that campaign; kept"))
    if recorded.before_assignment:
        rows.append(("too early", f"{recorded.before_assignment:,} from before the assignment; kept, not measured"))
    if recorded.rejected:
        reasons = "; ".join(f"{count:,} {reason}" for reason, count in recorded.reasons.items())
        rows.append(("rejected", f"{recorded.rejected:,}: {reasons}. See `churn outcomes rejected`."))
    return rows


def _examples(title: str, rows: Sequence[Mapping[str, object]]) -> None:
    if rows:
        names = list(rows[0])
        table(title, names, [[row[name] for name in names] for row in rows])
