"""Command `explore`: what the data hold, and who leaves more than others; insights become audience filters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from churn.cli.common import Session, command, read_date
from churn.cli.options import DAY, LanguageOption
from churn.cli.tables import facts, line, percent, table
from churn.errors import ConfigError
from churn.views.insights import latest_insights
from churn.workflows.explore import ExploreResult, explore_data


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app)(explore)


def explore(
    session: Session,
    date: Annotated[
        str | None, typer.Option(metavar=DAY, help="As of this day: only what was known then counts. Default: the end.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Page to write, .html, with the JSON beside it; or the tables, .xlsx.")
    ] = None,
    language: LanguageOption = None,
    as_filter: Annotated[
        int | None,
        typer.Option(
            "--as-filter", metavar="N", help="Print insight N of the newest exploration for a campaign's file."
        ),
    ] = None,
) -> None:
    """Profile every column, and find who leaves more than others: tested on later dates, ranked by money at risk.

    `churn explore --as-filter 1` prints the audience of the first insight, for campaigns/NAME.toml.
    """
    if as_filter is not None:
        if date is not None or out is not None:
            raise ConfigError(
                "reads the newest exploration",
                where="--as-filter",
                remedy="Leave out --date and --out, or explore first.",
            )
        _show_filter(session, as_filter)
        return
    result = explore_data(session.context, on=read_date(date, "--date"), out=out, language=language)
    files = {"page": result.files.page, "document": result.files.document, "insights": result.files.insights}
    if result.files.tables is not None:
        files["tables"] = result.files.tables
    session.show(result.document.as_json() | {"files": files}, lambda: _show(result))


def _show_filter(session: Session, number: int) -> None:
    insights = latest_insights(session.context.settings.home).insights
    if not 1 <= number <= len(insights):
        there = f"1 to {len(insights)}" if insights else "none"
        raise ConfigError(f"no insight {number}", where="--as-filter", remedy=f"There are {there}.")
    chosen = insights[number - 1]
    lines = [f"# {chosen.sentence}", "[audience]", f"filter = {toml_text(chosen.condition)}"]
    session.show({"insight": chosen.as_json(), "toml": "\n".join(lines) + "\n"}, lambda: line("\n".join(lines)))


def toml_text(text: str) -> str:
    """Return `text` as a TOML string, as it stands where it holds no single quote."""
    return f"'{text}'" if "'" not in text else json.dumps(text, ensure_ascii=False)


def _show(result: ExploreResult) -> None:
    document = result.document
    line(document.headline)
    for note in document.notes:
        line(f"! {note}")
    facts(
        [
            ("customers", f"{document.customers:,} on {document.snapshot_date}"),
            ("outcomes", f"{document.labelled_rows:,} rows, {percent(document.churn_rate)} churn"),
            ("columns", f"{len(document.profile)}"),
            ("insights", document.tally),
        ]
    )
    if document.insights:
        table(
            "Who leaves more than others",
            ["", "insight", "SQL condition"],
            [(insight.rank, insight.sentence, insight.condition) for insight in document.insights],
        )
        line("`churn explore --as-filter 1` makes an audience of the first.")
    line(f"Page: {result.files.page}")
    if result.files.tables is not None:
        line(f"Tables: {result.files.tables}")
