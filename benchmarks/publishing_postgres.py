"""P25: publishing a score list to PostgreSQL, as the store and as a table for BI, beside COPY of the same rows."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring import Result, in_turns, told
from benchmarks.publishing import score_list
from churn.progress import Progress
from tests.private_postgres import postgres_binaries, running_postgres

if TYPE_CHECKING:
    import polars as pl
    import psycopg

_MINIMUM = 12_000
_WHOLE = 2_400_000
_AT_ONCE = 50_000


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure both ways to publish; theirs is COPY of the same columns, as CSV from the same frame, into an empty table."""
    import psycopg

    from churn.documents.published import PublishedColumn, PublishedTable, PublishedTables
    from churn.store import ScoreRun, open_store
    from churn.store.frames import checked
    from churn.warehouse.published.postgres import publish_to_postgres

    binaries = postgres_binaries()
    if binaries is None:
        raise SystemExit("P25 needs the programs of a PostgreSQL server: install the package `postgresql`")
    size = _MINIMUM if customers <= _MINIMUM else _WHOLE
    progress.step(f"P25: publishing {size:,} scores to PostgreSQL")
    frame = checked(score_list(size))
    at = datetime(2026, 6, 30, tzinfo=UTC).replace(tzinfo=None)
    runs = iter(range(10_000))
    with (
        running_postgres(binaries) as server,
        psycopg.connect(server.url("postgres"), autocommit=True) as connection,
        open_store(server.url("postgres")) as store,
        tempfile.TemporaryDirectory() as folder,
    ):

        def to_store() -> None:
            run_id = f"r{next(runs)}"
            store.scores.publish(
                ScoreRun(run_id, date(2026, 6, 30), "v1", at, at, size, "f", is_stale=False, stale_reason=None), frame
            )

        def plain() -> None:
            connection.execute("drop table if exists plain")
            connection.execute("create table plain (like scores)")
            _copy(connection, frame)

        progress.step("P25: the store")
        stored = in_turns(to_store, plain, repeats=repeats)
        frame.write_parquet(Path(folder) / "scores.parquet")
        kinds = {"String": "VARCHAR", "Float64": "DOUBLE", "Boolean": "BOOLEAN"}
        columns = tuple(
            PublishedColumn(name=name, type=kinds[str(kind)], description=name, is_personal=False)
            for name, kind in frame.schema.items()
        )
        table = PublishedTable(name="scores", grain="", description="", rows=size, columns=columns)
        tables = PublishedTables(published_at=at, data_cutoff=at, currency="EUR", tables=(table,))

        def to_bi() -> None:
            publish_to_postgres(server.url("postgres"), "bi", Path(folder), tables, reader=None, with_customers=True)

        progress.step("P25: a table for BI")
        shown = in_turns(to_bi, plain, repeats=repeats)
    return [
        Result(
            bench="P25",
            work=work,
            figure=taken.ratio,
            unit="x",
            goal="at most",
            bar=2,
            aim=None,
            ours=told(taken.ours_median),
            reference=f"COPY of the same rows into an empty table without index: {told(taken.reference_median)}",
            repeats=repeats,
            details={"ours": taken.ours, "reference": taken.reference},
        )
        for work, taken in (
            (f"publish {size:,} scores to a store on PostgreSQL, checked and with three indexes", stored),
            (f"copy a table of {size:,} scores to a PostgreSQL for BI, in the place of the rows before", shown),
        )
    ]


def _copy(connection: psycopg.Connection[tuple[object, ...]], frame: pl.DataFrame) -> None:
    statement = f"copy plain ({', '.join(frame.columns)}) from stdin (format csv)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for part in frame.iter_slices(_AT_ONCE):
            copy.write(part.write_csv(include_header=False).encode())
