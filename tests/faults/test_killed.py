from __future__ import annotations

from pathlib import Path

import duckdb

from churn.modeling import load_bundle
from churn.store import open_store
from tests.faults.shops import Shop, corner_shop


def _contents(shop: Shop, *schemas: str) -> dict[str, list[tuple[object, ...]]]:
    """Every table of the warehouse's `schemas`, as rows in a fixed order, without what tells when they were loaded."""
    with duckdb.connect(str(shop.home / "warehouse.duckdb"), read_only=True) as connection:
        names = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables where table_schema in "
            f"({', '.join('?' * len(schemas))}) order by 1",
            list(schemas),
        ).fetchall()
        found = {}
        for (name,) in names:
            columns = [row[0] for row in connection.execute(f"describe {name}").fetchall()]
            kept = [column for column in columns if column not in {"load_id", "loaded_at", "row_number", "file_id"}]
            listed = ", ".join(f'"{column}"' for column in kept)
            found[name] = connection.execute(f"select {listed} from {name} order by all").fetchall()
    return found


def test_a_load_killed_at_any_step_is_made_whole_by_the_next(tmp_path: Path) -> None:
    untouched = corner_shop(tmp_path / "untouched")
    untouched.run("refresh")
    shop = corner_shop(tmp_path / "home")
    for step in ("Loading customers", "Loading subscriptions", "Building staging.customers", "Checking"):
        assert shop.killed("refresh", at=step), step
    shop.run("refresh")
    theirs, ours = _contents(untouched, "raw", "staging"), _contents(shop, "raw", "staging")
    for ledger in ("raw.loads", "raw.rewrites", "raw.sightings"):  # these tell of the killed loads, as they should
        theirs.pop(ledger, None)
        ours.pop(ledger, None)
    assert ours.keys() == theirs.keys()
    for name, rows in theirs.items():
        assert ours[name] == rows, name
    assert {load["files_loaded"] for load in shop.json("refresh")["loads"]} == {0}


def test_a_changed_file_whose_load_is_killed_replaces_its_rows_once(tmp_path: Path) -> None:
    shop = corner_shop(tmp_path / "home")
    shop.run("refresh")
    path = shop.home / "subscriptions.csv"
    path.write_text(path.read_text().replace(",basic,25,", ",plus,40,"))
    for step in ("Loading subscriptions", "Building staging.customers"):
        assert shop.killed("refresh", at=step), step
    shop.run("refresh")
    with duckdb.connect(str(shop.home / "warehouse.duckdb"), read_only=True) as connection:
        versions = connection.execute(
            "select plan, count(*) from raw.subscriptions group by all order by all"
        ).fetchall()
    assert versions == [("basic", 301), ("plus", 301)]  # what was known before stays beside it, once


def test_training_killed_at_any_step_leaves_the_champion_in_office_and_every_version_whole(shop: Shop) -> None:
    url = f"sqlite:///{shop.home / 'store.sqlite'}"
    with open_store(url) as store:
        before = store.models.champion()
    for step in ("Building features.payments", "Selected"):
        assert shop.killed("train", at=step), step
    with open_store(url) as store:
        for version in store.models.list():
            assert load_bundle(shop.home / "models" / version.bundle).kind == version.kind
        assert store.models.champion() == before
    trained = shop.json("train", "--promote")
    with open_store(url) as store:
        champion = store.models.champion()
    assert champion is not None
    assert champion.version == trained["model_version"]


def test_scoring_killed_at_any_step_leaves_the_old_list_or_the_new_one(shop: Shop) -> None:
    url = f"sqlite:///{shop.home / 'store.sqlite'}"
    with open_store(url) as store:
        before = store.scores.page(limit=10_000)
    for step in ("Building snapshots.spine", "Explaining", "Publishing"):
        assert shop.killed("score", at=step), step
        with open_store(url) as store:
            after = store.scores.page(limit=10_000)
        assert after.run is not None
        assert after.run.customers == after.frame.height
        if after.run == before.run:
            assert after.frame.equals(before.frame)
    score = shop.json("score")
    assert score["is_published"]
    with open_store(url) as store:
        assert store.scores.current(columns=["customer_id"]).height == score["customers"]
    for table in _contents(shop, "history").values():
        assert len(table) == len(set(map(repr, table))), "a customer stands twice in the history of one date"


def test_a_run_that_was_killed_is_marked_abandoned_in_the_ledger(tmp_path: Path) -> None:
    shop = corner_shop(tmp_path / "home")
    assert shop.killed("refresh", at="Loading customers")
    shop.run("refresh")
    with open_store(f"sqlite:///{shop.home / 'store.sqlite'}") as store:
        assert [run.outcome for run in store.runs.list()] == ["done", "abandoned"]
