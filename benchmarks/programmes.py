"""P27 and P28: a round of a programme planned for everybody, and decisions at a moment over HTTP on loopback."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.company import company, trained
from benchmarks.measuring import Result, seconds, told
from benchmarks.serving import OPEN_RATES, paced, service_process
from churn.accounts.keys import create_key
from churn.context import Context
from churn.progress import Progress
from churn.store import open_store
from churn.store.copying import save_store
from churn.workflows.plan import PlanRequest, plan_campaigns

OFFERS = 5
RATE, SECONDS = 100, 15


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Plan a programme of five offers, everything read and kept; then ask for decisions at a steady rate."""
    company_made = company(customers, 18, progress)
    trained(company_made, progress)
    with _beside(company_made.context(), customers) as context:
        return measure(context, customers, repeats, progress)


def measure(context: Context, customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Do so in a home that holds the programme `bench`."""
    progress.step(f"P27: a programme of {OFFERS} offers for {customers:,} customers")
    dry = PlanRequest(campaigns=("bench",), is_dry_run=True)
    taken = [seconds(lambda: plan_campaigns(context, dry)) for _ in range(min(repeats, 3) + 1)][1:]
    kept = seconds(lambda: plan_campaigns(context, PlanRequest(campaigns=("bench",))))
    with context.open_store() as store:
        log = store.programmes.log("bench", 1, ("customer_id",))
    token = create_key(context, "bench of decisions", ["push"])
    head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = json.dumps({"programme": "bench", "customer_id": log["customer_id"][0], "moment": "cancel_click"})
    progress.step(f"P28: {RATE} decisions a second for {SECONDS} s, {repeats} times")
    with service_process(context.settings.home, OPEN_RATES) as (port, _):
        asyncio.run(paced(port, "/v1/decisions", head, body, 20, 2))
        steady = [asyncio.run(paced(port, "/v1/decisions", head, body, RATE, SECONDS)) for _ in range(repeats)]
    p50, p99 = (1000 * statistics.median(float(np.quantile(waits, q)) for waits in steady) for q in (0.5, 0.99))
    return [
        Result(
            bench="P27",
            work=f"plan a round, {customers:,} customers x {OFFERS} offers: eligibility, prices, random slice, choice, expectation",
            figure=statistics.median(taken),
            unit="s",
            goal="at most",
            bar=10,
            aim=None,
            ours=f"{told(statistics.median(taken))}; with its log of {log.height:,} rows kept {told(kept)}",
            reference="-",
            repeats=len(taken),
            details={"ours": taken, "kept": kept, "logged": log.height},
        ),
        Result(
            bench="P28",
            work=f"a decision at a moment over HTTP, kept, at {RATE}/s, 99th percentile",
            figure=p99,
            unit="ms",
            goal="at most",
            bar=20,
            aim=10,
            ours=f"p50 {p50:.2f} ms, p99 {p99:.2f} ms",
            reference="-",
            repeats=repeats,
            details={"p50_ms": p50, "p99_ms": p99},
        ),
    ]


@contextmanager
def _beside(context: Context, customers: int) -> Iterator[Context]:
    """Yield the context of a home of its own, with a copy of the store and the warehouse of `context`."""
    original = context.settings.home.resolve()
    with tempfile.TemporaryDirectory(prefix="churn-bench-") as folder:
        home = Path(folder)
        (home / "models").symlink_to(original / "models")
        (home / "churn.toml").write_text((original / "churn.toml").read_text(encoding="utf-8"), encoding="utf-8")
        url = f"sqlite:///{(home / 'store.sqlite').as_posix()}"
        with context.open_store() as store:
            save_store(store, home / "store.sqlite")
        write_programme(home, customers)
        settings = context.settings.model_copy(update={"home": home})
        yield replace(context, settings=settings, open_store=lambda: open_store(url))


def write_programme(home: Path, customers: int) -> None:
    """Write five campaigns and the programme `bench` of them into a home."""
    for folder in ("campaigns", "programmes"):
        (home / folder).mkdir(exist_ok=True)
    lines = ['[programme]\ntitle = "Bench"\ncadence = "by_hand"\n', f"[limits]\nbudget = {customers}\n"]
    for number in range(OFFERS):
        name, high = f"bench_offer_{'abcde'[number]}", 0.3 + 0.1 * number
        text = (
            f'[campaign]\ntitle = "Offer {number}"\n[offer]\nchannel = "{"phone" if number < 2 else "email"}"\n'
            f"contact_cost = {1 + number}\n[offer.success]\n"
            f"voluntary = {{ low = 0.1, expected = {0.15 + 0.05 * number:.2f}, high = {high:.1f} }}\n"
        )
        (home / "campaigns" / f"{name}.toml").write_text(text, encoding="utf-8")
        lines.append(f"[offers.{name}]\ncapacity = {customers // 20}\n")
    (home / "programmes" / "bench.toml").write_text("".join(lines), encoding="utf-8")
