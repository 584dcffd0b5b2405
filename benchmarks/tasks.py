"""Tasks that run in a process of their own, so that their peak memory is theirs: `python -m benchmarks.tasks NAME JSON`."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.company import BenchCompany, company
from churn.progress import SILENT

if TYPE_CHECKING:
    from churn.config import EngineSettings

Work = Callable[[], dict[str, Any]]


def features(customers: int, months: int) -> Work:
    """All features of the newest date from loaded tables."""
    from benchmarks.features import build_all, months_before

    found = company(customers, months, SILENT)

    def work() -> dict[str, Any]:
        with found.context().open_warehouse("bench") as warehouse:
            return {"rows": build_all(warehouse, found, months_before(found.cutoff, 1))}

    return work


def nightly(customers: int, months: int, home: str) -> Work:
    """The nightly run in `home`: load what is new, check, features, score, reasons, publish, history."""
    found = company(customers, months, SILENT)
    context = found.context(Path(home))

    def work() -> dict[str, Any]:
        from churn.workflows.refresh import refresh_warehouse
        from churn.workflows.score import score_customers

        began = time.perf_counter()
        refreshed = refresh_warehouse(context)
        loaded = time.perf_counter()
        scored = score_customers(context)[0]
        return {
            "load": loaded - began,
            "score": time.perf_counter() - loaded,
            "customers": scored.customers,
            "rows": sum(load.rows for load in refreshed.loads),
            "date": scored.snapshot_date.isoformat(),
        }

    return work


def load_and_group(customers: int, months: int) -> Work:
    """Load every file into a new database and group each table by customer: the least a nightly run could do."""
    import duckdb

    found: BenchCompany = company(customers, months, SILENT)
    path = found.folder / "plain.duckdb"

    def work() -> dict[str, Any]:
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as connection:
            for table in ("sessions", "payments", "support_tickets", "contacts", "subscriptions", "customers"):
                files = f"{found.files.as_posix()}/{table}*.parquet"
                connection.execute(
                    f"create table {table} as select * from read_parquet('{files}', union_by_name = true)"
                )
                connection.execute(
                    f"create table {table}_grouped as select customer_id, count(*) from {table} group by customer_id"
                )
        path.unlink()
        return {}

    return work


def matrix(tool: str, files: str, dates: list[str]) -> Work:
    """The eight features of the case, from Parquet files to a matrix, by `tool`."""
    from importlib import import_module

    module = import_module(f"benchmarks.matrix_{tool}")
    days = [date.fromisoformat(day) for day in dates]

    def work() -> dict[str, Any]:
        began = time.process_time()
        checks: dict[str, Any] = module.eight_features(Path(files), days)
        return {**checks, "cpu": time.process_time() - began}

    return work


def month_sums(files: str, home: str | None) -> Work:
    """Sessions from Parquet files to staging and their month sums in a new `home`; without one, the bare sums alone."""
    import duckdb
    import numpy as np  # noqa: F401  # what both need is loaded before the clock runs
    import polars as pl  # noqa: F401

    paths = f"{files}/sessions*.parquet"

    def ours() -> dict[str, Any]:
        from churn.config import SourceSettings
        from churn.warehouse import load_models, open_warehouse
        from churn.warehouse.loading.ingest import ingest
        from churn.warehouse.models.build import build

        assert home is not None
        folder = Path(home)
        shutil.rmtree(folder, ignore_errors=True)
        models = load_models(folder)
        began = time.process_time()
        with open_warehouse(folder / "warehouse.duckdb", holder="bench") as warehouse:
            ingest(warehouse, {"sessions": SourceSettings(path=paths)}, now=datetime(2030, 1, 1))  # noqa: DTZ001  # it is UTC
            names = ["staging.sessions", "totals.session_months"]
            build(warehouse, models, schemas=["staging", "totals"], names=names)
        taken = time.process_time() - began
        with open_warehouse(folder / "warehouse.duckdb", holder="bench") as warehouse:
            sums = warehouse.rows("select sum(sessions), count(*) from totals.session_months")[0]
        disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        shutil.rmtree(folder)
        return {"cpu": taken, "disk": disk, "sessions": int(sums[0]), "rows": sums[1]}

    def bare() -> dict[str, Any]:
        began = time.process_time()
        with duckdb.connect() as connection:
            connection.execute(
                "create table sums as select customer_id, date_trunc('month', started_at) as month, count(*) as sessions,"
                f" min(started_at) as first_at, max(started_at) as last_at from read_parquet('{paths}') group by all"
            )
            sums = connection.execute("select sum(sessions), count(*) from sums").fetchall()[0]
        return {"cpu": time.process_time() - began, "sessions": int(sums[0]), "rows": sums[1]}

    return ours if home is not None else bare


def explore(customers: int, months: int) -> Work:
    """Explore the snapshots that stand in the warehouse, features and all, and draw the page."""
    found = company(customers, months, SILENT)
    context = found.context()

    def work() -> dict[str, Any]:
        from churn.reports.exploration import render_exploration
        from churn.snapshots.policy import SnapshotPolicy
        from churn.warehouse import load_models
        from churn.workflows.explore.explore import read_document, read_table

        models, policy = load_models(found.home), SnapshotPolicy.from_settings(context.settings)
        with context.open_warehouse("bench") as warehouse:
            table = read_table(context, warehouse, models, policy)
            document = read_document(context, warehouse, models, policy, table, found.cutoff)
        page = render_exploration(document, home=found.home)
        columns, insights = len(document.profile), len(document.insights)
        return {"rows": table.rows, "columns": columns, "insights": insights, "page_bytes": len(page)}

    return work


def report(customers: int, months: int, home: str) -> Work:
    """The monthly report of the last whole month, written into `home`."""
    context = company(customers, months, SILENT).context(Path(home))

    def work() -> dict[str, Any]:
        from churn.workflows.report import publish_report

        began = time.process_time()
        found = publish_report(context)
        return {
            "month": found.month,
            "customers": found.document.churn.now.customers if found.document.churn else 0,
            "page_bytes": found.files["report"].stat().st_size,
            "cpu": time.process_time() - began,
        }

    return work


def features_on(customers: int, months: int, buckets: int | None, dates: int = 1) -> Work:
    """All features of the newest `dates`, in this process or, cut into `buckets`, by tasks of a Spark on this machine."""
    from benchmarks.features import months_before
    from churn.bootstrap import build_context
    from churn.distributed import forget_work, probe_cluster
    from churn.snapshots.dataset import data_cutoff
    from churn.snapshots.policy import SnapshotPolicy
    from churn.warehouse.models.sql_models import load_models

    found = company(customers, months, SILENT)
    settings = found.context().settings
    if buckets is not None:
        settings = settings.model_copy(update={"engine": spark_here(buckets)})
        probe_cluster(found.home, settings.engine)  # the first job of a Java takes it seconds to compile
        forget_work(found.home)
    context = build_context(settings=settings)
    models, policy = load_models(found.home), SnapshotPolicy.from_settings(settings)

    def build() -> None:
        with context.open_warehouse("bench") as warehouse:
            days = months_before(found.cutoff, dates)
            context.engine.build_snapshots(warehouse, models, policy, days, data_cutoff=data_cutoff(warehouse))

    def work() -> dict[str, Any]:
        began, java = time.process_time(), java_seconds()
        build()
        answer: dict[str, Any] = {"cpu": time.process_time() - began}
        if buckets is not None:
            cut = _noted(found.home, "spark_cut")
            answer |= {
                "driver_cpu": answer.pop("cpu") - cut["cpu_seconds"],
                "spark_cpu": java_seconds() - java,
                "cut_cpu": cut["cpu_seconds"],
            }
            began, java = time.process_time(), java_seconds()
            build()  # other days would do: what was cut is not cut again
            step = _noted(found.home, "spark_build")
            answer |= {
                "driver_cpu_again": time.process_time() - began,
                "spark_cpu_again": java_seconds() - java,
                "task_cpu": step["cpu_seconds"],
                "task_mb": step["peak_mb"],
            }
        return answer

    return work


def rules(customers: int, months: int) -> Work:
    """All quality rules over loaded tables, as the driver runs them under either engine."""
    from churn.warehouse import load_models
    from churn.warehouse.models.checks import run_checks

    found = company(customers, months, SILENT)
    models = load_models(found.home)
    now = datetime.combine(found.cutoff, datetime.min.time())

    def work() -> dict[str, Any]:
        began = time.process_time()
        with found.context().open_warehouse("bench") as warehouse:
            run = run_checks(warehouse, models, now=now)
        return {"rules": len(run), "cpu": time.process_time() - began}

    return work


def training_rows(customers: int, months: int, most_rows: int) -> Work:
    """The rows of twelve dates that a training learns from and judges on, built and read: of all customers, or of a share of them."""
    from churn.bootstrap import build_context
    from churn.workflows.train.train import assemble_training_set

    settings = company(customers, months, SILENT).context().settings
    training = settings.training.model_copy(update={"max_snapshot_rows": most_rows})
    context = build_context(settings=settings.model_copy(update={"training": training}))

    def work() -> dict[str, Any]:
        began = time.process_time()
        with context.open_warehouse("bench") as warehouse:
            data = assemble_training_set(context, warehouse, snapshots=12)
        return {"rows": data.frame.height, "share": data.share, "cpu": time.process_time() - began}

    return work


def _noted(home: Path, event: str) -> dict[str, Any]:
    """Return the newest line of the log of that kind."""
    log = (home / "churn.log").read_text(encoding="utf-8").splitlines()
    return next(line for text in reversed(log) if (line := json.loads(text))["event"] == event)


def tables_that_differ(customers: int, months: int, buckets: int) -> Work:
    """Build the snapshots and features of the newest date by both engines, and name the tables that are not the same."""
    from benchmarks.features import months_before
    from churn.bootstrap import build_context
    from churn.distributed.work import forget_work
    from churn.snapshots.dataset import data_cutoff
    from churn.snapshots.policy import SnapshotPolicy
    from churn.warehouse.models.sql_models import load_models
    from tests.distributed.compare import tables_of

    found = company(customers, months, SILENT)
    settings = found.context().settings
    models, policy = load_models(found.home), SnapshotPolicy.from_settings(settings)

    def work() -> dict[str, Any]:
        built = []
        for engine in (settings.engine, spark_here(buckets)):
            context = build_context(settings=settings.model_copy(update={"engine": engine}))
            with context.open_warehouse("bench") as warehouse:
                days = months_before(found.cutoff, 1)
                context.engine.build_snapshots(warehouse, models, policy, days, data_cutoff=data_cutoff(warehouse))
                built.append(tables_of(warehouse))
        forget_work(found.home)
        ours, theirs = built
        names = sorted(ours.keys() | theirs.keys())
        same = [
            n for n in ours.keys() & theirs.keys() if ours[n][0] == theirs[n][0] and ours[n][1].equals(theirs[n][1])
        ]
        values = sum(frame.height * frame.width for _, frame in ours.values())
        return {"differ": sorted(set(names) - set(same)), "tables": len(names), "values": values}

    return work


def cut_sessions(customers: int, months: int, buckets: int, is_monthly: bool, is_warm: bool) -> Work:  # noqa: FBT001 - comes as JSON
    """Cut all sessions by customer, and let Spark shuffle and write the same rows by the same column; processor seconds of both.

    `is_monthly`: month by month, as large tables are; `is_warm`: both are done once before, so that Java has compiled them.
    """
    from churn.distributed import cut, probe_cluster
    from churn.distributed.session import open_session
    from churn.distributed.tables import CUSTOMER, FiledTable
    from churn.distributed.work import forget_work, open_work

    found = company(customers, months, SILENT)
    engine = spark_here(buckets)
    probe_cluster(found.home, engine)  # the first job of a Java takes it seconds to compile
    session = open_session(engine)
    forget_work(found.home)
    name = "staging.sessions"

    def work() -> dict[str, Any]:
        place = open_work(found.home, engine)
        plain = place.place.path / "plain"
        cut.MONTHLY_FROM = 0 if is_monthly else sys.maxsize  # type: ignore[misc]  # a process of its own

        def ours() -> None:
            cut.cut_tables(warehouse, {name: None}, place, progress=SILENT)

        def theirs() -> None:
            read = session.read.parquet((plain / "whole").as_uri())
            read.repartition(buckets, CUSTOMER).write.parquet((plain / "out").as_uri())

        with found.context().open_warehouse("bench") as warehouse:
            (plain / "whole").mkdir(parents=True)
            listed = FiledTable.of(warehouse, name).written
            whole = plain / "whole" / "all.parquet"
            with warehouse.unordered():  # as Spark and everybody else writes Parquet
                warehouse.execute(f"copy (select {listed} from {name}) to '{whole}' (format parquet)")
            size = sum(path.stat().st_size for path in (plain / "whole").iterdir()) / 1e6
            (rows,) = warehouse.rows(f"select count(*) from {name}")[0]
            if is_warm:
                ours()
                theirs()
                shutil.rmtree(plain / "out")
                (place.place / "cut").remove()
            taken = [_all_seconds(part) for part in (theirs, ours)]
        forget_work(found.home)
        return {"mb": size, "rows": rows, "theirs": taken[0], "ours": taken[1]}

    return work


def _all_seconds(work: Callable[[], object]) -> float:
    """Return the processor seconds of this process and its Java that `work` takes."""
    before = time.process_time() + java_seconds()
    work()
    return time.process_time() + java_seconds() - before


def spark_here(buckets: int) -> EngineSettings:
    """Return the engine of two cores of this machine."""
    from churn.config import EngineSettings

    return EngineSettings(kind="spark", master="local[2]", buckets=buckets, settings={"spark.driver.memory": "1g"})


def java_seconds() -> float:
    """Return the processor seconds of the Java that this process started."""
    ticks = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                name, _, rest = (folder / "stat").read_text().rpartition(")")
            except OSError:
                continue
            values = rest.split()
            if name.endswith("(java") and int(values[1]) == os.getpid():
                ticks += int(values[11]) + int(values[12])
    return ticks / os.sysconf("SC_CLK_TCK")


TASKS: dict[str, Callable[..., Work]] = {
    "features": features,
    "nightly": nightly,
    "load_and_group": load_and_group,
    "matrix": matrix,
    "month_sums": month_sums,
    "explore": explore,
    "report": report,
    "features_on": features_on,
    "rules": rules,
    "training_rows": training_rows,
    "tables_that_differ": tables_that_differ,
    "cut_sessions": cut_sessions,
}


def main() -> None:
    """Run one task and print its answer as JSON, with the seconds it took and the process' peak memory."""
    work = TASKS[sys.argv[1]](**json.loads(sys.argv[2]))
    began = time.perf_counter()
    answer = work()
    taken = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**answer, "seconds": taken, "peak_mb": peak}))


if __name__ == "__main__":
    main()
