"""Reads a PostgreSQL table or query by way of Arrow (ADBC): record batches stream into a delivery, no row becomes Python.

The whole result replaces what came before; it is left alone when nothing in it changed. With
`options = { updated = "updated_at" }` only rows from the newest known value on are asked for, and join those loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

from churn.config import SourceSettings
from churn.errors import AuthFailed, ChurnError, ConfigError, ContractBroken, Unreachable
from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.faults import translating
from churn.warehouse.reading.scanning import DELIVERED

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Cursor

_REFUSED = ("28P01", "28000")


def address(name: str, source: SourceSettings, secrets: Mapping[str, str]) -> str:
    """Return the libpq address of a source, with its password from `secrets`.

    `CHURN_SOURCE_<NAME>_DSN` comes before the declared `dsn`, `PGPASSWORD` fills in a missing password.
    Raises ConfigError if there is no address.
    """
    dsn = secrets.get(f"CHURN_SOURCE_{name.upper()}_DSN") or source.dsn
    if not dsn:
        remedy = f"Add `dsn`, or set CHURN_SOURCE_{name.upper()}_DSN."
        raise ConfigError("no address for its query", where=f"sources.{name}", remedy=remedy)
    password = secrets.get("PGPASSWORD")
    if not password:
        return dsn
    if "://" not in dsn:
        escaped = password.replace("\\", "\\\\").replace("'", "\\'")
        return dsn if "password=" in dsn else f"{dsn} password='{escaped}'"
    parts = urlsplit(dsn)
    if parts.password is not None:
        return dsn
    user = f"{parts.username}" if parts.username else ""
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


def fetch(
    warehouse: Warehouse, name: str, source: SourceSettings, secrets: Mapping[str, str], *, since: str | None
) -> None:
    """Put the rows of a source into the temporary table `delivered_rows`, those from `since` on if it is given.

    Raises ConfigError without the extra `postgres`, AuthFailed, Unreachable, and ContractBroken for a table or
    column the database does not have.
    """
    try:
        import adbc_driver_manager
        from adbc_driver_postgresql import dbapi
    except ImportError as error:
        remedy = "pip install 'churn[postgres]'"
        raise ConfigError("PostgreSQL needs an extra package", where=f"sources.{name}", remedy=remedy) from error
    query = (source.query or f"select * from {quoted(name)}").rstrip().rstrip(";")
    if since is not None:
        query = f"select * from ({query}) as delivered where {quoted(updated_column(source))} >= {literal(since)}"
    try:
        with dbapi.connect(address(name, source, secrets)) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            _store(warehouse, cursor)
    except adbc_driver_manager.Error as error:
        raise _translated(error, name) from error


def updated_column(source: SourceSettings) -> str:
    """Return the delivered column that tells new rows from old; empty for a full load."""
    return str(source.options.get("updated", ""))


def _store(warehouse: Warehouse, cursor: Cursor) -> None:
    reader: Any = cursor.fetch_record_batch()
    columns = []
    for field in reader.schema:
        name = quoted(field.name)
        # PostgreSQL's numeric arrives as text, so that no digit is lost on the way; we reckon in doubles.
        is_numeric = "type_name=numeric" in str(field.type)
        columns.append(f"try_cast({name} as double) as {name}" if is_numeric else name)
    with translating():
        warehouse.connection.register("arriving_rows", reader)
        try:
            warehouse.execute(
                f"create or replace temp table {DELIVERED} as"
                f" select {', '.join(columns)}, row_number() over () as _row from arriving_rows"
            )
        finally:
            warehouse.connection.unregister("arriving_rows")


def fingerprint(warehouse: Warehouse) -> tuple[int, str]:
    """Return how many rows were fetched, and a hash of them that does not depend on their order."""
    told = f"select count(*), sum(cast(hash(d) as hugeint)) from (select * exclude (_row) from {DELIVERED}) as d"
    count, total = warehouse.rows(told)[0]
    return int(count), f"{total or 0}"


def _translated(error: Exception, name: str) -> ChurnError:
    where = f"sources.{name}"
    state = getattr(error, "sqlstate", None) or ""
    lines = [line for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    if state in _REFUSED or "password authentication failed" in str(error) or "no password supplied" in str(error):
        remedy = f"Set PGPASSWORD or CHURN_SOURCE_{name.upper()}_DSN."
        return AuthFailed("the database refuses the user or password", where=where, remedy=remedy)
    if state.startswith("42"):
        remedy = "Check `query`, or that the table exists and this user may read it."
        return ContractBroken(f"the database cannot run the query: {text}", where=where, remedy=remedy)
    return Unreachable(f"the database does not answer: {text}", where=where, remedy="Check `dsn` and the network.")
