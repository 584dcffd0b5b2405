"""P26: every page of the service, warm and at first view, alone and beside a night of the same home."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.company import as_it_was, company, deliver_last_day, trained
from benchmarks.load_readers import Connections
from benchmarks.measuring import Result, told
from benchmarks.mixed_load import signed_in
from benchmarks.serving import OPEN_RATES, service_process
from churn.progress import Progress

PAGES = (
    "/", "/risk-list", "/risk-list?show=all&sort=change", "/risk-list?q=C00001", "/simulator", "/model", "/insights",
    "/reports", "/figures", "/campaigns", "/new-campaign", "/programmes", "/experiments", "/jobs", "/pushes", "/alerts",
    "/users", "/audit", "/account", "/docs",
)  # fmt: skip
CUSTOMERS = "/customers/ID"  # another one each time
TURNS = 30


def run(customers: int, _repeats: int, progress: Progress) -> list[Result]:
    """Ask for each page in turns, one at a time: first views, then `TURNS` views of each alone, then for as long as a night takes."""
    found = company(customers, 18, progress)
    trained(found, progress)
    with as_it_was(found) as home:
        progress.step("P26: what a night leaves for the pages")
        _churn(home, "run", "nightly", "--date", str(found.cutoff - timedelta(days=1)))
        with found.context(home).open_store() as store:
            ids = store.published.current(limit=2_000, columns=("customer_id", "expected_profit"))[
                "customer_id"
            ].to_list()
        with _service(home) as views:
            progress.step("P26: first views")
            first = asyncio.run(views.turn(ids[0]))
            progress.step(f"P26: {TURNS} views of {len(first)} pages")
            alone = [asyncio.run(views.turn(one)) for one in islice(ids, 1, TURNS + 1)]
            deliver_last_day(found, home)
            progress.step("P26: views beside a night")
            with _beside(home, found.cutoff) as night:
                beside = [asyncio.run(views.turn(one)) for one in _while(night, ids)]
    return _results(customers, first, alone, beside)


class _Views:
    """A browser's view of each page: the page itself, not what it loads after."""

    def __init__(self, port: int, cookie: str) -> None:
        self._port, self._cookie = port, cookie

    async def turn(self, customer_id: str) -> dict[str, float]:
        """Return the seconds that each page took, one after the other."""
        connections = Connections(self._port)
        seconds = {}
        for page in (*PAGES, CUSTOMERS):
            began = time.perf_counter()
            answer = await connections.ask(
                page.replace("ID", customer_id), {"Cookie": f"churn_session={self._cookie}", "Accept": "text/html"}
            )
            seconds[page] = time.perf_counter() - began
            if answer.status != 200:
                raise RuntimeError(f"{page} answers {answer.status}: {answer.body[:300]!r}")
        connections.close()
        return seconds


@contextmanager
def _service(home: Path) -> Iterator[_Views]:
    from churn.accounts.sign_in import create_link
    from churn.bootstrap import build_context
    from churn.config import load_settings
    from churn.store.service_records import SCOPES

    context = build_context(settings=load_settings(config=home / "churn.toml", home=home, environ={}))
    with service_process(home, OPEN_RATES) as (port, _):
        yield _Views(port, signed_in(port, create_link(context, list(SCOPES))))


def _command(home: Path, *words: str) -> list[str]:
    return [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "churn",
        *words,
        "--home",
        str(home),
        "--config",
        str(home / "churn.toml"),
    ]


def _churn(home: Path, *words: str) -> None:
    subprocess.run(_command(home, *words), check=True, capture_output=True)


@contextmanager
def _beside(home: Path, day: date) -> Iterator[subprocess.Popen[bytes]]:
    command = _command(home, "run", "nightly", "--date", str(day))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as night:
        yield night
        if night.wait():
            raise RuntimeError(f"the night beside the pages ended with {night.returncode}")


def _while(night: subprocess.Popen[bytes], ids: Sequence[str]) -> Iterator[str]:
    number = 0
    while night.poll() is None:
        number += 1
        yield ids[number % len(ids)]


def _results(
    customers: int, first: dict[str, float], alone: Sequence[dict[str, float]], beside: Sequence[dict[str, float]]
) -> list[Result]:
    details: dict[str, Any] = {
        page: {
            "first": first[page],
            "alone": _quantiles([turn[page] for turn in alone]),
            "beside": _quantiles([turn[page] for turn in beside]),
        }
        for page in first
    }
    where = f"of {len(first)} pages, {customers:,} customers"

    def worst(kind: str, quantile: str) -> tuple[float, str]:
        return max((figures[kind][quantile], page) for page, figures in details.items())

    def result(work: str, value: float, bar: float, aim: float | None, page: str) -> Result:
        return Result(
            "P26", f"{work} {where}", 1000 * value, "ms", "at most", bar, aim, f"{told(value)}: {page}", "-", 1
        )

    slowest, name = max((seconds, page) for page, seconds in first.items())
    made = [result("first view after the start, the slowest", slowest, 2000, None, name)]
    for kind, label in (("alone", "warm view"), ("beside", "warm view beside a night")):
        for quantile, bar, aim in (("p50", 100, 50), ("p95", 300, None)):
            value, page = worst(kind, quantile)
            made.append(result(f"{label}, {quantile}, the slowest", value, bar, aim, page))
    made[0].details.update(details)
    return made


def _quantiles(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {"p50": statistics.median(ordered), "p95": ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]}
