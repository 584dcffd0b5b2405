"""What all databases share: where a source lies, which of its rows are new, and how far back rows may arrive late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from churn.config import SourceSettings
from churn.errors import ConfigError
from churn.warehouse.connection import Warehouse, literal
from churn.warehouse.loading.contracts import TABLES
from churn.warehouse.reading.scanning import DELIVERED

_OVERLAP = "1 hour"  # how long a transaction may stay open after it stamped its rows
_OVERLAP_STEPS = 1000  # the same where rows are numbered


class Fetch(Protocol):
    """Puts the rows of a source into the temporary table of delivered rows, those from `since` on if it is given."""

    def __call__(
        self, warehouse: Warehouse, name: str, source: SourceSettings, secrets: Mapping[str, str], *, since: str | None
    ) -> None:
        """Fetch them."""


def declared_address(name: str, source: SourceSettings, secrets: Mapping[str, str]) -> str:
    """Return the address of a source: `CHURN_SOURCE_<NAME>_DSN` from `secrets`, else the declared `dsn`.

    Raises ConfigError if there is neither.
    """
    dsn = secrets.get(f"CHURN_SOURCE_{name.upper()}_DSN") or source.dsn
    if not dsn:
        remedy = f"Add `dsn`, or set CHURN_SOURCE_{name.upper()}_DSN."
        raise ConfigError("no address for its query", where=f"sources.{name}", remedy=remedy)
    return dsn


def with_password(dsn: str, password: str | None) -> str:
    """Return a URL with `password` filled in where it has none."""
    parts = urlsplit(dsn)
    if not password or parts.password is not None:
        return dsn
    user = f"{parts.username}" if parts.username else ""
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


def updated_column(source: SourceSettings) -> str:
    """Return the delivered column that tells new rows from old; empty for a full load."""
    return str(source.options.get("updated", ""))


def id_columns(name: str, source: SourceSettings) -> frozenset[str]:
    """Return the delivered columns, in lower case, that ids are taken from as they are: no digit of theirs may be lost."""
    ours = [column.name for column in TABLES[name].columns if column.name.endswith("_id")] if name in TABLES else []
    return frozenset(source.columns.get(column, column).lower() for column in ours) - {updated_column(source).lower()}


def overlap_time(source: SourceSettings) -> str:
    """Return how far back in time rows are asked for again."""
    return str(source.options.get("overlap", _OVERLAP))


def overlap_seconds(warehouse: Warehouse, name: str, source: SourceSettings) -> float:
    """Return the same in seconds. Raises ConfigError for what is no length of time."""
    given = overlap_time(source)
    rows = warehouse.rows(f"select epoch(try_cast({literal(given)} as interval))")
    if rows[0][0] is None:
        where = f"sources.{name}.options.overlap"
        raise ConfigError(f"`{given}` is no length of time", where=where, remedy='Write one such as "2 hours".')
    return float(rows[0][0])


def overlap_steps(name: str, source: SourceSettings) -> int:
    """Return how far back rows are asked for again where a number tells new from old. Raises ConfigError."""
    steps = source.options.get("overlap", _OVERLAP_STEPS)
    if isinstance(steps, int):
        return steps
    remedy = "Give how far back rows may still arrive, such as 1000."
    where = f"sources.{name}.options.overlap"
    raise ConfigError(f"`{steps}` is no number, and the column of `updated` holds numbers", where=where, remedy=remedy)


def fingerprint(warehouse: Warehouse) -> tuple[int, str]:
    """Return how many rows were fetched, and a hash of them that does not depend on their order."""
    rows = f"select count(*), sum(cast(hash(d) as hugeint)) from (select * exclude (_churn_row) from {DELIVERED}) as d"
    count, total = warehouse.rows(rows)[0]
    return int(count), f"{total or 0}"
