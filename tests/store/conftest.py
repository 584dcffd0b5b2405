from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn.store import Store, open_store
from churn.store.programme_tables import schema
from churn.store.score_lists import LISTS
from churn.store.tables import scores
from tests.postgres import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that no store has been opened in yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "template.sqlite"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer) -> str:
    import psycopg

    name = f"store_{os.getpid()}"
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as admin:
        admin.execute(f'create database "{name}"')
    url = postgres_server.url(name)
    open_store(url).close()
    return url


@pytest.fixture
def empty_postgres(migrated_postgres: str) -> str:
    """The address of a PostgreSQL store of the newest schema that holds nothing, whatever ran before."""
    import psycopg

    with psycopg.connect(migrated_postgres) as connection:
        names = ", ".join(table.name for table in schema.sorted_tables if table is not scores)
        connection.execute(f"truncate {names}, {LISTS} restart identity")
    return migrated_postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store of the newest schema, made once and emptied: migrating takes longer than a test."""
    if request.param == "sqlite":
        path = tmp_path / "store.sqlite"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    return str(request.getfixturevalue("empty_postgres"))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with open_store(store_url) as opened:
        yield opened
