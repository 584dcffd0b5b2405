"""Copies the published tables into PostgreSQL: all of them in one transaction, with their comments and a reader's rights.

Rows are deleted and copied anew, so that views, rights and open queries of readers outlive each night: whoever reads sees
the tables of the night before until the moment at which all are new.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from churn.documents.published import PublishedColumn, PublishedTable, PublishedTables
from churn.errors import AuthFailed, ChurnError, ConfigError, ContractBroken, Unreachable

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

    Connection = psycopg.Connection[tuple[Any, ...]]

_WHERE: Final = "[publish] dsn"
_SECONDS: Final = 15
_ROWS: Final = 50_000  # copied at a time
_LOCK: Final = 6_072_011  # writers of the tables wait for one another by this number
_TYPES: Final = {
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
}


def publish_to_postgres(
    dsn: str, schema: str, folder: Path, published: PublishedTables, *, reader: str | None, with_customers: bool
) -> int:
    """Write the tables of `folder` to `schema` of the database at `dsn`; return how many rows.

    Without `with_customers` personal columns are left out. `reader` may read every other column of every table.
    Raises ConfigError without the extra `postgres` or the right to make a role, AuthFailed, Unreachable, ContractBroken
    where the database refuses a table.
    """
    with _connected(dsn) as connection:
        _run(connection, "select pg_advisory_xact_lock({})", _LOCK)
        _run(connection, "create schema if not exists {}", schema)
        comment = f"Published by churn at {published.published_at:%Y-%m-%d %H:%M} UTC; amounts in {published.currency}."
        _comment(connection, "schema {}", [schema], comment)
        rows = 0
        for table in published.tables:
            columns = [c for c in table.columns if with_customers or not c.is_personal]
            if columns:
                _shape(connection, schema, table, columns)
                rows += _fill(connection, schema, table.name, columns, folder / f"{table.name}.parquet")
        if reader is not None:
            _grant(connection, schema, published.tables, reader)
    return rows


def forget_in_postgres(dsn: str, schema: str, customer_id: str) -> int:
    """Delete the rows of a customer from every table of `schema` that names one; return how many. Raises as above."""
    with _connected(dsn) as connection:
        tables = connection.execute(
            "select table_name from information_schema.columns join information_schema.tables"
            " using (table_catalog, table_schema, table_name)"
            " where table_schema = %s and column_name = 'customer_id' and table_type = 'BASE TABLE'",
            [schema],
        ).fetchall()
        gone = 0
        for (table,) in tables:
            statement = _composed("delete from {}.{} where cast(customer_id as text) = %s", [schema, table])
            gone += connection.execute(statement, [customer_id]).rowcount
    return gone


def reach_postgres(dsn: str, schema: str) -> None:
    """Find out whether the tables could be written. Raises as `publish_to_postgres`."""
    with _connected(dsn) as connection:
        ((may,),) = connection.execute(
            "select case when exists (select 1 from pg_namespace where nspname = %(schema)s)"
            " then has_schema_privilege(%(schema)s, 'create')"
            " else has_database_privilege(current_database(), 'create') end",
            {"schema": schema},
        ).fetchall()
    if not may:
        raise ConfigError(
            f"this user may not make tables in the schema {schema}",
            where=_WHERE,
            remedy=f"grant create, usage on schema {schema} to the user.",
        )


@contextmanager
def _connected(dsn: str) -> Iterator[Connection]:
    """Open a transaction that is committed at the end of the block, in the product's errors."""
    try:
        import psycopg
    except ImportError as error:
        raise ConfigError(
            "PostgreSQL needs an extra package", where=_WHERE, remedy="pip install 'churn[postgres]'"
        ) from error
    try:
        with psycopg.connect(
            dsn, connect_timeout=_SECONDS, options="-c timezone=UTC -c lock_timeout=60s"
        ) as connection:
            yield connection
    except psycopg.Error as error:
        raise _translated(error) from error


def _translated(error: psycopg.Error) -> ChurnError:
    import psycopg

    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if "password authentication failed" in str(error) or "no password supplied" in str(error):
        return AuthFailed(
            "the database refuses the user or password", where=_WHERE, remedy="Set PGPASSWORD or CHURN_PUBLISH_DSN."
        )
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return ConfigError(f"the database forbids it: {text}", where=_WHERE, remedy="Grant this user what it names.")
    if isinstance(error, psycopg.errors.DependentObjectsStillExist | psycopg.errors.FeatureNotSupported):
        remedy = "Drop the view that stands on the table; the next publication makes the table anew."
        return ContractBroken(f"a table has changed its columns: {text}", where=_WHERE, remedy=remedy)
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return Unreachable(f"the database does not answer: {text}", where=_WHERE, remedy="Check `dsn` and the network.")
    return ContractBroken(f"the database refuses it: {text}", where=_WHERE, remedy="Mend what it names.")


