"""Pushing ten thousand rows to a real Odoo: `churn sync` as a user types it, beside the best plain loop over batches."""

from __future__ import annotations

import importlib
import statistics
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measuring import Result, seconds, told
from churn.progress import Progress

ROWS = 10_000
SAMPLE = 1_000
Way = Callable[[Any, list[dict[str, Any]]], None]
CONTEXT = {"tracking_disable": True, "active_test": False, "tz": "UTC"}


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure creating and then changing every contact, each time against the fastest of several plain loops.

    Needs what tests/odoo needs (root, Debian packages); where Odoo cannot be built nothing is measured, and said so.
    """
    # By name, since tests are no package that mypy or the wheel knows.
    server, chroot = (importlib.import_module(f"tests.odoo.{name}") for name in ("server", "chroot"))
    rows = ROWS if customers >= 120_000 else ROWS // 5
    progress.step("odoo: building and starting it")
    try:
        with server.running_odoo() as odoo:
            return _measured(odoo, rows, min(repeats, 3), progress)
    except chroot.RigBroken as reason:
        progress.step(f"odoo: not measured: {reason}")
        return []


def _measured(odoo: Any, rows: int, repeats: int, progress: Progress) -> list[Result]:
    trial = _database(odoo)
    sample = _values(SAMPLE, 0.0)
    rates = {name: SAMPLE / _seconds(way, trial, sample) for name, way in CREATE.items()}
    odoo.drop(trial)
    trial = _database(odoo)
    _create(trial, sample, 500)
    changed = {name: SAMPLE / _seconds(way, trial, _values(SAMPLE, 0.01)) for name, way in CHANGE.items()}
    odoo.drop(trial)
    best, best_change = max(rates, key=lambda n: rates[n]), max(changed, key=lambda n: changed[n])
    taken: dict[str, list[float]] = {"sync": [], "plain": [], "sync change": [], "plain change": []}
    for number in range(repeats):
        progress.step(f"odoo: {rows:,} rows, {number + 1} of {repeats}")
        database = _database(odoo)
        taken["plain"].append(_seconds(CREATE[best], database, _values(rows, 0.0)))
        taken["plain change"].append(_seconds(CHANGE[best_change], database, _values(rows, 0.01)))
        odoo.drop(database)
        database = _database(odoo)
        for name, second in _syncs(database, rows):
            taken[name].append(second)
        odoo.drop(database)
    return [
        _result("P18", "new contacts", rows, taken["sync"], taken["plain"], best, rates),
        _result(
            "P19", "contacts that all change", rows, taken["sync change"], taken["plain change"], best_change, changed
        ),
    ]


def _database(odoo: Any) -> Any:
    database = odoo.new_database()
    database.call("res.partner", "search_count", [])  # Odoo loads its registry once per database
    return database


def _seconds(way: Way, database: Any, values: list[dict[str, Any]]) -> float:
    return seconds(lambda: way(database, values))


def _syncs(database: Any, rows: int) -> Iterator[tuple[str, float]]:
    import polars as pl

    shops = importlib.import_module("tests.odoo.shop")
    customers = [f"C{n:05d}" for n in range(rows)]
    with tempfile.TemporaryDirectory() as folder:
        shop = shops.Shop(Path(folder) / "home", database)
        shop.assign(customers)
        found: dict[str, Any] = {}
        yield "sync", seconds(lambda: found.update(shop.sync()))
        shop.score(customers, churn_probability=pl.col("churn_probability").add(0.05).round(4))
        yield "sync change", seconds(lambda: found.update(shop.sync("--force", "--full")))
        if found["updated"] != rows:
            raise AssertionError(f"{found['updated']:,} of {rows:,} contacts were changed")


def _values(rows: int, moved: float) -> list[dict[str, Any]]:
    return [
        {
            "name": f"Customer C{n:05d}",
            "x_key": f"C{n:05d}",
            "x_churn_probability": round(0.3 + 0.6 * (n + 0.5) / rows + moved, 4),
            "x_risk_band": "high" if n > rows / 2 else "low",
            "x_percentile": round(100 * (n + 0.5) / rows, 1),
            "x_expected_profit": round(10 * (n + 0.5) / rows - 2, 2),
            "x_reasons": "no login for 23 days",
            "x_action": "Call them",
            "x_campaign": "winback",
            "x_model": "m1",
            "x_scored_at": "2026-07-01 04:30:00",
            "x_run": "a-run",
        }
        for n in range(rows)
    ]


def _create(database: Any, values: list[dict[str, Any]], size: int) -> None:
    for part in _batches(values, size):
        database.call("res.partner", "create", part, context=CONTEXT)


def _load(database: Any, values: list[dict[str, Any]], size: int) -> None:
    for part in _batches(values, size):
        data = [[f"plain.{one['x_key']}", *one.values()] for one in part]
        answer = database.call("res.partner", "load", ["id", *part[0]], data, context=CONTEXT)
        if not answer["ids"]:
            raise AssertionError(answer["messages"][:1])


def _change(database: Any, values: list[dict[str, Any]], size: int) -> None:
    """Look ids up, then load by them; one by one with `write` for a size of 1."""
    for part in _batches(values, max(size, 200)):
        domain = [("x_key", "in", [one["x_key"] for one in part])]
        found = database.call("res.partner", "search_read", domain, ["x_key"], context=CONTEXT)
        ids = {record["x_key"]: record["id"] for record in found}
        if size == 1:
            for one in part:
                database.call("res.partner", "write", [ids[one["x_key"]]], one, context=CONTEXT)
        for some in _batches(part, size) if size > 1 else ():
            data = [[ids[one["x_key"]], *one.values()] for one in some]
            database.call("res.partner", "load", [".id", *some[0]], data, context=CONTEXT)


# Plain loops over batches, as somebody would write them who knows Odoo well and needs no safety.
CREATE: dict[str, Way] = {
    **{f"create of {size:,}": partial(_create, size=size) for size in (200, 500, 1_000)},
    "load of 500": partial(_load, size=500),
}
CHANGE: dict[str, Way] = {
    **{f"load of {size}": partial(_change, size=size) for size in (100, 200)},
    "write by write": partial(_change, size=1),
}


def _batches(values: list[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _result(
    bench: str, what: str, rows: int, ours: list[float], plain: list[float], best: str, rates: dict[str, float]
) -> Result:
    sync, loop = statistics.median(ours), statistics.median(plain)
    return Result(
        bench=bench,
        work=f"`churn sync` of {rows:,} {what} to Odoo 14, from the command line, outbox and all",
        figure=loop / sync,
        unit="x",
        goal="at least",
        bar=0.7,
        aim=0.9,
        ours=f"{told(sync)}, {rows / sync:,.0f} rows/s",
        reference=f"plain loop, {best}: {told(loop)}, {rows / loop:,.0f} rows/s",
        repeats=len(ours),
        note="rows a second over those of the fastest plain loop found in the same run",
        details={"ours": ours, "reference": plain, "trial rows a second": rates},
    )
