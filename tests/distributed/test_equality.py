"""The same raw files on one machine and on a real Spark cluster give the same bytes: tables, model, scores, reasons, values."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from churn.bootstrap import build_context
from churn.config import Settings
from churn.context import Context
from churn.demo.company import TABLES, generate_company
from churn.distributed import build, cut, engine
from churn.distributed.buckets import DONE
from churn.distributed.work import hash_name
from churn.warehouse.loading import ingest
from churn.workflows.explore import explore_data
from churn.workflows.monitor import monitor_model
from churn.workflows.plan import PlanRequest, plan_campaigns
from churn.workflows.privacy import erase_customers
from churn.workflows.reach import reach_places
from churn.workflows.refresh import build_features, refresh_warehouse
from churn.workflows.score import frame, score_customers
from churn.workflows.score.explain_rows import ExplainRows
from churn.workflows.train import train_model
from tests.distributed.compare import tables_of
from tests.object_store import running_object_server
from tests.spark import SETTINGS, SparkCluster

# One cluster for all; on a busy machine Spark alone takes minutes to start.
pytestmark = [pytest.mark.xdist_group("spark"), pytest.mark.slow, pytest.mark.timeout(900)]

CUSTOMERS, MONTHS, BUCKETS = 1_300, 11, 7
NIGHT = datetime(2026, 7, 1, 6)
DAY = date(2026, 5, 1)
SCHEMAS = ("staging", "totals", "snapshots", "features", "history")
TIMES = {"training_seconds", "fit_seconds", "rows_per_second", "seconds"}  # of a clock on the wall


def write_raw(folder: Path) -> None:
    """Write a simulated company: payments as a German export, a part of the sessions told late."""
    generate_company(folder, customers=CUSTOMERS, months=MONTHS)
    payments = pl.read_parquet(folder / "payments.parquet")
    as_csv(payments, folder / "payments-1.csv")
    (folder / "payments.parquet").unlink()
    sessions = pl.read_parquet(folder / "sessions-2026-03.parquet")
    late = pl.col("started_at") + pl.when(pl.int_range(pl.len()) % 9 == 0).then(pl.duration(days=20))
    sessions.with_columns(known_at=late).write_parquet(folder / "sessions-2026-03.parquet")


def as_csv(payments: pl.DataFrame, path: Path) -> None:
    german = payments.with_columns(
        pl.col("attempted_at").dt.to_string("%d.%m.%Y %H:%M:%S"),
        pl.col("amount").cast(pl.String).str.replace(".", ",", literal=True),
    )
    german.write_csv(path, separator=";")


def write_night(folder: Path) -> None:
    """Add a night: payments that turned out otherwise, a new session, and customers who object."""
    first = pl.read_csv(folder / "payments-1.csv", separator=";", infer_schema=False)
    first.head(300).with_columns(status=pl.lit("refunded")).write_csv(folder / "payments-2.csv", separator=";")
    sessions = pl.read_parquet(folder / "sessions-2026-06.parquet").tail(500)
    moved = sessions.with_columns(pl.col("started_at") + pl.duration(hours=9))
    moved.write_parquet(folder / "sessions-night.parquet")
    customers = pl.read_parquet(folder / "customers.parquet").head(40)
    objecting = customers.with_columns(objected_at=pl.lit(NIGHT), known_at=pl.lit(NIGHT))
    objecting.write_parquet(folder / "customers-night.parquet")


def context_of(home: Path, raw: Path, now: datetime, **engine_settings: Any) -> Context:
    settings = {
        "home": home,
        "sources": {
            name: {"path": str(raw / f"{name}*"), "options": {"decimal_separator": ","} if name == "payments" else {}}
            for name in TABLES
        },
        "engine": engine_settings,
        "training": {"tune_minutes": 0, "snapshots": 5, "min_churners": 60},
        "resources": {"memory_limit": "700MB"},
    }
    return replace(build_context(settings=Settings.model_validate(settings)), clock=lambda: now)


@dataclass
class Two:
    """A home whose work is done in this process, and one whose work is done on a cluster."""

    raw: Path
    folder: Path
    spark: SparkCluster

    def contexts(self, now: datetime = NIGHT, buckets: int = BUCKETS) -> tuple[Context, Context]:
        return context_of(self.folder / "embedded", self.raw, now), self.on_spark("spark", now, buckets)

    def on_spark(self, home: str, now: datetime = NIGHT, buckets: int = BUCKETS) -> Context:
        shared = {"master": self.spark.master, "work": str(self.folder / "work"), "settings": SETTINGS}
        return context_of(self.folder / home, self.raw, now, kind="spark", buckets=buckets, **shared)

    def each(self, work: Callable[[Context], object], now: datetime = NIGHT) -> None:
        for context in self.contexts(now):
            work(context)

    def months_cut(self) -> set[str]:
        """Name the parts of the sessions that are cut, which follow from their rows."""
        note = json.loads((self.folder / "spark" / "engine.json").read_text(encoding="utf-8"))
        return {path.parent.name for path in (Path(note["folder"]) / "cut" / "staging.sessions").glob(f"*/{DONE}")}

    def assert_same(self) -> None:
        ours, theirs = (held(context) for context in self.contexts())
        assert ours.keys() == theirs.keys()
        for name, (kinds, rows) in ours.items():
            assert theirs[name][0] == kinds, name
            assert theirs[name][1].equals(rows), name

    def assert_same_in_store(self, *tables: str) -> None:
        """Compare what was decided and found: all columns of all rows, but for the times that something took."""
        for table in tables:
            ours, theirs = (stored(context, table) for context in self.contexts())
            assert ours, table
            assert ours == theirs, table

    def assert_same_files(self, place: str, read: Callable[[Path], object], names: Sequence[str]) -> None:
        ours, theirs = self.folder / "embedded" / place, self.folder / "spark" / place
        paths = sorted(path.relative_to(ours) for path in ours.rglob("*") if path.is_file())
        assert paths == sorted(path.relative_to(theirs) for path in theirs.rglob("*") if path.is_file())
        assert set(names) <= {path.name for path in paths}
        for path in paths:
            assert read(ours / path) == read(theirs / path), path


def held(context: Context) -> dict[str, tuple[dict[str, str], pl.DataFrame]]:
    """Return what the warehouse holds, and the published list."""
    with context.open_warehouse("tests") as warehouse:
        tables = tables_of(warehouse, SCHEMAS)
    with closing(sqlite3.connect(context.settings.home / "store.sqlite")) as store:
        rows = sorted(map(repr, store.execute("select * from scores").fetchall()))
    tables["published"] = ({}, pl.DataFrame({"row": rows}))
    return tables


def stored(context: Context, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table of the store, its documents read."""
    with closing(sqlite3.connect(context.settings.home / "store.sqlite")) as store:
        store.row_factory = sqlite3.Row
        rows = [dict(row) for row in store.execute(f"select * from {table} order by 1, 2").fetchall()]
    return [{name: _document(value) for name, value in row.items()} for row in rows]


