"""A home in which the figures of two plans were published, and which mails by a server on loopback."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import polars as pl

from churn.bootstrap import build_context
from churn.config import load_settings
from churn.context import Context
from churn.documents.published import PublishedTables
from tests.jobs.notify.mail import mailing


def published(home: Path, port: int = 1) -> Context:
    """Return a home whose figures were published, and which mails through `port`."""
    context = mailing_context(build_context(settings=load_settings(config=None, home=home, environ={})), port)
    publish_figures(context)
    return context


def mailing_context(context: Context, port: int) -> Context:
    """Return a context that mails through `port`."""
    alerts = context.settings.alerts.model_validate(mailing(port, email_to=["ops@company.example"]))
    return replace(context, settings=context.settings.model_copy(update={"alerts": alerts}))


def publish_figures(context: Context) -> None:
    """Publish six months of two plans: a customer in 100 leaves, of the premium plan one in 50."""
    rows = []
    for month in range(1, 7):
        for segment, value, customers, lost in (
            ("all", "all", 300, 4),
            ("plan", "basic", 200, 2),
            ("plan", "premium", 100, 2),
        ):
            rows.append(
                {
                    "segment": segment,
                    "value": value,
                    "month": date(2026, month, 1),
                    "customers": customers,
                    "won": lost,
                    "voluntary_churners": lost,
                    "involuntary_churners": 0,
                    "other": 0,
                    "monthly_revenue": 10.0 * customers,
                    "monthly_revenue_won": 10.0 * lost,
                    "monthly_revenue_lost": 10.0 * lost,
                    "monthly_revenue_other": 0.0,
                }
            )
    folder = context.settings.tables_path / "t1"
    folder.mkdir(parents=True)
    pl.DataFrame(rows).write_parquet(folder / "months_by_segment.parquet")
    at = datetime(2026, 7, 1, 4)
    document = PublishedTables(published_at=at, data_cutoff=at, currency="USD", tables=())
    (folder / "tables.json").write_text(json.dumps(document.as_json()), encoding="utf-8")
    (context.settings.tables_path / "current").write_text("t1", encoding="utf-8")
