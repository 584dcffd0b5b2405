"""Reads a MySQL or MariaDB table or query by way of PyMySQL: rows stream through Arrow into a delivery, in batches.

All values travel as text, as the server writes them, and are typed here by what the server says of each column. What
only these databases have is made plain: decimals and bits into numbers by the server, zero dates into null, binary
values into hexadecimal text. A timestamp arrives in UTC; a datetime is a time without an offset, whose zone the source
may declare. A date such as 2024-05-00 and a type without a plain form are refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote, urlsplit

from churn.config import SourceSettings
from churn.errors import AuthFailed, ChurnError, ConfigError, ContractBroken, Unreachable
from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.loading.expressions import theirs
from churn.warehouse.reading.increments import (
    declared_address,
    id_columns,
    overlap_seconds,
    overlap_steps,
    updated_column,
    with_password,
)
from churn.warehouse.reading.scanning import DELIVERED

if TYPE_CHECKING:
    import pymysql
    from pymysql.cursors import SSCursor

_BATCH: Final = 20_000  # rows that are held as Python objects at once
_PATIENCE: Final = 600  # read timeout: seconds without a byte
_REFUSED: Final = {1044, 1045, 1698}  # the user or the password
_WRONG: Final = {
    1046,
    1049,
    1051,
    1054,
    1060,
    1064,
    1109,
    1142,
    1143,
    1146,
    1052,
    1247,
    1267,
    1305,
    1370,
    1356,
}  # the query
_UNSIGNED: Final = 32
_BINARY: Final = 63  # the character set of bytes
_WHOLE: Final = {1, 2, 3, 8, 9}
_FLOATS: Final = {4, 5}
_DECIMALS: Final = {0, 246}
_ZONED, _UNZONED = 7, 12  # timestamp, datetime
_DATES: Final = {10, 14}
_CLOCK, _YEAR, _BIT, _JSON, _NULL = 11, 13, 16, 245, 6
_TEXTS: Final = {15, 247, 248, 249, 250, 251, 252, 253, 254}
_PADDED: Final = 254
_NAMES: Final = {255: "geometry", 242: "vector"}


@dataclass(frozen=True)
class _ServerColumn:
    """A column as the server has it: the select that makes it plain there, and its DuckDB type and SQL here."""

    name: str
    select: str
    type: str
    sql: str


def address(name: str, source: SourceSettings, secrets: Mapping[str, str]) -> str:
    """Return the address of a source, with its password from `secrets`: `MYSQL_PWD` fills in a missing one.

    Raises ConfigError if there is no address.
    """
    return with_password(declared_address(name, source, secrets), secrets.get("MYSQL_PWD"))


def fetch(
    warehouse: Warehouse, name: str, source: SourceSettings, secrets: Mapping[str, str], *, since: str | None
) -> None:
    """Put the rows of a source into the temporary table `delivered_rows`, those from `since` on if it is given.

    The overlap lies before `since`. Raises ConfigError without the extra `mysql`, AuthFailed, Unreachable, and
    ContractBroken for a table or column that the database does not have and for a value or type that has no plain form.
    """
    query = (source.query or f"select * from {_quoted(name)}").rstrip().rstrip(";")
    with _connected(name, address(name, source, secrets)) as connection, _cursor(connection) as cursor:
        # One moment for all rows; TIMESTAMP in UTC; char(n) without its padding; no zero date refused on the way.
        cursor.execute("set session time_zone = '+00:00', session sql_mode = ''")
        cursor.execute("start transaction with consistent snapshot, read only")
        cursor.execute(f"select * from ({query}\n) as delivered limit 0")
        columns = _columns(cursor, name, id_columns(name, source))
        cursor.fetchall()
        condition = _since(warehouse, name, source, columns, since)
        listed = ", ".join(f"{column.select} as {_quoted(column.name)}" for column in columns)
        cursor.execute(f"select {listed} from ({query}\n) as delivered{condition}")
        _store(warehouse, cursor, columns, name)


@contextmanager
def _connected(name: str, dsn: str) -> Iterator[pymysql.Connection[SSCursor]]:
    try:
        import pymysql
        from pymysql.converters import encoders
        from pymysql.cursors import SSCursor
    except ImportError as error:
        remedy = "pip install 'churn[mysql]'"
        raise ConfigError("MySQL needs an extra package", where=f"sources.{name}", remedy=remedy) from error
    parts = urlsplit(dsn)
    secure = {key: given[-1] for key, given in parse_qs(parts.query).items()}
    strange = set(secure) - {"ssl_ca", "ssl_cert", "ssl_key"}
    if strange:
        remedy = "ssl_ca, ssl_cert and ssl_key name files; with ssl_ca the server's name is checked too."
        raise ConfigError(f"no option `{min(strange)}` in the address", where=f"sources.{name}.dsn", remedy=remedy)
    try:
        connection = pymysql.connect(
            host=parts.hostname or "localhost",
            port=parts.port or 3306,
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password or ""),
            database=unquote(parts.path.lstrip("/")) or None,
            charset="utf8mb4",
            cursorclass=SSCursor,
            conv=dict(encoders),  # and no decoder: values stay text
            connect_timeout=10,
            read_timeout=_PATIENCE,
            ssl_ca=secure.get("ssl_ca"),
            ssl_cert=secure.get("ssl_cert"),
            ssl_key=secure.get("ssl_key"),
            ssl_verify_identity=True if "ssl_ca" in secure else None,
        )
        try:
            yield connection
        finally:
            connection.close()
    except (pymysql.MySQLError, OSError, RuntimeError) as error:
        raise _translated(error, name) from error


@contextmanager
def _cursor(connection: pymysql.Connection[SSCursor]) -> Iterator[SSCursor]:
    """Give a cursor that reads rows to the end only where nothing went wrong: of a lost connection there are none."""
    cursor, is_done = connection.cursor(), False
    try:
        yield cursor
        is_done = True
    finally:
        if not is_done and cursor._result is not None:  # noqa: SLF001  # PyMySQL has no other way to give rows up
            cursor._result.unbuffered_active = False  # noqa: SLF001  # as above
        cursor.close()


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _columns(cursor: SSCursor, name: str, ids: Collection[str]) -> list[_ServerColumn]:
    # The cursor's public description has neither the sign of a number nor the character set of a text.
    fields = cursor._result.fields  # noqa: SLF001  # the reason stands above
    return [
        _decimal_id(field.name)
        if field.type_code in _DECIMALS and field.name.lower() in ids
        else _column(field.name, field.type_code, field.flags, field.charsetnr, where=f"sources.{name}")
        for field in fields
    ]


def _decimal_id(name: str) -> _ServerColumn:
    """Return a decimal as text without the zeros behind its point: beyond 2^53 a double would lose its digits."""
    return _ServerColumn(
        name, f"cast({_quoted(name)} as char)", "VARCHAR", f"regexp_replace({quoted(name)}, '\\.0+$', '')"
    )


def _column(name: str, kind: int, flags: int, charset: int, *, where: str) -> _ServerColumn:
    column = _number(name, kind, flags) or _time(name, kind) or _text(name, kind, charset)
    if column is not None:
        return column
    known = _NAMES.get(kind, f"type {kind}")
    remedy = f"Leave it out in `query`, or make a plain value of it there, such as st_astext({name})."
    raise ContractBroken(f"`{name}` is {known}, which has no plain form", where=where, remedy=remedy)


def _number(name: str, kind: int, flags: int) -> _ServerColumn | None:
    there, here = _quoted(name), quoted(name)
    if kind in _WHOLE:
        made = "UBIGINT" if flags & _UNSIGNED else "BIGINT"
        return _ServerColumn(name, there, made, f"cast({here} as {made.lower()})")
    if kind in {_BIT, _YEAR}:
        select = f"({there} + 0)" if kind == _BIT else f"nullif({there} + 0, 0)"
        return _ServerColumn(name, select, "UBIGINT", f"cast({here} as ubigint)")
    if kind in _FLOATS | _DECIMALS:  # we compute with doubles, and the server converts its decimals best
        return _ServerColumn(
            name, f"({there} + 0e0)" if kind in _DECIMALS else there, "DOUBLE", f"cast({here} as double)"
        )
    return None


def _time(name: str, kind: int) -> _ServerColumn | None:
    there, here = _quoted(name), quoted(name)
    if kind == _ZONED:
        return _ServerColumn(name, _dated(there), "TIMESTAMP WITH TIME ZONE", f"cast({here} || '+00' as timestamptz)")
    if kind == _UNZONED:
        return _ServerColumn(name, _dated(there), "TIMESTAMP", f"cast({here} as timestamp)")
    if kind in _DATES:
        return _ServerColumn(name, _dated(there), "DATE", f"cast({here} as date)")
    return None


def _text(name: str, kind: int, charset: int) -> _ServerColumn | None:
    there, here = _quoted(name), quoted(name)
    if kind in _TEXTS and charset == _BINARY:
        return _ServerColumn(name, f"lower(hex({there}))", "VARCHAR", here)
    if kind in _TEXTS:
        return _ServerColumn(name, there, "VARCHAR", f"rtrim({here})" if kind == _PADDED else here)
    return _ServerColumn(name, f"cast({there} as char)", "VARCHAR", here) if kind in {_CLOCK, _JSON, _NULL} else None


def _dated(column: str) -> str:
    """Return SQL for the text of a date; a zero date is none. One without a month or day stays, to be refused."""
    return (
        f"case when {column} = 0 or cast({column} as char) like '0000-00-00%' then null else cast({column} as char) end"
    )


def _since(
    warehouse: Warehouse, name: str, source: SourceSettings, columns: Sequence[_ServerColumn], since: str | None
) -> str:
    """Return the condition for rows from the newest known value on, less the overlap, or without one; "" for all rows."""
    kinds = {column.name: column.type for column in columns}
    updated = theirs(updated_column(source), kinds) if since is not None else None
    if since is None or updated is None:
        return ""
    kind, value = kinds[updated], literal(since.removesuffix("+00"))
    if kind.startswith(("TIMESTAMP", "DATE")):
        seconds = overlap_seconds(warehouse, name, source)
        value = f"cast({value} as datetime(6)) - interval {seconds:.6f} second"
    elif kind in {"BIGINT", "DOUBLE"}:
        value = f"{float(since) if kind == 'DOUBLE' else int(since)} - {overlap_steps(name, source)}"
    elif kind == "UBIGINT":  # an unsigned value cannot become negative
        value = str(max(0, int(since) - overlap_steps(name, source)))
    column = _quoted(updated)
    never = f"{column} is null" + (f" or {column} = 0" if kind.startswith(("TIMESTAMP", "DATE")) else "")
    return f" where ({column} >= {value} or {never})"


def _store(warehouse: Warehouse, cursor: SSCursor, columns: Sequence[_ServerColumn], name: str) -> None:
    import pyarrow as pa

    schema = pa.schema([(column.name, pa.string()) for column in columns])
    made = ", ".join(f"{column.sql} as {quoted(column.name)}" for column in columns)
    arrived = 0
    while True:
        rows = cursor.fetchmany(_BATCH)
        if not rows and arrived:
            return
        values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
        table = pa.table([pa.array(part, pa.string()) for part in values], schema=schema)
        select = f"select {made}, row_number() over () + {arrived} as _churn_row from arriving_rows"
        with warehouse.showing("arriving_rows", table):
            _refuse_partial_dates(warehouse, columns, name)
            if arrived:
                warehouse.execute(f"insert into {DELIVERED} {select}")
            else:
                warehouse.execute(f"create or replace temp table {DELIVERED} as {select}")
        arrived += len(rows)
        if not rows:
            return


def _refuse_partial_dates(warehouse: Warehouse, columns: Sequence[_ServerColumn], name: str) -> None:
    for column in columns:
        if not column.type.startswith(("TIMESTAMP", "DATE")):
            continue
        value = quoted(column.name)
        rows = warehouse.rows(
            f"select {value} from arriving_rows where try_cast({value} as timestamp) is null and {value} is not null limit 1"
        )
        if rows:
            remedy = f"Say in `query` what it means, such as nullif({column.name}, '{rows[0][0]}')."
            raise ContractBroken(f"`{rows[0][0]}` in `{column.name}` is no day", where=f"sources.{name}", remedy=remedy)


def _translated(error: Exception, name: str) -> ChurnError:
    where = f"sources.{name}"
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = re.sub(r"\s+", " ", str(error.args[-1] if error.args else error))
    if number in _REFUSED:
        remedy = f"Set MYSQL_PWD or CHURN_SOURCE_{name.upper()}_DSN."
        return AuthFailed("the database refuses the user or password", where=where, remedy=remedy)
    if number in _WRONG:
        remedy = "Check `query`, or that the table exists and this user may read it."
        return ContractBroken(f"the database cannot run the query: {text}", where=where, remedy=remedy)
    return Unreachable(f"the database does not answer: {text}", where=where, remedy="Check `dsn` and the network.")
