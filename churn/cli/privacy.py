"""Commands for people's rights: hand out, erase, object."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from churn.cli.common import Session, command
from churn.cli.tables import line, table
from churn.errors import ConfigError
from churn.workflows.privacy import erase_customers, export_customer, object_by_list, object_to_marketing

if TYPE_CHECKING:
    from churn.workflows.privacy import ErasedCustomer


_REMOTE_FAILED = 6  # as ConnectorError
_WHO = "command line"
_Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id, as your data write it.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    privacy = typer.Typer(help="People's rights: export, erase, object to marketing.", no_args_is_help=True)
    command(privacy)(export)
    command(privacy)(erase)
    command(privacy, "object")(object_)
    app.add_typer(privacy, name="privacy")


def export(
    session: Session,
    customer: _Customer,
    out: Annotated[Path | None, typer.Option(help="Write the document there, readable by you alone.")] = None,
) -> None:
    """Hand out everything held about a customer: data, features, scores, campaigns, pushes, files.

    With --out a JSON file, with --json on standard output; otherwise only what there is and how much of it.
    """
    document = export_customer(session.context, customer, who=_WHO, out=out)

    def render() -> None:
        table(f"Held about {customer}", ["where", "what", "rows"], _counted(document["counts"]))
        line(f"Written to {out}." if out else "--out FILE writes it, --json prints it.")

    session.show(document, render)


def erase(
    session: Session,
    customers: Annotated[list[str], typer.Argument(metavar="CUSTOMER...", help="One id or several.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase customers for good: remote lists, warehouse, store, serving files, reports, logs.

    The warehouse is written anew once, so several ids take hardly longer than one. A salted hash of each id stays, so
    that the next load does not bring them back. Your source files and backups are yours to clean. A remote system that
    does not answer is tried again daily; until then the exit code is 6.
    """
    named = customers[0] if len(customers) == 1 else f"{len(customers):,} customers"
    _confirm(session, f"Erase everything held about {named}? This cannot be undone.", is_sure=yes)
    erased = erase_customers(session.context, customers, who=_WHO)

    def render() -> None:
        for customer, erased_customer in zip(dict.fromkeys(customers), erased, strict=True):
            if len(erased) > 1:
                line(f"{customer}:")
            _show_erased(erased_customer)

    documents = [erased_customer.document() for erased_customer in erased]
    session.show(documents[0] if len(erased) == 1 else {"erased": documents}, render)
    if any(erased_customer.waiting for erased_customer in erased):
        raise typer.Exit(_REMOTE_FAILED)


def _show_erased(erased: ErasedCustomer) -> None:
    rows = _counted(erased.removed)
    if rows:
        table("Erased", ["where", "what", "rows"], rows)
    else:
        line("Erased before; nothing of them was left.")
    for withdrawal in erased.withdrawals:
        line(_told(withdrawal.connector, withdrawal.campaign, withdrawal.error))
    for file in erased.told_in:
        line(f"{file} tells the reader of the list to empty the record; retention removes it.")


def object_(
    session: Session,
    customer: Annotated[
        str | None, typer.Argument(metavar="CUSTOMER", help="The customer's id, as your data write it.")
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", help="A list of those who object, by id or e-mail address: one a line, or CSV."
        ),
    ] = None,
) -> None:
    """Note that customers object to marketing: effective at once, in every campaign and list, for good.

    --from takes the list of a mailing tool's unsubscribed or blocked addresses; everybody on it objects. Whoever is on
    a list of a remote system is taken off it; one that does not answer is tried again daily, and until then the exit
    code is 6.
    """
    if (customer is None) == (from_ is None):
        remedy = "Name one: `churn privacy object C0012345`, or `--from FILE`."
        raise ConfigError("needs a customer or a file", where="churn privacy object", remedy=remedy)
    if from_ is not None:
        _object_list(session, from_)
    if customer is None:
        return
    objection = object_to_marketing(session.context, customer, who=_WHO)
    document = {
        "customer_id": customer,
        "objected_at": objection.objected_at,
        "is_new": objection.is_new,
        "state": "waiting" if objection.waiting else "done",
        "withdrawals": [withdrawal.document() for withdrawal in objection.withdrawals],
    }

    def render() -> None:
        known = "" if objection.is_new else f" Known since {objection.objected_at:%Y-%m-%d}."
        line(f"No campaign takes {customer} in any more, and no list names them.{known}")
        for withdrawal in objection.withdrawals:
            line(_told(withdrawal.connector, withdrawal.campaign, withdrawal.error))

    session.show(document, render)
    if objection.waiting:
        raise typer.Exit(_REMOTE_FAILED)


def _object_list(session: Session, path: Path) -> None:
    listed = object_by_list(session.context, path, who=_WHO)
    document = {
        "named": listed.named,
        "objected": len(listed.objected),
        "known": listed.known,
        "strangers": listed.strangers,
        "waiting": listed.waiting,
    }

    def render() -> None:
        line(f"{listed.named:,} on the list. New objections: {len(listed.objected):,}; known before: {listed.known:,}.")
        if listed.strangers:
            line(f"Addresses of no customer: {listed.strangers:,}. They are found by `email` of [sources.customers].")
        if listed.waiting:
            line(f"{listed.waiting:,} are still on a list that does not answer: tried again by the retention job.")

    session.show(document, render)
    if listed.waiting:
        raise typer.Exit(_REMOTE_FAILED)


def _counted(parts: dict[str, dict[str, int]]) -> list[tuple[str, str, str]]:
    return [(part, name, f"{count:,}") for part, held in parts.items() for name, count in sorted(held.items())]


def _told(connector: str, campaign: str, error: str | None) -> str:
    if error is None:
        return f"Taken off {campaign} in {connector}."
    return f"Still on {campaign} in {connector}: {error} Tried again by the retention job, or by this command."


def _confirm(session: Session, question: str, *, is_sure: bool) -> None:
    if is_sure:
        return
    session.progress.close()
    if session.as_json or not _is_terminal():
        raise ConfigError("erasing cannot be undone", where="churn privacy erase", remedy="Say --yes.")
    typer.confirm(question, abort=True)


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
