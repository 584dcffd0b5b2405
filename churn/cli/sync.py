"""Commands that keep a CRM in step: sync CAMPAIGN, and sync status, retry, withdraw."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from churn.cli.common import Session, command
from churn.cli.tables import line, table
from churn.crm.preview import SampleRow
from churn.views.sync import RejectedRows, SyncStatus, rejected_rows, sync_status
from churn.workflows.sync import SyncOptions, SyncResult, check_sync, retry_rejected, sync_crm, withdraw_campaign

PUSH = "push"
_PARTIAL = "partial"  # the state of a push after which some rows are refused or may not have arrived
_NOT_ALL_OF_IT = 6  # as ConnectorError
_SHOWN = 5  # rows of a dry run's sample on a terminal; --json has them all
_LONGEST = 40  # characters of a value there
ToOption = Annotated[str | None, typer.Option("--to", help="The connector; the campaign's own if left out.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Pass the guard rails: I have looked.")]


class _CampaignFirst(TyperGroup):
    """`sync CAMPAIGN` is short for `sync push CAMPAIGN`: whatever is no command of the group begins a push."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [PUSH, *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(
        cls=_CampaignFirst,
        no_args_is_help=True,
        help="Push a campaign to a CRM and keep it in step: `churn sync CAMPAIGN --to CONNECTOR`.",
    )
    command(group, PUSH)(push)
    command(group)(check)
    command(group)(status)
    command(group)(retry)
    command(group)(withdraw)
    app.add_typer(group, name="sync")


def push(
    session: Session,
    campaign: Annotated[str, typer.Argument(help="The campaign's name, or `risk-list` for everybody at risk.")],
    to: ToOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Write every record, changed or not.")] = False,
    force: ForceOption = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Push this customer of the list and nobody else; repeat for more."),
    ] = None,
) -> None:
    """Bring a CRM in step with a campaign; `churn sync CAMPAIGN` is enough. Only what changed is written."""
    options = SyncOptions(
        is_dry=dry_run, is_full=full, is_forced=force, only=frozenset(only or ()), who=getpass.getuser()
    )
    result = sync_crm(session.context, campaign, connector=to, options=options)
    _show(session, result)


def check(
    session: Session,
    campaign: Annotated[str, typer.Argument(help="The campaign's name, or `risk-list`.")],
    to: ToOption = None,
    only: Annotated[
        str | None, typer.Option("--only", help="This customer; the first of the list if left out.")
    ] = None,
) -> None:
    """Show one customer as the CRM holds them: record, key, fields, and what a push would write. Writes nothing."""
    checked = check_sync(session.context, campaign, connector=to, customer_id=only)

    def render() -> None:
        records = ", ".join(checked.remote_ids) or "no record"
        rows = [
            (field.ours, field.theirs, field.kind or "-", _short(field.holds), _short(field.would_hold))
            for field in checked.fields
        ]
        table(f"Customer {checked.customer_id}: {records}", ["ours", "theirs", "type", "holds", "would hold"], rows)
        if not checked.remote_ids:
            line(
                "Nobody there carries the key: mode update would refuse the row, upsert and insert would make a record."
            )
        if len(checked.remote_ids) > 1:
            line("Several records carry the key: the row would be refused until there is one.")

    session.show(checked, render)


def status(
    session: Session,
    campaign: Annotated[str | None, typer.Argument(help="Only this campaign.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Only this connector.")] = None,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="The rows that are refused, in the CRM's words.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="With --rejected: file to write, .csv, .parquet or .xlsx.")] = None,
    limit: Annotated[int, typer.Option(help="Runs shown.")] = 20,
) -> None:
    """Show the runs, what each CRM holds of ours, and what it refuses."""
    if rejected or out is not None:
        refused = rejected_rows(session.context, campaign=campaign, connector=to, out=out)
        session.show(refused, lambda: _render_rejected(refused))
        return
    document = sync_status(session.context, campaign=campaign, connector=to, limit=limit)
    session.show(document, lambda: _render_status(document))


def retry(
    session: Session,
    campaign: Annotated[str, typer.Argument(help="The campaign's name.")],
    to: ToOption = None,
    customer: Annotated[list[str] | None, typer.Option(help="Only this customer; repeat for more.")] = None,
    code: Annotated[list[str] | None, typer.Option(help="Only rows refused with this code; repeat for more.")] = None,
    force: ForceOption = False,
) -> None:
    """Send rejected rows again, once the CRM or the data are mended; the rest of the list is kept in step as well."""
    options = SyncOptions(is_forced=force, who=getpass.getuser())
    released, result = retry_rejected(
        session.context, campaign, connector=to, customers=customer, codes=code, options=options
    )
    _show(session, result, released=released)


def withdraw(
    session: Session,
    campaign: Annotated[str, typer.Argument(help="The campaign's name, or `risk-list`.")],
    to: Annotated[str, typer.Option("--to", help="The connector.")],
) -> None:
    """Empty the fields that pushes of a campaign have written, and nothing else."""
    _show(session, withdraw_campaign(session.context, campaign, to, who=getpass.getuser()), is_withdrawal=True)


