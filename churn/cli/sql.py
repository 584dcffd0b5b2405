"""Commands `sql` and `publish`: answers from the published tables, and their publication."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churn.cli.common import Session, command
from churn.cli.tables import line, table
from churn.workflows.publish import publish_tables
from churn.workflows.query import query_tables

SHOWN = 200  # rows on a terminal; --json and --out have all


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app)(sql)
    command(app)(publish)


def sql(
    session: Session,
    query: Annotated[
        str, typer.Argument(metavar="SQL", help="One select; `show tables` and `describe scores` say what there is.")
    ],
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many rows.")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="Stop a query that takes longer.")] = 600.0,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    out: Annotated[Path | None, typer.Option(help="File to write: .csv, .parquet or .xlsx.")] = None,
) -> None:
    """Answer SQL over the published tables (docs/tables.md): a copy of the last night, which no job waits for."""
    has_bound = limit is not None or out is not None or csv or session.as_json
    answer = query_tables(session.context, query, limit=limit if has_bound else SHOWN, seconds=seconds, out=out)
    document = {
        "columns": [{"name": name, "type": kind} for name, kind in answer.columns],
        "rows": list(answer.rows()) if session.as_json and out is None else [],
        "row_count": answer.frame.height,
        "is_cut_off": answer.is_cut_off,
        "published_at": answer.published_at,
        "data_cutoff": answer.data_cutoff,
        "file": out,
    }

    def render() -> None:
        if out is not None:
            line(f"Wrote {answer.frame.height:,} rows to {out}.")
        elif csv:
            typer.echo(answer.csv(), nl=False)
        else:
            numbers = [place for place, kind in enumerate(answer.frame.dtypes) if kind.is_numeric()]
            names = [name for name, _ in answer.columns]
            title = f"As of {answer.published_at:%Y-%m-%d %H:%M} UTC"
            table(title, names, ([_shown(value) for value in row] for row in answer.rows()), right=numbers)
            if answer.is_cut_off:
                line(f"There are more than {answer.frame.height:,} rows: --limit, --csv, --json or --out has them.")

    session.show(document, render)


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


def publish(session: Session) -> None:
    """Publish the tables that SQL and BI read: in the home, and where [publish] says. Every night does so too."""
    result = publish_tables(session.context)
    document = {
        "folder": result.folder,
        "published_at": result.tables.published_at,
        "tables": [{"name": published.name, "rows": published.rows} for published in result.tables.tables],
        "copies": [
            {
                "kind": copy.kind,
                "place": copy.place,
                "rows": copy.rows,
                "error": str(copy.error) if copy.error else None,
            }
            for copy in result.copies
        ],
        "seconds": round(result.seconds, 3),
    }

    def render() -> None:
        rows = [(published.name, f"{published.rows:,}", published.grain) for published in result.tables.tables]
        table(f"Published in {result.seconds:.1f} s", ["table", "rows", "what"], rows, right=[1])
        for copy in result.copies:
            if copy.error is None:
                line(f"Copied {copy.rows:,} rows to {copy.kind} ({copy.place}).")
        line('Ask it: churn sql "show tables"')

    session.show(document, render)
    if result.errors:
        raise result.errors[0]
