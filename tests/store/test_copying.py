from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from churn.store import Store, open_store
from churn.store.copying import bring_back_store, save_store
from churn.store.programme_tables import schema
from churn.store.tables import crm_mappings
from tests.store.builders import NOON, model, run, score_list


def _rows(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.database.read() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for table in schema.sorted_tables
        }


def _fill(store: Store) -> None:
    store.scores.publish(run(), score_list())
    store.models.register(model())
    store.jobs.request("nightly", logical_date=date(2026, 6, 1), requested_by="test", at=NOON)
    store.users.add("maria", "hash", ["read"], NOON)
    with store.database.write() as connection:
        connection.execute(  # its previous mapping is null, not JSON's null
            sa.insert(crm_mappings),
            {
                "connector": "crm",
                "campaign": "c",
                "run_id": "r",
                "mapping": {"a": 1},
                "who": "test",
                "changed_at": NOON,
            },
        )


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_store_is_saved_and_brought_back_into_either_kind(
    store: Store, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    _fill(store)
    saved = tmp_path / "saved.sqlite"
    save_store(store, saved)
    assert not saved.with_name("saved.sqlite-wal").exists()
    store.users.remove("maria")
    with open_store(f"sqlite:///{saved}") as kept:
        before = _rows(kept)
    assert before["users"]
    url = f"sqlite:///{tmp_path / 'other.sqlite'}" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    assert bring_back_store(saved, url)
    with open_store(url) as other:
        assert _rows(other) == before
        assert other.scores.current_run() == store.scores.current_run()
        again = other.jobs.request("nightly", logical_date=date(2026, 6, 2), requested_by="test", at=NOON)
        assert again.run_id == 2  # counting goes on


def test_who_has_the_store_open_sees_what_was_brought_back(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    with open_store(url) as writer:
        _fill(writer)
        save_store(writer, tmp_path / "saved.sqlite")
        with open_store(url) as reader:
            assert [user.name for user in reader.users.list()] == ["maria"]
            writer.users.remove("maria")
            assert reader.users.list() == []
            assert bring_back_store(tmp_path / "saved.sqlite", url)
            assert [user.name for user in reader.users.list()] == ["maria"]
            assert reader.published.current_run() == writer.scores.current_run()
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as connection:
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)


def test_a_damaged_store_is_replaced_and_that_is_told(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with open_store(f"sqlite:///{path}") as store:
        _fill(store)
        save_store(store, tmp_path / "saved.sqlite")
    path.write_bytes(b"this is no database" * 1_000)
    assert not bring_back_store(tmp_path / "saved.sqlite", f"sqlite:///{path}")
    with open_store(f"sqlite:///{path}") as store:
        assert [user.name for user in store.users.list()] == ["maria"]
