"""One database behind the store: the engine with its settings, and transactions that are short, named and translated."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError
from sqlalchemy.util import LRUCache

from churn.errors import ConfigError
from churn.store.faults import BUSY_SECONDS, translated
from churn.store.repositories.score_reader import Fetch, Rows, Values

_CONNECT_SECONDS = 10
_WRITES = "churn_writes"  # our own execution option: this transaction will write
_FORMS = "Write sqlite:///path/to/store.sqlite or postgresql://user@host/database."


class Database:
    """An engine and its address. `read` and `write` are the only ways in."""

    def __init__(self, engine: sa.Engine, address: str) -> None:
        self.engine = engine
        self.address = address

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite; PostgreSQL otherwise."""
        return self.engine.dialect.name == "sqlite"

    @property
    def path(self) -> Path | None:
        """The file of an SQLite database; None for one in memory and for PostgreSQL."""
        name = self.engine.url.database
        return Path(name) if self.is_sqlite and name and name != ":memory:" else None

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Open a transaction that sees one state of the database from its first statement to its last."""
        with translated(self.address), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    def fetch(self, sql: str, values: Values) -> Rows:
        """Return the rows of one statement, read as by `fetching`."""
        with self.fetching() as fetch:
            return fetch(sql, values)

    @contextmanager
    def fetching(self) -> Iterator[Fetch]:
        """Open a transaction as `read`, for statements as text: SQLAlchemy's row objects would double their time."""
        with self.read() as connection:
            yield lambda sql, values: list(connection.execute(sa.text(sql), dict(values)).cursor.fetchall())

    @contextmanager
    def write(self, lock: sa.Table | None = None, *, waits: bool = True) -> Iterator[sa.Connection]:
        """Open a transaction that writes: all of it becomes visible at the end, or nothing.

        SQLite lets one writer in at a time from the first statement on. On PostgreSQL `lock` names the table on
        which writers of one matter wait for each other, while readers go on; who does not wait for it gets StoreBusy.
        """
        with translated(self.address), self.engine.connect() as connection:
            connection.execution_options(**{_WRITES: True})
            with connection.begin():
                if lock is not None and not self.is_sqlite:
                    mode = "share row exclusive mode" if waits else "share row exclusive mode nowait"
                    connection.execute(sa.text(f"lock table {lock.name} in {mode}"))
                yield connection

    @contextmanager
    def raw(self) -> Iterator[Any]:
        """Yield the driver's own cursor, outside any transaction."""
        with translated(self.address):
            connection = self.engine.raw_connection()
            try:
                with closing(connection.cursor()) as cursor:  # an open one would keep tables locked
                    yield cursor
            finally:
                connection.close()

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    def __repr__(self) -> str:
        return f"Database({self.address!r})"


def connect(url: str) -> Database:
    """Return the database at `url`, not yet touched. Raises ConfigError for an address or driver we cannot use."""
    parsed = _parse(url)
    if parsed.drivername == "sqlite":
        return _sqlite(parsed)
    return _postgres(parsed)


def _parse(url: str) -> URL:
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        # Repeat neither the address nor the parser's message: they may hold a password.
        raise ConfigError("is not a database address", where="CHURN_STORE_URL", remedy=_FORMS) from None
    if parsed.drivername in {"sqlite", "sqlite+pysqlite"}:
        return parsed.set(drivername="sqlite")
    if parsed.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
        return parsed.set(drivername="postgresql+psycopg")
    raise ConfigError(f"no store can live in `{parsed.drivername}`", where="CHURN_STORE_URL", remedy=_FORMS)


class _Sqlite(SQLiteDialect_pysqlite):
    """SQLite as every engine of this process speaks it: what was compiled for one serves all, and stores are opened often."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Sqlite)

    def __hash__(self) -> int:
        return hash(_Sqlite)


registry.register("sqlite.shared", __name__, _Sqlite.__name__)
_compiled: LRUCache[Any, Any] = LRUCache(500)  # as many statements as SQLAlchemy keeps for one engine


def _sqlite(url: URL) -> Database:
    engine = sa.create_engine(
        url.set(drivername="sqlite+shared"),
        execution_options={"compiled_cache": _compiled},
        hide_parameters=True,  # they may be a customer's data
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
        json_serializer=_to_json,
    )

    @sa.event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        # WAL itself is set once, by the migration: it is a property of the file.
        for pragma in ("foreign_keys = on", "synchronous = normal", "journal_size_limit = 67108864"):
            connection.execute(f"pragma {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # By default the driver opens transactions late, so that a reader that starts to write fails at once;
        # taking the write lock first makes it wait instead.
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("begin immediate" if writes else "begin")

    return Database(engine, url.database or ":memory:")


def _postgres(url: URL) -> Database:
    try:
        importlib.import_module("psycopg")
    except ImportError as error:  # not installed, or without the library it wraps
        raise ConfigError(
            "a PostgreSQL store needs a driver that is not installed",
            where="CHURN_STORE_URL",
            remedy="Run: pip install 'churn[postgres]'",
        ) from error
    address = f"{url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "options": f"-c lock_timeout={BUSY_SECONDS}s -c timezone=UTC",
            "application_name": "churn",
        },
        json_serializer=_to_json,
    )
    return Database(engine, address)


def _to_json(value: object) -> str:
    """Write JSON that every database accepts: no NaN or infinity, NumPy numbers as plain ones."""
    return json.dumps(_plain(value), allow_nan=False, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy scalars and arrays
        return _plain(value.tolist())
    return str(value)  # dates, paths
