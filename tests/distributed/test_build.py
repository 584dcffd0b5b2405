"""Built bucket by bucket, each in a database of its own, the tables are those of the whole; Spark has no part in this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from churn.config import ResourceSettings
from churn.distributed.build import WHOLE, BuildTask, gather, gather_counts, plan_build
from churn.distributed.cut import CutPart, CutTable
from churn.distributed.months import seen_months, within
from churn.distributed.place import Place
from churn.distributed.tables import FiledTable, sql_name
from churn.errors import ConfigError
from churn.monitoring.reference import build_reference
from churn.snapshots.dataset import build_snapshots, feature_frame, prepare_build, scoring_set, training_set
from churn.snapshots.engine import added
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import SqlModel, Warehouse
from churn.warehouse.models.build import build
from churn.warehouse.models.sql_models import load_models
from churn.workflows.monitor.counting import CountDays
from tests.distributed.compare import tables_of
from tests.sql.companies import add_facts, add_records, add_versions, base_company, known_by
from tests.worlds import FAR, World, at, goes_on, shipped_models

pytestmark = pytest.mark.slow

DATES = [date(2024, 3, 1), date(2024, 4, 1), date(2024, 5, 1)]
SMALL = ResourceSettings(memory_limit="500MB", threads=1)


def town() -> World:
    """Facts over a year: late, from the future, told again of other customers, and some of nobody known."""
    random = np.random.default_rng(5)
    draw = known_by(at("2024-07-01"), random, days=400)
    return add_versions(
        add_records(add_facts(base_company(at("2024-06-01"), random), 200, draw, random), 20, draw, random),
        15,
        draw,
        random,
    )


def flat() -> World:
    """Rows of a flat source alone, of two dates; who left counts as left at the newest only."""
    world = World()
    for number in range(9):
        for day in ("2024-04-01", "2024-05-01"):
            world.flat(f"c{number}", day, number % 4 == 0, score=number * 1.5, tier=f"t{number % 3}")
    return world


def told() -> World:
    """Customers without subscriptions, whose loss a table of churn events tells; some buckets have no event at all."""
    world = World()
    for number in range(9):
        world.customer(f"c{number}", "2023-01-01").daily_sessions(f"c{number}", "2024-01-01", "2024-06-20", every=5)
    return world.churn("c3", "2024-04-10").churn("c7", "2024-05-20", "payment_failure").churn("c7", "2024-06-20")


def cut_here(warehouse: Warehouse, name: str, folder: Path, buckets: int, months: frozenset[int] | None) -> CutTable:
    """Cut a table as Spark would; by which hash does not matter."""
    table = FiledTable.of(warehouse, name)
    target = folder / name
    listed = ", ".join(column.written for column in table.columns)
    (rows,) = warehouse.rows(f"select count(*) from {sql_name(name)}")[0]
    target.mkdir(parents=True)
    for bucket in range(buckets):
        condition = f"hash(customer_id) % {buckets} = {bucket}"
        if months is not None:
            condition += f" and {within('occurred_at', months)}"
        if warehouse.rows(f"select 1 from {sql_name(name)} where {condition} limit 1"):
            (target / f"bucket={bucket}").mkdir()
            path = target / f"bucket={bucket}" / "part-0.parquet"
            warehouse.execute(
                f"copy (select {listed} from {sql_name(name)} where {condition}) to '{path}' (format parquet)"
            )
    newest = None
    if name == "staging.customer_snapshots":
        newest = warehouse.rows("select cast(max(snapshot_date) as varchar) from staging.customer_snapshots")[0][0]
    files = tuple(str(path.relative_to(target)) for path in sorted(target.rglob("*.parquet")))
    return CutTable(table, (CutPart(Place.at(target), files),), rows, rows % 2 == 0, newest)


def build_in_buckets(
    warehouse: Warehouse,
    models: dict[str, SqlModel],
    policy: SnapshotPolicy,
    folder: Path,
    buckets: int,
    counting: CountDays,
    share: float,
) -> pl.DataFrame:
    """Do what the engine does, task by task in this process; return what was counted."""
    tables = prepare_build(warehouse, models, policy, DATES, data_cutoff=FAR, shares=dict.fromkeys(DATES[1:], share))
    plan = plan_build(models, tables)
    build(warehouse, models, schemas=("totals",), names=tables)
    seen = seen_months(warehouse, models, plan.cut, plan.built)
    cut = tuple(cut_here(warehouse, name, folder / "cut", buckets, seen[name]) for name in plan.cut)
    whole = [(FiledTable.of(warehouse, name), Place.at(folder / f"{name}.parquet")) for name in WHOLE]
    for table, place in whole:
        table.write(warehouse, place.path)
    chosen = tuple(name for name in tables if name in plan.built)
    task = BuildTask({name: models[name] for name in plan.built}, plan, chosen, cut, tuple(whole), SMALL, counting)
    for bucket in range(buckets):
        (folder / str(bucket)).mkdir()
        task(str(bucket), folder / str(bucket))
    folders = [folder / str(bucket) for bucket in range(buckets)]
    gather(warehouse, models, folders)
    return gather_counts(folders)


def counting_of(warehouse: Warehouse, models: dict[str, SqlModel]) -> CountDays:
    """Return what counts by the bins of all rows, for each feature that there is and one that there is not."""
    frame, docs = feature_frame(warehouse, models)
    names = tuple(doc.name for doc in docs)
    frame = frame.with_columns(absent=pl.lit(1.0))
    reference = build_reference(frame, [*names, "absent"], training=None, test=None)
    return CountDays(reference, tuple(DATES[1:]), names)


@pytest.mark.parametrize(
    ("world", "policy", "buckets", "share"),
    [
        (town, SnapshotPolicy(), 1, 1.0),
        (town, SnapshotPolicy(), 7, 1.0),
        (town, SnapshotPolicy(), 7, 0.6),
        (town, SnapshotPolicy(definition="inactivity", inactivity_days=30, dated_by="end_of_service"), 2, 1.0),
        (flat, SnapshotPolicy(), 7, 1.0),
        (told, SnapshotPolicy(told_by="churn_events"), 5, 0.8),
    ],
    ids=["subscriptions, 1", "subscriptions, 7", "share, 7", "inactivity, 2", "flat, 7", "share, churn events, 5"],
)
def test_tables_built_by_bucket_are_those_of_the_whole(
    world: Callable[[], World], policy: SnapshotPolicy, buckets: int, share: float, tmp_path: Path
) -> None:
    models = shipped_models()
    with world().warehouse() as whole, world().warehouse() as cut:
        for warehouse in (whole, cut):
            if world is town:
                goes_on(warehouse, FAR)
        build_snapshots(whole, models, policy, DATES, data_cutoff=FAR, shares=dict.fromkeys(DATES[1:], share))
        counting = counting_of(whole, models)
        counted = build_in_buckets(cut, models, policy, tmp_path, buckets, counting, share)
        expected = added([counting(whole, models)])
        assert counted.equals(expected)
        for day, counts in counting.read(counted).items():
            frame = scoring_set(whole, models, policy, day, wanted=counting.features).frame
            assert counts.rows == frame.height > 0
            for feature in counting.reference.features:
                assert counts.of_feature(feature).tolist() == feature.count(frame).tolist(), feature.name
        ours, theirs = tables_of(whole), tables_of(cut)
        assert ours.keys() == theirs.keys()
        for name, (kinds, frame) in ours.items():
            assert theirs[name][0] == kinds, name
            assert theirs[name][1].equals(frame), name
        assert ours["snapshots.spine"][1].height > 0
        assert feature_frame(whole, models)[0].equals(feature_frame(cut, models)[0])
        assert training_set(whole, models, policy).fingerprint == training_set(cut, models, policy).fingerprint


@pytest.mark.parametrize(
    ("policy", "sees_all"), [(SnapshotPolicy(), False), (SnapshotPolicy(definition="inactivity"), True)]
)
def test_of_large_tables_only_the_months_are_cut_that_a_build_can_see(policy: SnapshotPolicy, sees_all: bool) -> None:
    models, day = shipped_models(), date(2024, 5, 20)
    with town().warehouse() as warehouse:
        tables = prepare_build(warehouse, models, policy, [day], data_cutoff=FAR)
        build(warehouse, models, schemas=("totals",), names=tables)
        plan = plan_build(models, tables)
        seen = seen_months(warehouse, models, plan.cut, plan.built)
        late = warehouse.rows(
            "select distinct year(occurred_at) * 12 + month(occurred_at) from staging.sessions"
            f" where fact_version = 1 and occurred_at < '{day}' and available_at >= '{day}'"
        )
        assert seen["staging.payments"] is None, "a file that says nothing may look at all of them"
        if sees_all:
            assert seen["staging.sessions"] is None
            assert seen["staging.events"] is None
            return
        recent = frozenset(2024 * 12 + month for month in (2, 3, 4, 5))
        assert seen["staging.events"] == recent
        assert seen["staging.sessions"] == recent | frozenset(number for (number,) in late)
        assert len(seen["staging.sessions"]) > len(recent), "months of which a part was told late are needed too"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "sql" / "features").mkdir(parents=True)
    return tmp_path


def own_feature(home: Path, header: str) -> dict[str, SqlModel]:
    text = (
        f"{header}select customer_id, snapshot_date, rank() over (order by customer_id) as place from snapshots.spine\n"
    )
    (home / "sql" / "features" / "places.sql").write_text(text, encoding="utf-8")
    return load_models(home)


def test_sql_of_ones_own_has_to_say_that_each_customer_stands_alone(home: Path) -> None:
    with pytest.raises(ConfigError, match=r"Per customer: yes"):
        plan_build(own_feature(home, "-- Purpose: a rank.\n"), ["features.places"])
    models = own_feature(home, "-- Purpose: a rank.\n-- Per customer: yes\n")
    assert "features.places" in plan_build(models, ["features.places"]).built


def test_sql_that_reads_what_is_not_cut_is_refused(home: Path) -> None:
    models = own_feature(home, "-- Per customer: yes\n")
    odd = replace(models["features.places"], depends_on=frozenset({"snapshots.spine", "raw.customers"}))
    with pytest.raises(ConfigError, match=r"raw\.customers, which is not cut"):
        plan_build({**models, "features.places": odd}, ["features.places"])


def test_what_is_built_without_spark_needs_no_declaration() -> None:
    shipped = shipped_models()
    plan = plan_build(shipped, [name for name in shipped if name.startswith("features.")])
    assert {"staging.payments", "staging.sessions", "totals.session_months"} <= set(plan.cut)
    assert not {name for name in plan.cut if name.startswith("raw.")}
