"""The command `risk-list`. It has a file of its own because it must start fast: it loads no library for frames or models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churn.cli.common import Session, command
from churn.cli.tables import line, percent, table
from churn.views.current_run import run_facts
from churn.views.risk_list import read_risk_list
from churn.views.scored_customer import ScoredCustomer, ShownReason, no_money
from churn.wording import money


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "risk-list")(risk_list)


def risk_list(
    session: Session,
    band: Annotated[
        list[str] | None, typer.Option(help="Only this band (low, medium, high, critical); repeat for more.")
    ] = None,
    top: Annotated[int | None, typer.Option(help="At most this many.")] = None,
    out: Annotated[Path | None, typer.Option(help="File to write: .csv, .parquet or .xlsx.")] = None,
) -> None:
    """Show or write the current risk list, highest expected profit first."""
    shown = top if top is not None or out or session.as_json else 20
    listed = read_risk_list(session.context, bands=band, top=shown, out=out)
    customers = listed.customers
    document = {**run_facts(listed.run), "count": listed.count, "file": listed.file, "customers": customers}

    def render() -> None:
        if listed.run.is_stale:
            line(f"STALE: {listed.run.stale_reason}")
        if not listed.tells_money:
            line(no_money(listed.run.model_version))
        if out:
            line(f"Wrote {listed.count:,} customers to {out}.")
            return
        if not customers:
            whose = " or ".join(band) if band else "high or critical"
            line(f"As of {listed.run.snapshot_date}, {listed.run.model_version}: nobody is at {whose} risk.")
            if not band:
                line("`churn risk-list --band medium --band low --top 20` shows the others.")
            return
        currency = session.context.settings.business.currency
        has_months = any(customer["months_kept"] is not None for customer in customers)
        has_buying = any(customer["alive_probability"] is not None for customer in customers)
        has_offers = any(customer["next_best_offer"] is not None for customer in customers)
        rows = [
            (
                customer["customer_id"],
                percent(customer["churn_probability"]),
                customer["risk_band"],
                "-"
                if customer["expected_profit"] is None
                else money(customer["expected_profit"], currency, cents=True),
                *([_months(customer)] if has_months else []),
                *([percent(customer["alive_probability"])] if has_buying else []),
                *([customer["next_best_offer"] or "-"] if has_offers else []),
                _top(customer["reasons"]),
            )
            for customer in customers
        ]
        table(
            f"As of {listed.run.snapshot_date}, {listed.run.model_version}",
            [
                "customer",
                "risk",
                "band",
                "expected profit",
                *(["months of 12"] if has_months else []),
                *(["still buys"] if has_buying else []),
                *(["next best offer"] if has_offers else []),
                "why",
            ],
            rows,
            right=[1, 3, 4] if has_months else [1, 3],
        )

    session.show(document, render)


def _months(customer: ScoredCustomer) -> str:
    kept = customer["months_kept"]
    return "-" if kept is None else f"{kept:.1f}"


def _top(reasons: list[ShownReason]) -> str:
    return "; ".join(reason["text"] for reason in reasons[:2])
