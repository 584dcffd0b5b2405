"""The command `risk-list`. It has a file of its own because it must start fast: it loads no library for frames or models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from churn.cli.common import Session, command
from churn.cli.tables import line, percent, table
from churn.views.current_run import run_facts
from churn.views.risk_list import read_risk_list


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "risk-list")(risk_list)


def risk_list(
    session: Session,
    band: Annotated[
        list[str] | None, typer.Option(help="Only this band (low, medium, high, critical); repeat for more.")
    ] = None,
    top: Annotated[int | None, typer.Option(help="At most this many.")] = None,
    out: Annotated[Path | None, typer.Option(help="File to write, .csv or .parquet.")] = None,
) -> None:
    """Show or write the current risk list, highest expected profit first."""
    shown = top if top is not None or out or session.as_json else 20
    found = read_risk_list(session.context, bands=band, top=shown, out=out)
    customers = found.customers
    document = {**run_facts(found.run), "count": found.count, "file": found.file, "customers": customers}

    def render() -> None:
        if found.run.is_stale:
            line(f"STALE: {found.run.stale_reason}")
        if out:
            line(f"Wrote {found.count:,} customers to {out}.")
            return
        rows = [
            (
                c["customer_id"],
                percent(c["churn_probability"]),
                c["risk_band"],
                f"{c['expected_profit']:,.2f}",
                _top(c["reasons"]),
            )
            for c in customers
        ]
        table(
            f"As of {found.run.snapshot_date}, {found.run.model_version}",
            ["customer", "risk", "band", "expected profit", "why"],
            rows,
            right=[1, 3],
        )

    session.show(document, render)


def _top(reasons: list[dict[str, Any]] | None) -> str:
    return "; ".join(r["text"] for r in (reasons or [])[:2])
