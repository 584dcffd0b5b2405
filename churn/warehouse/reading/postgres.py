"""Reads a PostgreSQL table or query by way of Arrow (ADBC): record batches stream into a delivery, no row becomes Python.

The whole result replaces what came before; it is left alone when nothing in it changed. With
`options = { updated = "updated_at" }` only rows from the newest known value on are asked for, less an overlap in which
transactions that began earlier may have committed late; those of them that were loaded are left out by their content.

Types that PostgreSQL has of its own are turned into plain ones by the server: money into numbers, infinity into null,
char(n) into text without its padding, addresses, ranges and the like into their text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from churn.config import SourceSettings
from churn.errors import AuthFailed, ChurnError, ConfigError, ContractBroken, DataError, Unreachable
from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.faults import translating
from churn.warehouse.loading.expressions import theirs
from churn.warehouse.reading.increments import (
    declared_address,
    id_columns,
    overlap_steps,
    overlap_time,
    updated_column,
    with_password,
)
from churn.warehouse.reading.scanning import DELIVERED

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Cursor

_REFUSED = ("28P01", "28000")
_ARRAYS_AS_THEY_ARE = {"_bool", "_int2", "_int4", "_int8", "_float4", "_float8", "_text", "_varchar", "_uuid"}
_LAST_YEAR = 290_000
_NUMERIC_ID = "numeric id"
_STREAM = "reading the stream registered as"  # DuckDB, where the other end of an Arrow stream fails
_AS_IT_IS = {"bool", "int2", "int4", "int8", "oid", "text", "varchar", "name", "bytea", "json", "jsonb", "uuid", "time"}


def address(name: str, source: SourceSettings, secrets: Mapping[str, str]) -> str:
    """Return the libpq address of a source, with its password from `secrets`.

    `CHURN_SOURCE_<NAME>_DSN` comes before the declared `dsn`, `PGPASSWORD` fills in a missing password.
    Raises ConfigError if there is no address.
    """
    dsn, password = declared_address(name, source, secrets), secrets.get("PGPASSWORD")
    if password and "://" not in dsn:
        escaped = password.replace("\\", "\\\\").replace("'", "\\'")
        return dsn if "password=" in dsn else f"{dsn} password='{escaped}'"
    return with_password(dsn, password)


def fetch(
    warehouse: Warehouse, name: str, source: SourceSettings, secrets: Mapping[str, str], *, since: str | None
) -> None:
    """Put the rows of a source into the temporary table `delivered_rows`, those from `since` on if it is given.

    The overlap lies before `since`. Raises ConfigError without the extra `postgres`, AuthFailed, Unreachable, and ContractBroken for a table or
    column the database does not have.
    """
    try:
        import adbc_driver_manager
        from adbc_driver_postgresql import dbapi
    except ImportError as error:
        remedy = "pip install 'churn[postgres]'"
        raise ConfigError("PostgreSQL needs an extra package", where=f"sources.{name}", remedy=remedy) from error
    query = (source.query or f"select * from {quoted(name)}").rstrip().rstrip(";")
    try:
        with dbapi.connect(address(name, source, secrets)) as connection, connection.cursor() as cursor:
            cursor.execute(f"select * from ({query}\n) as delivered limit 0")
            kinds = _kinds(cursor)
            updated = theirs(updated_column(source), kinds) if since is not None else None
            condition = ""
            if since is not None and updated is not None:
                condition = f" where {_is_new(literal(since), updated, kinds[updated], source, name)}"
            ids = id_columns(name, source)
            plain = ", ".join(
                _plain(column, _NUMERIC_ID if kind == "numeric" and column.lower() in ids else kind)
                for column, kind in kinds.items()
            )
            cursor.execute(f"select {plain} from ({query}\n) as delivered{condition}")
            _store(warehouse, cursor, name)
    except adbc_driver_manager.Error as error:
        raise _translated(error, name) from error


def _kinds(cursor: Cursor) -> dict[str, str]:
    """Return the columns of a result with the names of PostgreSQL's types."""
    reader: Any = cursor.fetch_record_batch()
    return {
        field.name: (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode() or str(field.type)
        for field in reader.schema
    }


def _plain(name: str, kind: str) -> str:
    column = quoted(name)
    if kind == _NUMERIC_ID:  # text: beyond 2^53 a double would lose its digits
        made = f"case when cast({column} as text) not in ('NaN', 'Infinity', '-Infinity') then cast(trim_scale({column}) as text) end"
    elif kind == "money":  # its digits depend on the server's language; as a number they do not
        made = f"cast({column} as numeric)"
    elif kind == "date":
        made = f"case when isfinite({column}) then {column} end"
    elif kind in {"timestamp", "timestamptz"}:  # its last years are beyond what others count to
        made = f"case when isfinite({column}) and {column} < '{_LAST_YEAR}-01-01' then {column} end"
    elif kind in {"numeric", "float4", "float8"}:
        made = f"case when cast({column} as text) not in ('NaN', 'Infinity', '-Infinity') then {column} end"
    elif kind == "bpchar":
        made = f"rtrim(cast({column} as text))"
    elif kind == "_money":
        made = f"cast(cast({column} as numeric[]) as text)"
    elif kind in _AS_IT_IS or kind in _ARRAYS_AS_THEY_ARE:
        made = column
    else:  # as the database itself writes it
        made = f"case when {column} is not null then format('%s', {column}) end"
    return f"{made} as {column}"


def _is_new(since: str, updated: str, kind: str, source: SourceSettings, name: str) -> str:
    """Return the condition of the rows to ask for: from the newest known value on, less the overlap, or without one."""
    column, begins = quoted(updated), since
    never = f"{column} is null"
    if kind in {"date", "timestamp", "timestamptz"}:
        begins = f"cast({since} as {kind}) - cast({literal(overlap_time(source))} as interval)"
        never += f" or {column} = '-infinity'"
    elif kind in {"int2", "int4", "int8", "numeric"}:
        begins = f"cast({since} as {kind}) - {overlap_steps(name, source)}"
    return f"({column} >= {begins} or {never})"


def _store(warehouse: Warehouse, cursor: Cursor, name: str) -> None:
    reader: Any = cursor.fetch_record_batch()
    columns = []
    for field in reader.schema:
        column = quoted(field.name)
        # PostgreSQL's numeric arrives as text, so that no digit is lost on the way; we compute with doubles.
        is_numeric = "type_name=numeric" in str(field.type)
        columns.append(f"try_cast({column} as double) as {column}" if is_numeric else column)
    try:
        with translating(), warehouse.showing("arriving_rows", reader):
            warehouse.execute(
                f"create or replace temp table {DELIVERED} as"
                f" select {', '.join(columns)}, row_number() over () as _churn_row from arriving_rows"
            )
    except DataError as error:  # the rows stream through DuckDB, which hands on what the server said, without its code
        if _STREAM not in error.what:
            raise
        text = error.what.partition(_STREAM)[2].partition(": ")[2]
        raise _broken_off(text, f"sources.{name}") from error


def _broken_off(text: str, where: str) -> ChurnError:
    """Return the error for rows that stopped on the way, because of the query or of the connection."""
    text = text.removeprefix("IOError: ").removeprefix("[libpq] ").removeprefix("Execution error ")
    is_lost = "terminat" in text or "connection" in text or "[PGRES_FATAL_ERROR]" not in text
    if is_lost:
        return Unreachable(f"the connection was lost while rows arrived: {text}", where=where, remedy="Run it again.")
    reason = text.removeprefix("[PGRES_FATAL_ERROR]: ").removeprefix("ERROR:").strip()
    return ContractBroken(
        f"the database stopped the query: {reason}", where=where, remedy="Mend `query`, or the limits of this user."
    )


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