def _shape(connection: Connection, schema: str, table: PublishedTable, columns: Sequence[PublishedColumn]) -> None:
    """Give the table its columns and comments: made where it is not there, changed where a release changed it."""
    wanted = {column.name: _type(column.type) for column in columns}
    there: dict[str, str] = dict(
        connection.execute(
            "select a.attname, format_type(a.atttypid, a.atttypmod) from pg_attribute as a"
            " join pg_class as c on c.oid = a.attrelid join pg_namespace as n on n.oid = c.relnamespace"
            " where n.nspname = %s and c.relname = %s and a.attnum > 0 and not a.attisdropped",
            [schema, table.name],
        ).fetchall()
    )
    if not there:
        _run(
            connection,
            f"create table {{}}.{{}} ({', '.join(f'{{}} {k}' for k in wanted.values())})",
            schema,
            table.name,
            *wanted,
        )
    elif there != {name: _canonical(kind) for name, kind in wanted.items()}:
        _run(connection, "drop table {}.{}", schema, table.name)
        return _shape(connection, schema, table, columns)
    words = " ".join(f"{part[:1].upper()}{part[1:]}" for part in (table.grain, table.description) if part)
    _comment(connection, "table {}.{}", [schema, table.name], words)
    for column in columns:
        _comment(connection, "column {}.{}.{}", [schema, table.name, column.name], column.description)
    return None


def _fill(connection: Connection, schema: str, table: str, columns: Sequence[PublishedColumn], path: Path) -> int:
    import polars as pl

    names = [column.name for column in columns]
    _run(connection, "delete from {}.{}", schema, table)
    places = ", ".join("{}" for _ in names)
    statement = _composed(f"copy {{}}.{{}} ({places}) from stdin (format csv)", [schema, table, *names])
    frame = pl.read_parquet(path, columns=names)
    nested = [name for name, kind in frame.schema.items() if kind.is_nested()]  # kept as JSON
    frame = frame.with_columns(
        pl.Series(name, [None if value is None else json.dumps(value, default=str) for value in frame[name].to_list()])
        for name in nested
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for part in frame.iter_slices(_ROWS):
            copy.write(part.write_csv(include_header=False, datetime_format="%Y-%m-%d %H:%M:%S%.6f"))
    return frame.height


def _grant(connection: Connection, schema: str, tables: Sequence[PublishedTable], reader: str) -> None:
    """Let `reader` read every column that names no customer, and nothing else of the schema."""
    if not connection.execute("select 1 from pg_roles where rolname = %s", [reader]).fetchall():
        _run(connection, "create role {} nologin", reader)
    _run(connection, "grant usage on schema {} to {}", schema, reader)
    _run(connection, "revoke all on all tables in schema {} from {}", schema, reader)
    for table in tables:
        names = [column.name for column in table.columns if not column.is_personal]
        places = ", ".join("{}" for _ in names)
        if names:
            _run(connection, f"grant select ({places}) on {{}}.{{}} to {{}}", *names, schema, table.name, reader)


def _type(kind: str) -> str:
    return _TYPES.get(kind) or (kind.lower().replace("decimal", "numeric") if kind.startswith("DECIMAL") else "text")


def _canonical(kind: str) -> str:
    """Return a type as the database names it."""
    full = {"timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone"}
    return full.get(kind, kind)


def _composed(statement: str, names: Sequence[object]) -> sql.Composed:
    from psycopg import sql

    parts = [sql.Identifier(name) if isinstance(name, str) else sql.Literal(name) for name in names]
    return sql.SQL(statement).format(*parts)


def _run(connection: Connection, statement: str, *names: object) -> None:
    connection.execute(_composed(statement, names))


def _comment(connection: Connection, target: str, names: Sequence[str], words: str) -> None:
    from psycopg import sql

    place = sql.SQL(target).format(*(sql.Identifier(name) for name in names))
    connection.execute(sql.SQL("comment on {} is {}").format(place, sql.Literal(words)))
