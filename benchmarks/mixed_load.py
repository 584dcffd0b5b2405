"""Mixed load on one service while night after night publishes beside it: `python -m benchmarks.mixed_load --minutes 10`.

Zero errors, and no reader sees half a run: what is read is held against what each night has published.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks.load_readers import Readers, Seen
from benchmarks.measuring import ROOT
from benchmarks.serving import OPEN_RATES, empty_service, service_process
from churn.context import Context
from churn.jobs.now import request_run

PAGE = ROOT / "docs" / "load.md"
_CHURN = (sys.executable, "-W", "ignore", "-m", "churn")
DELIVERED = 300  # sessions that each night finds new


@dataclass
class Nights:
    """Nights worked one after the other beside the load, each after a new delivery, so that each publishes another list."""

    context: Context
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        """Ask for night after night, each worked by the scheduler beside the service, until told to end."""
        number = 0
        while not self._ended.is_set():
            number += 1
            deliver(self.context.settings.home, number)
            began = time.perf_counter()
            run = request_run(self.context, "nightly", requested_by=f"load {number}", again=True)
            while run.is_under_way:
                time.sleep(0.25)
                with self.context.open_store() as store:
                    run = store.jobs.get(run.run_id) or run
            self.seconds.append(time.perf_counter() - began)
            if run.state != "done":
                self.failures.append(f"{run.state}: {run.error}")

    def end(self) -> None:
        """Begin no further night."""
        self._ended.set()


def deliver(home: Path, number: int) -> None:
    """Write a new file of sessions on the data's last day, as a source would deliver them overnight.

    Each begins at a second of its own: another duration of a session that is known would be a later version of it, which
    changes no list of an earlier date.
    """
    import polars as pl

    newest = max((home / "data").glob("sessions-????-??.parquet"))
    rows = pl.read_parquet(newest).sort("started_at", "customer_id").tail(20 * DELIVERED)
    picked = rows.sample(DELIVERED, seed=number).with_columns(pl.col("started_at") - pl.duration(seconds=number))
    picked.write_parquet(home / "data" / f"sessions-delivered-{number:04d}.parquet")


def main() -> int:
    """Work the load, print what came of it, write docs/load.md; return 1 if anything was wrong."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.mixed_load", description=__doc__)
    asked.add_argument("--minutes", type=float, default=10.0)
    asked.add_argument("--customers", type=int, default=4_000, help="of the simulated company")
    asked.add_argument("--home", type=Path, help="a finished demo to copy instead")
    asked.add_argument("--pace", type=float, default=1.0, help="2 asks twice as often")
    asked.add_argument("--no-page", action="store_true", help="leave docs/load.md as it is")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="churn-load-") as folder:
        home = Path(folder) / "home"
        if options.home:
            shutil.copytree(options.home, home)
        else:
            print(f"Making a company of {options.customers:,} customers", flush=True)
            command = [*_CHURN, "demo", "--customers", str(options.customers), "--quiet", "--home", str(home)]
            subprocess.run(command, cwd=folder, env=_environment(), check=True)
        figures = measure(home, options.minutes, options.pace)
    text = told(figures, options.minutes, options.pace)
    print(text)
    if not options.no_page:
        PAGE.write_text(text, encoding="utf-8")
    return 1 if figures["wrong"] else 0


def measure(home: Path, minutes: float, pace: float) -> dict[str, Any]:
    """Serve `home`, read from it for `minutes` while nights are worked; return all figures, and under `wrong` each fault."""
    from churn.accounts.keys import create_key
    from churn.accounts.sign_in import create_link
    from churn.bootstrap import build_context
    from churn.config import load_settings

    context = build_context(settings=load_settings(config=home / "churn.toml", home=home, environ={}))
    key = create_key(context, f"load {time.time_ns()}", ["read", "simulate"])
    with context.open_store() as store:
        customers = store.published.current(columns=("customer_id", "expected_profit"))["customer_id"].to_list()
    nights = Nights(context)
    with service_process(home, OPEN_RATES, "--with-scheduler") as (port, _), empty_service() as empty_port:
        cookie = signed_in(port, create_link(context, ["read", "simulate"]))
        readers = Readers(port, key, cookie, customers, {}, empty_port=empty_port)
        asyncio.run(readers.work(5, 1))  # libraries and caches warm up unmeasured
        readers = Readers(port, key, cookie, customers, {}, empty_port=empty_port)
        beside = threading.Thread(target=nights.work)
        beside.start()
        seen = asyncio.run(readers.work(60 * minutes, pace))
        nights.end()
        beside.join()
        after = Readers(port, key, cookie, customers, {}, empty_port=empty_port)
        asyncio.run(after.work(3, 1))  # what the last night has published is there
    with context.open_store() as store:
        published = {run.run_id: run.customers for run in store.scores.runs(limit=10_000)}
        current = store.scores.current_run()
    return {
        "seen": seen,
        "wrong": wrong(seen, published) + [f"a night failed: {one}" for one in nights.failures]
        + [f"after the last night: {one}" for one in after.seen.wrong]
        + ([] if current and set(after.seen.lists) <= {current.run_id} else ["readers are left with an old list"]),
        "nights": nights.seconds,
        "customers": len(customers),
    }  # fmt: skip