def _document(value: Any) -> Any:
    return _pruned(json.loads(value)) if isinstance(value, str) and value[:1] in {"{", "["} else value


def without_times(path: Path) -> object:
    """Return a file of a bundle without the seconds that something took, and what bears their hash."""
    if path.suffix == ".json":
        return _pruned(json.loads(path.read_text(encoding="utf-8")))
    return None if path.name == "card.md" else hashlib.sha256(path.read_bytes()).hexdigest()


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _pruned(item) for key, item in value.items() if key not in {*TIMES, "card.json", "card.md"}}
    return [_pruned(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def two(spark: SparkCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """Two homes that were loaded, trained and scored."""
    folder = tmp_path_factory.mktemp("two")
    write_raw(folder / "raw")
    homes = Two(folder / "raw", folder, spark)
    with pytest.MonkeyPatch.context() as patch:  # a block of rows is larger than this company
        patch.setattr(frame, "ExplainRows", partial(ExplainRows, rows=256))
        patch.setattr(cut, "MONTHLY_FROM", 50_000)
        patch.setattr(ingest, "SHARED_FROM", 0)
        yield from lived(homes)
    shutil.rmtree(folder, ignore_errors=True)


def lived(homes: Two) -> Iterator[Two]:
    for context in homes.contexts():
        refresh_warehouse(context)
        train_model(context, candidates=["logistic_regression", "xgboost"], tune=False)
        score_customers(context)
    yield homes


def newest_step(context: Context, step: str) -> tuple[str | None, int | None, int | None, int | None]:
    with context.open_store() as store:
        run = store.runs.list(workflow=step, limit=1)[0]
    return run.outcome, run.buckets_done, run.buckets_retried, run.buckets_failed


def test_a_trained_and_scored_home_is_the_same_to_the_last_bit(two: Two) -> None:
    two.assert_same()
    two.assert_same_files("models", without_times, ["card.json", "model.json", "reference.json"])
    on_spark = two.contexts()[1]
    with on_spark.open_store() as store:
        first = store.runs.list(workflow="spark_build", limit=1_000)[-1]  # other tests may have built since
    assert (first.outcome, first.buckets_done, first.buckets_failed) == ("done", BUCKETS, 0)
    assert newest_step(on_spark, "spark_rows")[0] == "done"
    assert newest_step(on_spark, "spark_read")[0] == "done", "payments are read by tasks"
    note = json.loads((two.folder / "spark" / "engine.json").read_text(encoding="utf-8"))
    assert (note["hash"], note["buckets"]) == (hash_name(), BUCKETS)


@pytest.mark.parametrize("buckets", [1, 2])  # and 64: python -m benchmarks --only P23
def test_features_are_the_same_in_any_number_of_buckets(two: Two, buckets: int) -> None:
    whole, cut_in = (two.folder / f"{kind}-{buckets}" for kind in ("whole", "in"))
    for home in (whole, cut_in):  # copies: the two homes go on the same way, whichever test comes next
        shutil.copytree(two.folder / "embedded", home)
    ours, _ = build_features(context_of(whole, two.raw, NIGHT), first=DAY)
    theirs, _ = build_features(two.on_spark(cut_in.name, buckets=buckets), first=DAY)
    assert ours.equals(theirs)
    assert ours.height > CUSTOMERS / 2


def test_features_and_scores_are_the_same_through_an_object_store(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("moto", reason="moto is not installed")
    for home in ("whole-once-more", "through-a-store"):
        shutil.copytree(two.folder / "embedded", two.folder / home)
    with running_object_server() as server, server.client() as client:
        client.create_bucket(Bucket="work-of-two-homes")
        for name, value in server.secrets.items():
            monkeypatch.setenv(name, value)
        shared = {"master": two.spark.master, "work": "s3://work-of-two-homes/churn", "settings": SETTINGS}
        here = context_of(two.folder / "whole-once-more", two.raw, NIGHT)
        there = context_of(two.folder / "through-a-store", two.raw, NIGHT, kind="spark", buckets=2, **shared)
        for context in (here, there):
            score_customers(context)
        assert newest_step(there, "spark_build")[:2] == ("done", 2)
        assert newest_step(there, "spark_rows")[0] == "done"
        ours, theirs = held(here), held(there)
        assert ours.keys() == theirs.keys()
        for name, (kinds, rows) in ours.items():
            assert theirs[name][0] == kinds, name
            assert theirs[name][1].equals(rows), name
        assert [key for key in server.keys("work-of-two-homes") if "/cut/" in key]
        assert not [key for key in server.keys("work-of-two-homes") if "/built/" in key or "/rows/" in key]


def test_a_killed_executor_costs_attempts_and_no_bytes(two: Two) -> None:
    embedded, on_spark = two.contexts()
    ours, _ = build_features(embedded, first=DAY - timedelta(days=1))
    is_over = threading.Event()

    def kill() -> None:
        while not is_over.is_set():
            if list((two.folder / "work").glob("*/built/*/*/try-*")):
                for process in two.spark.executors():
                    os.kill(process, signal.SIGKILL)
                return
            time.sleep(0.02)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        theirs, _ = build_features(on_spark, first=DAY - timedelta(days=1))
    finally:
        is_over.set()
        killer.join()
    assert ours.equals(theirs)
    outcome, done, again, failed = newest_step(on_spark, "spark_build")
    assert (outcome, done, failed) == ("done", BUCKETS, 0)
    assert again is not None
    assert again > 0


def test_after_a_killed_driver_only_the_buckets_that_are_left_are_built(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded, on_spark = two.contexts()
    day = DAY - timedelta(days=2)
    written: list[dict[int, int]] = []
    gather = build.gather

    def dies(_warehouse: object, _models: object, folders: Sequence[Path]) -> None:
        written.append(times(folders))
        shutil.rmtree(folders[3].parent)
        raise KeyboardInterrupt

    def looks(warehouse: Any, models: Any, folders: Sequence[Path]) -> None:
        written.append(times(folders))
        gather(warehouse, models, folders)

    def times(folders: Sequence[Path]) -> dict[int, int]:
        below = folders[0].parent.parent
        return {int(path.parent.name): path.stat().st_mtime_ns for path in below.glob(f"*/{DONE}")}

    monkeypatch.setattr(engine, "gather", dies)
    with pytest.raises(KeyboardInterrupt):
        build_features(on_spark, first=day)
    outcome, done, _again, failed = newest_step(on_spark, "spark_build")
    assert (outcome, done, failed) == ("failed", BUCKETS - 1, 1)
    monkeypatch.setattr(engine, "gather", looks)
    theirs, _ = build_features(on_spark, first=day)
    before, after = written
    assert [bucket for bucket in range(BUCKETS) if before[bucket] != after[bucket]] == [3]
    assert build_features(embedded, first=day)[0].equals(theirs)


def test_a_night_with_late_versions_objections_and_an_erasure_is_the_same(two: Two) -> None:
    months = two.months_cut()
    write_night(two.raw)
    later = NIGHT + timedelta(days=1)
    erased = pl.read_parquet(two.raw / "customers.parquet")["customer_id"][77]
    for context in two.contexts(later):
        refresh_warehouse(context)
        score_customers(context)
    two.assert_same()
    kept = months & two.months_cut()
    assert len(months) in range(7, MONTHS + 1), "the months before the dates of training, and of the list"
    assert len(kept) in range(len(months) - 2, len(months)), "only the months with new sessions are cut again"
    for context in two.contexts(later):
        erase_customers(context, [erased], who="tests")
    assert not (two.folder / "spark" / "engine.json").exists(), "cut customers are left after an erasure"
    for context in two.contexts(later):
        score_customers(context)
        monitor_model(context, retrain=False)
        explore_data(context)
        plan_campaigns(context, PlanRequest(allow_uncalibrated=True))
    two.assert_same()
    two.assert_same_in_store("campaign_plans", "assignments", "monitoring_runs", "alerts")
    assert {row["arm"] for row in stored(two.contexts(later)[1], "assignments")} == {"treatment", "holdout"}
    ours, theirs = (two.folder / home / "insights" for home in ("embedded", "spark"))
    names = sorted(path.name for path in ours.glob("*.json"))
    assert names
    for name in names:
        assert _pruned(json.loads((ours / name).read_text())) == _pruned(json.loads((theirs / name).read_text()))


def test_a_check_tries_the_cluster(two: Two) -> None:
    reached = [place for place in reach_places(two.contexts()[1]) if place.what == "engine"]
    assert [(place.where, place.error) for place in reached] == [(f"Spark ({two.spark.master})", None)]
    assert not [place for place in reach_places(two.contexts()[0]) if place.what == "engine"]
