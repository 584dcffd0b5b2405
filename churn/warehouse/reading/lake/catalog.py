"""How PyIceberg is told of a catalogue: SQL (SQLite, PostgreSQL) or REST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from churn.warehouse.reading.lake.storage import iceberg_options

CATALOG_NAME: Final = "churn"  # SQL catalogues keep tables under the name they are opened by


def catalog_options(catalog: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the options that open a catalogue by its address, and the files of its tables."""
    if catalog.startswith(("postgresql://", "postgres://")):  # the driver that we ship with, not SQLAlchemy's default
        catalog = f"postgresql+psycopg://{catalog.partition('://')[2]}"
    kind = "rest" if catalog.startswith(("http://", "https://")) else "sql"
    return {"type": kind, "uri": catalog, "init_catalog_tables": "false", **iceberg_options(secrets)}
