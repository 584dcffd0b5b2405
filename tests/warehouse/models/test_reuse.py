"""A snapshot table is built anew when anything that it follows from has changed, and stands otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn.errors import ConfigError
from churn.warehouse import Warehouse, load_models
from churn.warehouse.models.build import build as build_models
from churn.warehouse.models.sql_models import load_needed
from tests.worlds import NO_HOME, World, at, build, shipped_models

SPANS = "snapshots.spans"
CHANGES = {
    "a load": "update raw.builds set load_id = 2",
    "rows taken out": "delete from staging.subscription_events where customer_id = 'b'",
    "a setting it names": "update snapshots.policy set grace_days = 40",
    "somebody else's table": "create or replace table snapshots.spans as select 1 as one",
}


def _built(warehouse: Warehouse) -> list[str]:
    results = build_models(warehouse, shipped_models(), schemas=["snapshots"], names=[SPANS], keep_standing=True)
    return [one.name for one in results]


def _world() -> World:
    return World().subscription("a", "2024-01-10").subscription("b", "2024-01-10", end="2024-03-01")


def _noted(warehouse: Warehouse) -> None:
    """Let the staged contracts look as a load leaves them, and build the snapshots."""
    warehouse.execute("create schema if not exists raw")
    warehouse.execute(
        "create or replace table raw.builds as select 'staging.subscription_events' as model, 'h' as sql_hash, 1 as load_id"
    )
    build(warehouse, "2024-02-01", cutoff=at("2024-05-01"))


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_what_stands_is_kept_until_something_it_follows_from_changes(change: str) -> None:
    with _world().warehouse() as warehouse:
        _noted(warehouse)
        assert _built(warehouse) == []
        warehouse.execute(CHANGES[change])
        assert SPANS in _built(warehouse)
        assert _built(warehouse) == []


def test_another_day_of_judgement_changes_nothing_that_does_not_ask_for_it() -> None:
    with _world().warehouse() as warehouse:
        _noted(warehouse)
        build(warehouse, "2024-03-01", cutoff=at("2024-04-01"))
        assert _built(warehouse) == []
        assert warehouse.rows(
            "select count(*) from duckdb_tables() where table_name = 'spine' and comment is not null"
        ) == [(0,)]


def test_without_a_note_of_what_was_loaded_nothing_stands() -> None:
    with _world().warehouse() as warehouse:
        build(warehouse, "2024-02-01", cutoff=at("2024-05-01"))
        assert SPANS in _built(warehouse)


def test_other_sql_is_run(tmp_path: Path) -> None:
    with _world().warehouse() as warehouse:
        _noted(warehouse)
        own = tmp_path / "sql" / "snapshots" / "subscriptions.sql"
        own.parent.mkdir(parents=True)
        own.write_text(shipped_models()["snapshots.subscriptions"].sql + "\n-- changed\n", encoding="utf-8")
        results = build_models(
            warehouse, load_models(tmp_path), schemas=["snapshots"], names=[SPANS], keep_standing=True
        )
        assert [one.name for one in results] == ["snapshots.subscriptions", "snapshots.told_spans", SPANS]


def test_some_models_are_read_with_all_they_read_and_no_others() -> None:
    found = load_needed(NO_HOME, ["marts.churn_by_month"])
    every = load_models(NO_HOME)
    assert {"marts.churn_by_month", SPANS, "snapshots.subscription_versions"} <= found.keys() < every.keys()
    assert all(found[name] == every[name] for name in found)
    with pytest.raises(ConfigError, match=r"no SQL model `marts\.none`"):
        load_needed(NO_HOME, ["marts.none"])
