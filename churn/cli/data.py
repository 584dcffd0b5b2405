"""Commands about data: refresh, features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from churn.cli.common import Session, command, read_date
from churn.cli.junit import JUnitFile, write_junit
from churn.cli.options import DAY
from churn.cli.tables import line, table
from churn.documents.own_columns import said_of_columns
from churn.workflows.refresh import build_features, preview_sources, refresh_warehouse

if TYPE_CHECKING:
    from churn.warehouse.models.checks import CheckResult


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app)(refresh)
    command(app)(features)


def refresh(
    session: Session,
    source: Annotated[str | None, typer.Option(help="Load this source only.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Load every file again, changed or not.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show how each column would be read; load and change nothing.")
    ] = False,
    junit: JUnitFile = None,
) -> None:
    """Load what is new from the declared sources, and run the quality checks."""
    if dry_run:
        _preview(session, source)
        return
    result = refresh_warehouse(session.context, source=source, full=full)
    if junit is not None:
        write_junit(junit, result.checks)
    loads = [
        {
            "source": load.source,
            "files_loaded": load.files_loaded,
            "files_unchanged": load.files_unchanged,
            "rows": load.rows,
            "rejected": load.rejected,
            "note": load.note,
        }
        for load in result.loads
    ]

    def render() -> None:
        rows = [
            (d["source"], f"{d['files_loaded']:,}", f"{d['files_unchanged']:,}", f"{d['rows']:,}", f"{d['rejected']:,}")
            for d in loads
        ]
        table("Loaded", ["source", "files", "unchanged", "rows", "rejected"], rows, right=[1, 2, 3, 4])
        if any(d["rejected"] for d in loads):
            line("Rejected rows are kept with file, row and reason in raw.rejected_rows.")
        for load in result.loads:
            if load.note:
                line(load.note)
        for sentence in said_of_columns(result.own_columns):
            line(sentence)
        show_checks(result.checks)
        line(f"Done in {result.seconds:.1f} s.")

    columns = [column.model_dump(mode="json") | {"is_used": column.is_used} for column in result.own_columns]
    answer = {"loads": loads, "checks": check_rows(result.checks), "own_columns": columns}
    session.show(answer | {"seconds": round(result.seconds, 3)}, render)


def _preview(session: Session, source: str | None) -> None:
    previews = preview_sources(session.context, source=source)

    def render() -> None:
        for preview in previews:
            if preview.error:
                line(f"{preview.source}: {preview.error}")
                continue
            title = f"{preview.source}: {preview.rows:,} rows, {preview.rejected:,} rejected"
            rows = [
                (c.column, c.read_from, c.kind, ", ".join(c.examples), f"{c.missing:,}", f"{c.unread:,}", c.use)
                for c in preview.columns
            ]
            heads = ["column", "read from", "as", "for example", "missing", "unread", "use"]
            table(title, heads, rows, right=[4, 5])
        line("Nothing was loaded. `churn refresh` loads it so.")

    session.show({"sources": [asdict(preview) for preview in previews]}, render)
    if any(preview.error for preview in previews):
        raise typer.Exit(3)


@dataclass(frozen=True)
class CheckRow:
    """What a rule found, as the JSON shows it: without the time it took."""

    rule: str
    level: str
    defect_count: int
    message: str
    example: Mapping[str, object]
    remedy: str


def check_rows(checks: Sequence[CheckResult]) -> list[CheckRow]:
    """Return the checks as the JSON shows them."""
    return [
        CheckRow(check.rule, check.level, check.defect_count, check.message, check.example, check.remedy)
        for check in checks
    ]


def show_checks(checks: Sequence[CheckResult]) -> None:
    """Print what the rules found; one line when they found nothing."""
    failed = [c for c in checks if c.defect_count]
    if not failed:
        line(f"All {len(checks)} quality rules hold.")
        return
    rows = [
        (c.level, c.rule.replace("_", " "), f"{c.defect_count:,}", _short(c.example))
        for c in sorted(failed, key=lambda c: c.level)
    ]
    table(
        f"Quality: {len(checks) - len(failed)} rules hold, {len(failed)} found something",
        ["level", "rule", "rows", "for example"],
        rows,
        right=[2],
    )
    for check in sorted(failed, key=lambda c: c.level):
        if check.remedy:
            line(f"{check.rule.replace('_', ' ').capitalize()}: {check.remedy}")


def _short(example: object) -> str:
    pairs = example.items() if isinstance(example, dict) else []
    return ", ".join(f"{key} {value}" for key, value in pairs if value is not None)[:90]


def features(
    session: Session,
    date: Annotated[str, typer.Option(metavar=DAY, help="First snapshot date: only facts known before it count.")],
    to: Annotated[str | None, typer.Option(metavar=DAY, help="Last snapshot date.")] = None,
    every: Annotated[str, typer.Option(help="Spacing of dates: 1d, 2w, 1mo.")] = "1mo",
    out: Annotated[Path | None, typer.Option(help="File to write: .parquet, .csv or .xlsx.")] = None,
) -> None:
    """Compute point-in-time features for one date or many."""
    first = read_date(date, "--date")
    assert first is not None
    frame, docs = build_features(session.context, first=first, last=read_date(to, "--to"), every=every, out=out)
    document = {
        "rows": frame.height,
        "dates": sorted(str(d) for d in frame["snapshot_date"].unique()),
        "features": [{"name": d.name, "group": d.group, "description": d.description} for d in docs],
        "file": out,
    }

    def render() -> None:
        table(
            f"{frame.height:,} rows, {len(docs)} features",
            ["feature", "group", "what it says"],
            [(d.name, d.group, d.description) for d in docs],
        )
        if out:
            line(f"Wrote {out}.")

    session.show(document, render)
