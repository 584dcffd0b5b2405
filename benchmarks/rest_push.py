"""Pushing to a CRM by the `rest` connector, record by record, beside a plain loop with as many requests under way."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

from benchmarks.measuring import ROOT, Result, seconds, told
from benchmarks.serving import free_port
from churn.progress import Progress

WAIT = 40  # milliseconds that the CRM takes for a request: a quick one over the network
UNDER_WAY = 4
FIELDS = {"churn_probability": "churn_p", "risk_band": "band", "reasons": "why", "campaign": "campaign"}


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure new records and changed ones, each beside a loop that looks every key up and writes what it has."""
    rows = 2_000 if customers >= 120_000 else 600
    ours: dict[str, list[float]] = {"new": [], "changed": []}
    plain: dict[str, list[float]] = {"new": [], "changed": []}
    for number in range(min(repeats, 3)):
        progress.step(f"rest: {rows:,} records, {number + 1} of {min(repeats, 3)}")
        with contact_service() as url:
            plain["new"].append(seconds(lambda: _loop(url, rows, 0.3)))
            plain["changed"].append(seconds(lambda: _loop(url, rows, 0.4)))
        with contact_service() as url:
            for kind, taken in _pushes(url, rows):
                ours[kind].append(taken)
    return [
        _result("P31", "new records", rows, ours["new"], plain["new"]),
        _result("P31", "records that all change", rows, ours["changed"], plain["changed"]),
    ]


@contextmanager
def contact_service() -> Iterator[str]:
    """Serve contacts on loopback; ends with the block."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.contact_service", str(port), str(WAIT)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(200):
                try:
                    httpx.get(f"{url}/contacts?key=nobody")
                    break
                except httpx.TransportError:
                    time.sleep(0.05)
            yield url
        finally:
            process.terminate()


def _loop(url: str, rows: int, p: float) -> None:
    """Look up, then make or change: as somebody would write it who needs no safety."""

    def one(client: httpx.Client, number: int) -> None:
        key = f"C{number:05d}"
        held = client.get(f"{url}/contacts", params={"key": key}).json()["data"]
        values = {"key": key, "churn_p": p, "band": "high", "why": "no login for 23 days", "campaign": "winback"}
        if held:
            client.patch(f"{url}/contacts/{held[0]['id']}", json=values).raise_for_status()
        else:
            client.post(f"{url}/contacts", json=values).raise_for_status()

    with httpx.Client() as client, ThreadPoolExecutor(UNDER_WAY) as pool:
        list(pool.map(lambda number: one(client, number), range(rows)))


def _pushes(url: str, rows: int) -> Iterator[tuple[str, float]]:
    import polars as pl

    shops = importlib.import_module("tests.odoo.shop")
    customers = [f"C{n:05d}" for n in range(rows)]
    with tempfile.TemporaryDirectory() as folder:
        shop = shops.Shop(Path(folder) / "home", SimpleNamespace(url=url, name=""))
        shop.fields = FIELDS
        shop.configure()
        section = {
            "kind": "rest",
            "url": url,
            "lookup_path": "contacts?key={key}",
            "items_path": "data",
            "key_field": "key",
            "create_path": "contacts",
            "update_path": "contacts/{id}",
            "lookup_lag_seconds": 0.0,
            "concurrency": UNDER_WAY,
        }
        lines = [f"{name} = {json.dumps(value)}" for name, value in section.items()]
        (shop.home / "churn.toml").write_text("[connectors.crm]\n" + "\n".join(lines) + "\n", encoding="utf-8")
        shop.assign(customers)
        counts: dict[str, Any] = {}
        yield "new", seconds(lambda: counts.update(shop.sync()))
        if counts["created"] != rows:
            raise AssertionError(f"{counts['created']:,} of {rows:,} records were made")
        shop.score(customers, churn_probability=pl.col("churn_probability").add(0.05).round(4))
        yield "changed", seconds(lambda: counts.update(shop.sync("--force", "--full")))
        if counts["updated"] != rows:
            raise AssertionError(f"{counts['updated']:,} of {rows:,} records were changed")


def _result(bench: str, what: str, rows: int, ours: list[float], plain: list[float]) -> Result:
    push, loop = sorted(ours)[len(ours) // 2], sorted(plain)[len(plain) // 2]
    return Result(
        bench=bench,
        work=f"`churn sync` of {rows:,} {what} to a CRM by `rest`, from the command line, outbox and all",
        figure=loop / push,
        unit="x",
        goal="at least",
        bar=0.9,
        aim=None,
        ours=f"{told(push)}, {rows / push:,.0f} rows/s",
        reference=f"plain loop, {UNDER_WAY} requests under way: {told(loop)}, {rows / loop:,.0f} rows/s",
        repeats=len(ours),
        note=f"a CRM on loopback that takes {WAIT} ms for a request",
        details={"ours": ours, "reference": plain},
    )