def _show(session: Session, result: SyncResult, *, is_withdrawal: bool = False, **more: Any) -> None:
    report = result.report
    document = {
        "campaign": result.campaign,
        "connector": result.connector,
        "run_id": report.run_id or None,
        "state": report.state,
        "list_size": result.list_size,
        "left_out": result.left_out,
        "model_version": result.model_version,
        **report.counts,
        "refused": report.refused,
        "skipped": report.skipped,
        "resumed": list(report.resumed),
        "warnings": list(report.warnings),
        "sample": [row.document() for row in report.preview.sample] if report.preview else None,
        "seconds": round(report.seconds, 3),
        **more,
    }

    def render() -> None:
        for run_id in report.resumed:
            line(f"Took up {run_id}, which had been killed.")
        for warning in report.warnings:
            line(f"Would stop: {warning}")
        names = list(report.counts)
        counts = [f"{report.counts[name]:,}" for name in names]
        would = "Would bring" if report.preview else "Brought"
        done = "into step, but not all of it," if report.state == _PARTIAL else "into step"
        title = f"{would} {result.connector} {done} with {result.campaign} ({result.list_size:,} customers)"
        if is_withdrawal:
            not_all = ", but not all of it" if report.state == _PARTIAL else ""
            title = f"Took {result.campaign} back from {result.connector}{not_all}"
        table(title, [*names, "took"], [[*counts, f"{report.seconds:.1f} s"]], right=range(len(names) + 1))
        if result.left_out:
            line("Not on the list: " + ", ".join(f"{count:,} {why}" for why, count in result.left_out.items()) + ".")
        for words in _attention(result):
            line(words)
        if report.preview and report.preview.sample:
            _render_sample(report.preview.sample)

    session.show(document, render)
    if report.state == _PARTIAL:
        raise typer.Exit(_NOT_ALL_OF_IT)


def _attention(result: SyncResult) -> Iterator[str]:
    """Say what is not in step, and what becomes of it."""
    report = result.report
    if refused := report.refused or report.counts.get("reject", 0):
        yield _refused_words(refused, result.connector, is_dry=report.preview is not None)
    if left := report.counts.get("left", 0) + report.counts.get("unknown", 0):
        yield f"ATTENTION: {left:,} rows may not have arrived; the next push looks and sends them again."
    if held := report.skipped.get("held"):
        yield f"{held:,} rows refused before were not sent again: they wait until they change, or for a retry."


def _refused_words(refused: int, connector: str, *, is_dry: bool) -> str:
    """Say that not all went through, and what to do."""
    rows = "1 row" if refused == 1 else f"{refused:,} rows"
    if is_dry:
        return f"ATTENTION: {rows} would be refused by {connector}."
    return (
        f"ATTENTION: {connector} refuses {rows}, and {'it is' if refused == 1 else 'they are'} not in step. See why with "
        "`churn sync status --rejected`, mend it, and send again with `churn sync retry`."
    )


def _render_sample(sample: Sequence[SampleRow]) -> None:
    rows = []
    for row in sample[:_SHOWN]:
        changes = "; ".join(
            f"{change.field}: {_short(change.before)} -> {_short(change.after)}" for change in row.changes
        )
        rows.append((row.customer_id, row.would, row.message or changes))
    table("For example", ["customer", "would", "fields"], rows)


def _short(value: object) -> str:
    text = "-" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _render_rejected(refused: RejectedRows) -> None:
    if refused.file is not None:
        line(f"Wrote {refused.rejected:,} rejected rows to {refused.file}.")
        return
    rows = [
        (row.customer_id, row.campaign, row.connector, row.code, row.field, row.message, row.attempts)
        for row in refused.rows[:50]
    ]
    title = f"{refused.rejected:,} rejected rows"
    table(title, ["customer", "campaign", "connector", "code", "field", "in its words", "attempts"], rows, right=[6])


def _render_status(status: SyncStatus) -> None:
    if not status.runs:
        line("Nothing has been pushed yet: `churn sync CAMPAIGN --to CONNECTOR`.")
        return
    rows = [
        (
            destination.connector,
            destination.campaign,
            f"{destination.records:,}",
            f"{destination.rejected:,}",
            f"{destination.last_in_step_at:%Y-%m-%d %H:%M}" if destination.last_in_step_at else "never",
            "overdue" if destination.is_overdue else "",
        )
        for destination in status.destinations
    ]
    names = ["connector", "campaign", "records", "rejected", "last in step", ""]
    table("What the systems hold of ours", names, rows, right=[2, 3])
    counted = ("created", "updated", "unchanged", "cleared", "rejected")
    runs = [
        (
            run.run_id,
            run.connector,
            run.action,
            run.state,
            *(f"{run.counts.get(name, 0):,}" for name in counted),
            run.error,
        )
        for run in status.runs
    ]
    table("Runs", ["run", "connector", "action", "state", *counted, "error"], runs, right=range(4, 9))
