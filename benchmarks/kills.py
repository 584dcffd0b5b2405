"""Kills service, scheduler and runs at work, again and again under writes: `python -m benchmarks.kills --kills 100`.

Nothing may be lost: after each kill the store is sound and the list whole; in the end every write that was sent again is there once,
no run is left behind, and no process of a service that is gone still works.
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

from benchmarks.mixed_load import deliver
from benchmarks.serving import OPEN_RATES, free_port
from churn.accounts.keys import create_key
from churn.bootstrap import build_context
from churn.config import load_settings
from churn.context import Context
from churn.jobs.now import request_run
from churn.views.serving_files import serving_path

_CHURN = (sys.executable, "-W", "ignore", "-m", "churn")
_CLAIM_SECONDS = 65  # a write that a killed process had claimed is free again after a minute
_TARGETS = ("service", "run", "all", "publication")
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
    """Kill `kills` times under writes and nights that publish; return what was lost, a sentence each."""
    context = build_context(settings=load_settings(config=home / "churn.toml", home=home, environ={}))
    with context.open_store() as store:
        somebody = str(store.published.current(columns=("customer_id",))["customer_id"][0])
    writer = Writer(free_port(), create_key(context, "kills", ["read", "push"]), somebody)
    killed: Counter[str] = Counter()
    lost: list[str] = []
    orphans: list[int] = []
    beside = threading.Thread(target=writer.work)
    beside.start()
    try:
        for number in range(kills):
            began, target = time.monotonic(), _TARGETS[number % len(_TARGETS)]
            killed[_kill_once(context, writer, target, number, chance, orphans)] += 1
            lost += [f"after kill {number + 1}: {fault}" for fault in _faults(context)]
            seconds = time.monotonic() - began
            print(
                f"{number + 1} of {kills}, {seconds:.0f} s: {dict(killed)}, {dict(writer.statuses)} {lost}", flush=True
            )
    finally:
        writer.ended.set()
        beside.join()
    time.sleep(_CLAIM_SECONDS)
    process = _started(home, writer.port)
    try:
        _until(lambda: writer.send("e0") == 200, 120)
        refused = [name for name in writer.sent if writer.send(name) != 200]
        _until(lambda: not _under_way(context), 600)
    finally:
        _kill_group(process, signal.SIGTERM)
        process.wait()
    print(f"{_published(context)} lists were published", flush=True)
    lost += [f"process {pid} outlived its service" for pid in orphans if _is_ours(pid, home)]
    return lost + [f"{len(refused):,} writes were refused"] * bool(refused) + _lost(context, writer.sent)


def _kill_once(
    context: Context, writer: Writer, target: str, number: int, chance: random.Random, orphans: list[int]
) -> str:
    """Start everything, wait for a night to publish, and kill a part of it; return what was hit."""
    home = context.settings.home
    process, answered = _started(home, writer.port), writer.statuses[200]
    _until(lambda: writer.statuses[200] > answered, 120)
    deliver(home, number)  # so that each night has another list to publish
    folders = _folders(home)
    request_run(context, "nightly", requested_by="kills", again=True)
    with suppress(TimeoutError):
        _until(lambda: _under_way(context) == "running", 60)
    if target == "publication":
        with suppress(TimeoutError):
            _until(lambda: _folders(home) != folders, 60, every=0.005)
            time.sleep(chance.uniform(0, 0.5))  # its files are being written, then its rows
    else:
        time.sleep(chance.uniform(0, 12))
    step = _step(context)
    children = _descendants(process.pid)
    if target == "service":  # scheduler and run see by themselves that they are alone, while the next ones start
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        orphans += children
        return f"service at {step}"
    if target == "run" and children:
        os.kill(children[-1], signal.SIGKILL)  # the youngest: the run, or the scheduler while there is none
        time.sleep(chance.uniform(0, 2))
        children = _descendants(process.pid)
    for pid in [process.pid, *children]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    return f"{target} at {step}"


def _folders(home: Path) -> set[str]:
    return {path.name for path in serving_path(home).iterdir()}


def _step(context: Context) -> str:
    with context.open_store() as store:
        run = next((run for run in store.jobs.list(limit=20) if run.state == "running"), None)
    return run.step.name if run is not None and run.step is not None else "rest"


def _is_ours(pid: int, home: Path) -> bool:
    try:
        return str(home).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


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


def _faults(context: Context) -> list[str]:
    """Return what is wrong with the store and the list in force as a kill has left them."""
    with closing(sqlite3.connect(context.settings.home / "store.sqlite")) as store:
        soundness = store.execute("pragma integrity_check").fetchone()[0]
        store.execute("begin")  # both of one instant: a run that was not killed may publish meanwhile
        listed = store.execute("select count(*) from scores").fetchone()[0]
        runs = store.execute("select customers from score_runs where is_current").fetchall()
    faults = [] if soundness == "ok" else [f"the store is damaged: {soundness}"]
    return faults + ([] if runs == [(listed,)] else [f"the list has {listed:,} customers, its run says {runs}"])


def _published(context: Context) -> int:
    with context.open_store() as store:
        return len(store.scores.runs(limit=10_000))


def _lost(context: Context, sent: list[str]) -> list[str]:
    with closing(sqlite3.connect(context.settings.home / "store.sqlite")) as store:
        kept = Counter(row[0] for row in store.execute("select event_id from outcomes"))
    missing = set(sent) - set(kept)
    lost = [f"{len(missing):,} of {len(sent):,} writes are missing"] * bool(missing)
    lost += [f"{name} is there {count} times" for name, count in kept.items() if count != 1]
    with context.open_store() as opened:
        ours = [run for run in opened.jobs.list(limit=10_000) if run.requested_by == "kills"]
    stuck = [run for run in ours if run.state != "done"]
    return [*lost, *_faults(context), *(f"run {run.run_id} ended as {run.state}: {run.error}" for run in stuck)]


def _until(true: Callable[[], object], seconds: float, *, every: float = 0.1) -> None:
    ends = time.monotonic() + seconds
    while not true():
        if time.monotonic() > ends:
            raise TimeoutError
        time.sleep(every)


if __name__ == "__main__":
    sys.exit(main())
