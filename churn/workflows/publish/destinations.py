"""The places that published tables are copied to: a schema of PostgreSQL, a folder of Parquet files, a lake."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from churn.config.publish import PUBLISH_DSN, PUBLISH_ICEBERG_DSN
from churn.context import Context
from churn.documents.published import PublishedTables
from churn.errors import ChurnError, ConfigError, ResourceError
from churn.views.tables import DOCUMENT, current_tables
from churn.warehouse.published.delta import forget_in_delta, publish_to_delta, reach_delta
from churn.warehouse.published.iceberg import IcebergPlace, forget_in_iceberg, publish_to_iceberg, reach_iceberg
from churn.warehouse.published.postgres import forget_in_postgres, publish_to_postgres, reach_postgres

POSTGRES: Final = "PostgreSQL"
FOLDER: Final = "folder"
DELTA: Final = "Delta"
ICEBERG: Final = "Iceberg"


@dataclass(frozen=True)
class Copied:
    """One place: its kind, its name, how many rows it took, or why none."""

    kind: str
    place: str
    rows: int
    error: ChurnError | None = None


def publishes_elsewhere(context: Context) -> bool:
    """Whether the tables are copied anywhere."""
    settings = context.settings.publish
    places = (_dsn(context), settings.folder, settings.delta, settings.iceberg)
    return any(place is not None for place in places)


def copy_tables(context: Context, folder: Path, published: PublishedTables) -> tuple[Copied, ...]:
    """Copy the tables of `folder` to each place; one that fails keeps none of the others from theirs."""
    settings = context.settings.publish
    copies = []
    if (dsn := _dsn(context)) is not None:
        context.progress.step("Copying the tables to PostgreSQL")

        def to_postgres() -> int:
            return publish_to_postgres(
                dsn,
                settings.database_schema,
                folder,
                published,
                reader=settings.reader,
                with_customers=settings.with_customers,
            )

        copies.append(_tried(POSTGRES, settings.database_schema, to_postgres))
    if (target := settings.folder) is not None:
        copies.append(
            _tried(FOLDER, str(target), lambda: _to_folder(folder, target, published, all_of=settings.with_customers))
        )
    if (lake := settings.delta) is not None:
        context.progress.step("Copying the tables to the lake")

        def to_lake() -> int:
            return publish_to_delta(lake, context.secrets, folder, published, with_customers=settings.with_customers)

        copies.append(_tried(DELTA, lake, to_lake))
    if settings.iceberg is not None:
        context.progress.step("Copying the tables to the Iceberg catalogue")

        def to_iceberg() -> int:
            place, all_of = _iceberg(context), settings.with_customers
            return publish_to_iceberg(place, context.secrets, folder, published, with_customers=all_of)

        copies.append(_tried(ICEBERG, settings.iceberg, to_iceberg))
    return tuple(copies)


def forget_customer(context: Context, customer_id: str) -> list[Copied]:
    """Delete the rows of a customer at the database and in the lake; an erasure goes through the files of a folder by itself."""
    dsn, schema = _dsn(context), context.settings.publish.database_schema
    gone = []
    if dsn is not None:
        gone.append(_tried(POSTGRES, schema, lambda: forget_in_postgres(dsn, schema, customer_id)))
    lake, iceberg = context.settings.publish.delta, context.settings.publish.iceberg
    tables = current_tables(context.settings.tables_path)
    if tables is None:
        return gone
    document = tables.document
    if lake is not None:
        gone.append(_tried(DELTA, lake, lambda: forget_in_delta(lake, context.secrets, customer_id, document)))
    if iceberg is not None:

        def in_iceberg() -> int:
            return forget_in_iceberg(_iceberg(context), context.secrets, customer_id, document)

        gone.append(_tried(ICEBERG, iceberg, in_iceberg))
    return gone


def reach_destinations(context: Context) -> list[Copied]:
    """Find out of each place whether it could be written now."""
    settings, dsn = context.settings.publish, _dsn(context)
    reached = []

    def to_postgres() -> int:
        reach_postgres(dsn or "", settings.database_schema)
        return 0

    def to_folder() -> int:
        _made(settings.folder or Path())
        return 0

    if dsn is not None:
        reached.append(_tried(POSTGRES, settings.database_schema, to_postgres))
    if settings.folder is not None:
        reached.append(_tried(FOLDER, str(settings.folder), to_folder))
    if (lake := settings.delta) is not None:

        def to_lake() -> int:
            reach_delta(lake, context.secrets)
            return 0

        reached.append(_tried(DELTA, lake, to_lake))
    if settings.iceberg is not None:

        def to_iceberg() -> int:
            reach_iceberg(_iceberg(context), context.secrets)
            return 0

        reached.append(_tried(ICEBERG, settings.iceberg, to_iceberg))
    return reached


def _dsn(context: Context) -> str | None:
    return context.secrets.get(PUBLISH_DSN) or context.settings.publish.dsn


def _iceberg(context: Context) -> IcebergPlace:
    """Return where Iceberg tables go. Raises ConfigError where no catalogue is named."""
    settings = context.settings.publish
    catalog = context.secrets.get(PUBLISH_ICEBERG_DSN) or settings.iceberg_catalog
    if catalog is None:
        raise ConfigError(
            "no catalogue is named",
            where="[publish] iceberg",
            remedy=f"Set iceberg_catalog, or {PUBLISH_ICEBERG_DSN} in the environment.",
        )
    return IcebergPlace(catalog, settings.iceberg or "", settings.iceberg_namespace)


def _tried(kind: str, place: str, work: Callable[[], int]) -> Copied:
    try:
        return Copied(kind, place, work())
    except ChurnError as error:
        return Copied(kind, place, 0, error)


def _to_folder(source: Path, target: Path, published: PublishedTables, *, all_of: bool) -> int:
    """Write each table beside its old file and let it take its name; the list of tables comes last."""
    import polars as pl

    _made(target)
    rows = 0
    try:
        for table in published.tables:
            part, path = target / f".{table.name}.parquet.part", target / f"{table.name}.parquet"
            shown = [column.name for column in table.columns if all_of or not column.is_personal]
            if len(shown) == len(table.columns):
                shutil.copyfile(source / path.name, part)
            elif shown:
                pl.scan_parquet(source / path.name).select(shown).sink_parquet(part)
            else:
                continue
            part.replace(path)
            rows += table.rows
        shutil.copyfile(source / DOCUMENT, target / DOCUMENT)
    except OSError as error:
        raise ResourceError(
            f"cannot be written: {error.strerror or error}", where=str(target), remedy="Make room, or write access."
        ) from error
    return rows


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".churn-may-write"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ResourceError(
            f"cannot be written: {error.strerror or error}",
            where=str(folder),
            remedy="Name a folder that this user may write to.",
        ) from error
