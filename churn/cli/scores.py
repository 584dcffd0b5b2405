"""Commands about scores: score, explain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from churn.cli.common import Session, command, read_date
from churn.cli.options import DAY
from churn.cli.tables import facts, percent, table
from churn.views.customer_risk import explain_customer
from churn.views.months_ahead import months_ahead
from churn.views.scored_customer import ScoredCustomer, ShownReason, no_money
from churn.wording import money
from churn.workflows.score import score_customers


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app)(score)
    command(app)(explain)


def score(
    session: Session,
    date: Annotated[
        str | None, typer.Option(metavar=DAY, help="Score as of this day. Default: the day after the newest fact.")
    ] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar=DAY, help="First day of a backfill.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar=DAY, help="Last day of a backfill.")] = None,
) -> None:
    """Score every customer as of a date, with reasons, and publish the risk list."""
    results = score_customers(
        session.context,
        snapshot_date=read_date(date, "--date"),
        from_date=read_date(from_, "--from"),
        to_date=read_date(to, "--to"),
    )
    runs = [
        {
            "snapshot_date": r.snapshot_date,
            "model_version": r.model_version,
            "run_id": r.run_id,
            "customers": r.customers,
            "bands": r.bands,
            "listed": r.listed,
            "turnover": r.turnover,
            "mean_probability": r.mean_probability,
            "is_published": r.is_published,
            "seconds": round(r.seconds, 3),
        }
        for r in results
    ]

    def render() -> None:
        rows = [
            (
                r.snapshot_date,
                f"{r.customers:,}",
                *(f"{r.bands[b]:,}" for b in r.bands),
                percent(r.mean_probability),
                percent(r.turnover),
                "yes" if r.is_published else "history only",
                f"{r.seconds:.1f} s",
            )
            for r in results
        ]
        table(
            f"Scored with {results[-1].model_version}",
            ["as of", "customers", *results[-1].bands, "mean risk", "left the list", "published", "took"],
            rows,
            right=list(range(1, 8)),
        )

    session.show(runs[0] if len(runs) == 1 else {"runs": runs, **runs[-1]}, render)


def explain(
    session: Session, customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id.")]
) -> None:
    """Show one customer's score, the reasons for it, and what changed since the last run."""
    risk = explain_customer(session.context, customer)
    currency = session.context.settings.business.currency

    def render() -> None:
        change = "" if risk["change"] is None else f", {100 * risk['change']:+.1f} points since the run before"
        facts(
            [
                ("customer", risk["customer_id"]),
                (
                    "churn probability",
                    f"{percent(risk['churn_probability'])} ({risk['risk_band']}, percentile {risk['percentile']:.0f}){change}",
                ),
                *_by_cause(risk),
                *_ahead(risk),
                (
                    "expected profit",
                    no_money(risk["model_version"])
                    if risk["expected_profit"] is None
                    else f"{money(risk['expected_profit'], currency)} if contacted; a save is worth {money(risk['value_of_save'], currency)}",
                ),
                (
                    "as of",
                    f"{risk['snapshot_date']}, {risk['model_version']}"
                    + (f"  STALE: {risk['stale_reason']}" if risk["is_stale"] else ""),
                ),
            ]
        )
        _show_reasons("Why", risk["reasons"])
        if risk["change_reasons"]:
            _show_reasons("What changed", risk["change_reasons"])

    session.show(risk, render)


def _by_cause(risk: ScoredCustomer) -> list[tuple[str, str]]:
    voluntary, involuntary = risk["voluntary_probability"], risk["involuntary_probability"]
    if voluntary is None or involuntary is None:
        return []
    return [("by cause", f"{percent(voluntary)} canceling, {percent(involuntary)} lost to a failed payment")]


def _ahead(risk: ScoredCustomer) -> list[tuple[str, str]]:
    ahead = months_ahead(risk)
    if ahead is None:
        return []
    after = f"Kept from leaving now, worth {ahead.months_after_save:.1f} months of margin, two years ahead at most."
    return [("months ahead", f"{ahead.sentence} {after}")]


def _show_reasons(title: str, reasons: Sequence[ShownReason]) -> None:
    rows = [
        (f"{100 * r['points']:+.1f}", r["text"], "can be acted on" if r["is_actionable"] else "context")
        for r in reasons
    ]
    table(title, ["points", "reason", ""], rows, right=[0])
