"""Kills the service, its scheduler, or both with a run at work, again and again under writes: `python -m benchmarks.kills --kills 100`.

Nothing may be lost: every write that was sent again is there once, every list is whole, the store is sound, and no run is left behind.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from benchmarks.serving import OPEN_RATES, free_port
from churn.accounts.keys import create_key
from churn.bootstrap import build_context
from churn.config import load_settings
from churn.context import Context

_CHURN = (sys.executable, "-W", "ignore", "-m", "churn")
_CLAIM_SECONDS = 65  # a write that a killed process had claimed is free again after a minute
_TARGETS = ("service", "run", "all")
_SHORT = {
    "CHURN_SCHEDULE__LEASE_SECONDS": "3",
    "CHURN_SCHEDULE__MAX_ATTEMPTS": "20",
    "CHURN_SCHEDULE__RETRY_MINUTES": "0.01",
}


@dataclass
class Writer:
    """Sends one outcome after the other, each under a key of its own, and remembers them all."""

    port: int
    key: str
    customer_id: str
    sent: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    ended: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        """Send until told to end."""
        while not self.ended.is_set():
            name = f"e{len(self.sent)}"
            self.sent.append(name)
            status = self.send(name)
            self.statuses[status] += 1
            time.sleep(0.02 if status else 0.2)

    def send(self, name: str) -> int:
        """Send one outcome; 0 where the connection broke."""
        event = {"customer_id": self.customer_id, "campaign": "x", "event_id": name, "kind": "contacted"}
        body = json.dumps({"events": [event | {"occurred_at": "2026-06-03T09:30:00+02:00"}]})
        head = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": name, "Content-Type": "application/json"}
        with (
            suppress(OSError, HTTPException),
            closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection,
        ):
            connection.request("POST", "/v1/outcomes", body, head)
            return connection.getresponse().status
        return 0


def main() -> int:
    """Kill, look, print what came of it; return 1 if anything was lost."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    asked.add_argument("--kills", type=int, default=100)
    asked.add_argument("--customers", type=int, default=2_000, help="of the simulated company")
    asked.add_argument("--home", type=Path, help="a scored home to copy instead")
    asked.add_argument("--seed", type=int, default=1)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="churn-kills-") as folder:
        home = Path(folder) / "home"
        if options.home:
            shutil.copytree(options.home, home)
        else:
            made = [
                *_CHURN,
                "demo",
                "--customers",
                str(options.customers),
                "--no-campaigns",
                "--quiet",
                "--home",
                str(home),
            ]
            subprocess.run(made, cwd=folder, check=True)
        lost = survive(home, options.kills, random.Random(options.seed))  # when to kill
    print("\n".join(lost) or "Nothing was lost.")
    return 1 if lost else 0


def survive(home: Path, kills: int, chance: random.Random) -> list[str]:
    """Kill `kills` times under writes and scoring; return what was lost, a sentence each."""
    context = build_context(settings=load_settings(config=home / "churn.toml", home=home, environ={}))
    with context.open_store() as store:
        somebody = str(store.published.current(columns=("customer_id",))["customer_id"][0])
    writer = Writer(free_port(), create_key(context, "kills", ["read", "push"]), somebody)
    killed: Counter[str] = Counter()
    beside = threading.Thread(target=writer.work)
    beside.start()
    try:
        for number in range(kills):
            killed[_kill_once(context, writer, _TARGETS[number % len(_TARGETS)], chance)] += 1
            print(f"{number + 1} of {kills}: {dict(killed)}, answers {dict(writer.statuses)}", flush=True)
    finally:
        writer.ended.set()
        beside.join()
    time.sleep(_CLAIM_SECONDS)
    process = _started(home, writer.port)
    try:
        _until(lambda: writer.send("e0") == 200, 120)
        refused = [name for name in writer.sent if writer.send(name) != 200]
        _until(lambda: not _under_way(context), 300)
    finally:
        _kill_group(process, signal.SIGTERM)
        process.wait()
    return [f"{len(refused):,} writes were refused"] * bool(refused) + _lost(context, writer.sent)


def _kill_once(context: Context, writer: Writer, target: str, chance: random.Random) -> str:
    """Start everything, wait for a run to publish, and kill a part of it."""
    process, answered = _started(context.settings.home, writer.port), writer.statuses[200]
    _until(lambda: writer.statuses[200] > answered, 120)
    with context.open_store() as store:
        store.jobs.request("score", requested_by="kills", at=context.clock())
    with suppress(TimeoutError):
        _until(lambda: _under_way(context) == "running", 60)
    time.sleep(chance.uniform(0, 6))
    children = _descendants(process.pid)
    if target == "service":
        os.kill(process.pid, signal.SIGKILL)
    elif target == "run" and children:
        os.kill(children[-1], signal.SIGKILL)  # the youngest: the run, or the scheduler while there is none
        time.sleep(chance.uniform(0, 2))
    for pid in [process.pid, *children]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    return target


def _started(home: Path, port: int) -> subprocess.Popen[bytes]:
    command = [*_CHURN, "serve", "--with-scheduler", "--quiet", "--home", str(home), "--port", str(port)]
    return subprocess.Popen(command, env=os.environ | OPEN_RATES | _SHORT, start_new_session=True)


def _kill_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process.pid, number)


def _descendants(pid: int) -> list[int]:
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []
    return [each for child in children for each in (child, *_descendants(child))]


def _under_way(context: Context) -> str:
    with context.open_store() as store:
        states = {run.state for run in store.jobs.list(limit=20)}
    return "running" if "running" in states else "queued" if "queued" in states else ""


def _lost(context: Context, sent: list[str]) -> list[str]:
    with closing(sqlite3.connect(context.settings.home / "store.sqlite")) as store:
        soundness = store.execute("pragma integrity_check").fetchone()[0]
        kept = Counter(row[0] for row in store.execute("select event_id from outcomes"))
        listed = store.execute("select count(*) from scores").fetchone()[0]
        runs = store.execute("select customers from score_runs where is_current").fetchall()
    lost = [] if soundness == "ok" else [f"the store is damaged: {soundness}"]
    missing = set(sent) - set(kept)
    lost += [f"{len(missing):,} of {len(sent):,} writes are missing"] * bool(missing)
    lost += [f"{name} is there {count} times" for name, count in kept.items() if count != 1]
    lost += [] if runs == [(listed,)] else [f"the list has {listed:,} customers, its run says {runs}"]
    with context.open_store() as opened:
        ours = [run for run in opened.jobs.list(limit=500) if run.requested_by == "kills"]
    stuck = [run for run in ours if run.state != "done"]
    return lost + [f"run {run.run_id} ended as {run.state}: {run.error}" for run in stuck]


def _until(true: Callable[[], object], seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not true():
        if time.monotonic() > ends:
            raise TimeoutError
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
