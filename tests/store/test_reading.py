from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from churn.errors import ConfigError, StoreBusy
from churn.store import Store, open_store, sqlite_file
from tests.store.builders import NOON, run, score_list

_FILTERS = [
    {},
    {"bands": ["high", "low"], "limit": 3},
    {"bands": [], "limit": None},
    {"listed": True},
    {"listed": False, "plan": "basic", "order": "churn_probability"},
    {"min_probability": 0.5, "limit": 2},
]


@pytest.fixture
def published(tmp_path: Path) -> Iterator[Store]:
    """A store opened again after its first list was published: there is nothing to migrate."""
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    with open_store(url) as store:
        store.scores.publish(run(), score_list(30))
    with open_store(url) as store:
        yield store


@pytest.mark.parametrize("filters", _FILTERS)
def test_the_short_way_to_the_list_gives_what_the_long_one_gives(published: Store, filters: dict[str, object]) -> None:
    short, long = published.published, published.scores
    assert type(short) is not type(long)
    assert short.page(**filters) == long.page(**filters)
    assert short.page(**filters).run == run(customers=30)


def test_pages_and_customers_come_the_same_way_too(published: Store) -> None:
    short, long = published.published, published.scores
    cursor = short.page(limit=7).next_cursor
    assert cursor == long.page(limit=7).next_cursor
    assert short.page(limit=7, cursor=cursor) == long.page(limit=7, cursor=cursor)
    assert short.customer("c3") == long.customer("c3")
    assert short.customer("nobody") == long.customer("nobody")
    assert short.customer("nobody").score is None
    published.scores.mark_stale("late", NOON)
    assert short.current_run() == long.current_run()


@pytest.mark.slow
def test_a_list_is_read_from_a_file_without_frames_and_migrations(published: Store) -> None:
    code = (
        "import sys; from churn.store import open_store; store = open_store(sys.argv[1]); "
        "assert len(store.published.page(limit=5).documents()) == 5; store.close(); "
        "sys.exit(bool({'alembic', 'polars'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code, f"sqlite:///{published.address}"], check=False).returncode == 0


def test_a_column_no_list_has_is_refused(published: Store) -> None:
    with pytest.raises(ConfigError, match="no column `1; drop`"):
        published.published.page(columns=["1; drop"])


def test_a_store_of_an_older_schema_is_opened_in_full(published: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "revisions", lambda: ("0001", "9999"))
    assert sqlite_file.ready_file(f"sqlite:///{published.address}") is None


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///a%20b", "postgresql://host/name", ""])
def test_other_addresses_are_opened_in_full(url: str) -> None:
    assert sqlite_file.ready_file(url) is None


def test_a_file_locked_whole_is_busy_by_the_short_way_as_well(
    published: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_SECONDS", 0.1)
    reader = published.published
    holder = sqlite3.connect(published.address, isolation_level=None)
    holder.execute("pragma locking_mode = exclusive")
    holder.execute("begin exclusive")
    with pytest.raises(StoreBusy):
        reader.current_run()
    holder.close()


def test_a_connection_to_a_locked_file_is_not_left_open(published: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    connect = sqlite3.connect

    def remembered(*arguments: Any, **options: Any) -> sqlite3.Connection:
        opened.append(connect(*arguments, **options))
        return opened[-1]

    prompt = published.prompt
    assert prompt is not None
    holder = connect(published.address, isolation_level=None)
    holder.execute("pragma locking_mode = exclusive")
    holder.execute("begin exclusive")
    monkeypatch.setattr(sqlite3, "connect", remembered)
    with pytest.raises(StoreBusy):
        prompt.current_run()
    holder.close()
    assert opened
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("select 1")


def test_who_cannot_wait_is_told_at_once_that_the_file_is_locked(published: Store) -> None:
    prompt = published.prompt
    assert prompt is not None
    holder = sqlite3.connect(published.address, isolation_level=None)
    holder.execute("pragma locking_mode = exclusive")
    holder.execute("begin exclusive")
    began = time.monotonic()
    with pytest.raises(StoreBusy):
        prompt.current_run()
    assert time.monotonic() - began < 20  # others wait for half a minute
    holder.close()
    assert prompt.customer("c3") == published.published.customer("c3")


def test_a_store_that_was_migrated_just_now_is_read_the_short_way_too(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'store.sqlite'}") as store:
        assert store.prompt is not None


def test_many_threads_read_at_a_time(published: Store) -> None:
    expected = published.published.customer("c3")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: published.published.customer("c3"), range(400)))
    assert all(answer == expected for answer in answers)