def wrong(seen: Seen, published: dict[str, int]) -> list[str]:
    """Return every fault: answers that were none, and readings that no published run explains."""
    found = list(seen.wrong)
    found += [f"run {run} was read and never published" for run in seen.lists if run not in published]
    found += [
        f"run {run} was read with {count:,} of its {published[run]:,} customers"
        for run, count in seen.counts.items()
        if count != published.get(run, count)
    ]
    found += [f"metrics told {count:,} customers" for count in seen.scraped if count not in published.values()]
    if differing := seen.lookups_that_differ():
        found.append(f"{differing:,} lookups differ from the list of the run they name")
    return found


def signed_in(port: int, token: str) -> str:
    """Return the session of whoever follows the link with that token."""
    asked = HTTPConnection("127.0.0.1", port, timeout=30)
    asked.request("GET", f"/sign-in/link?token={token}")
    cookies = asked.getresponse().headers.get_all("set-cookie") or []
    asked.close()
    return next(one.split("=", 1)[1].split(";")[0] for one in cookies if one.startswith("churn_session="))


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def told(figures: dict[str, Any], minutes: float, pace: float) -> str:
    """Return the page: command, conditions, seconds by kind, and what was held against what."""
    seen: Seen = figures["seen"]
    total = sum(len(some) for some in seen.seconds.values())
    nights = figures["nights"]
    rows = []
    for kind, some in seen.seconds.items():
        p50, p99 = (1000 * sorted(some)[min(len(some) - 1, int(len(some) * q))] for q in (0.5, 0.99))
        rate = len(some) / (60 * minutes)
        rows.append(f"| {kind} | {len(some):,} | {rate:.1f} | {p50:,.1f} | {p99:,.1f} | {1000 * max(some):,.0f} |")
    bad = "none" if not figures["wrong"] else f"{len(figures['wrong']):,}"
    named = "".join(f"- {count:,} times: {one}\n" for one, count in Counter(figures["wrong"]).most_common(20))
    load = os.getloadavg()[2]
    return f"""# Under load while nights publish

Everything that people and systems ask of `churn serve --with-scheduler` at once, while its scheduler works night after night:
load, check, score, publish, push, monitor, each night after a new delivery. Worked out by

```
.venv/bin/python -m benchmarks.mixed_load --minutes {minutes:g}{f" --pace {pace:g}" if pace != 1 else ""}
```

which makes a small company in a temporary folder, serves it on 127.0.0.1, and writes this page. Let nothing else run beside:
the nights take what processor there is, and the 99th percentile tells of that. An empty route of a process of its own, asked as often as
the risk of one customer, shows what the machine itself takes at that time.

{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores (mean load of the last quarter of an hour: {load:.1f}), Python {platform.python_version()},
{figures["customers"]:,} customers, SQLite store. {minutes:g} minutes, {total:,} answers, {len(nights)} nights of {min(nights):.0f} to {max(nights):.0f} s.

**Errors: {bad}**

{named}
| request | answers | per second | p50 ms | p99 ms | longest ms |
|---|--:|--:|--:|--:|--:|
{chr(10).join(rows)}

Milliseconds count from when a request was due, whatever became of those before it; lists are read one page after the other.

No reader saw half a run:

- {seen.whole:,} lists were read from their first page to their last, of {len(seen.lists)} runs; each had all customers of its run, each
  once, and was the same to every reader. {seen.cut:,} were replaced on the way, which the service said (409 `list_changed`).
- {len(seen.single):,} single lookups: each says what the whole list of the run that it names says, where one was read.
- The metrics never told a number of customers that no run has.
- After the last night every reader had its list.
"""


if __name__ == "__main__":
    sys.exit(main())
