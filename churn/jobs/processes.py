"""Child processes: one per run, and the scheduler beside the service; each ends when told to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Self

from churn.context import Context
from churn.jobs.lease import Lease
from churn.jobs.runner import Runner
from churn.jobs.scheduler import Scheduler
from churn.store.service_records import ScheduledRun

LOOK_EVERY = 1.0  # seconds between two looks of a scheduler
_STARTS_AGAIN_AFTER = 5.0
_YIELDS = 10  # as `nice`: whoever waits for an answer of the service goes before the night


def owner_name() -> str:
    """Return a name that no other process has: host, process, and a random part."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def own_command(*arguments: str, home: Path, config: Path | None) -> list[str]:
    """Return the command line of another `churn` like this one."""
    chosen = ["--config", str(config)] if config else []
    return [sys.executable, "-m", "churn", *arguments, "--home", str(home), *chosen]


class RunProcess:
    """A process that works one claimed run, away from the terminal's Ctrl-C: its scheduler tells it to stop."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # our own command line, see own_command
            command, stdin=subprocess.DEVNULL, start_new_session=True
        )

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit code, None while it is at work."""
        return self._process.poll()

    def stop(self, *, at_once: bool) -> None:
        """Ask it to stop where it stands, or end it."""
        self._process.send_signal(signal.SIGKILL if at_once else signal.SIGTERM)


def work_claimed(context: Context, run_id: int, owner: str) -> str:
    """Work a run that a scheduler has claimed as `owner`; return the state it is in then. SIGTERM stops it."""
    with context.open_store() as store:
        run = store.jobs.get(run_id)
    if run is None or run.state != "running" or run.lease_owner != owner:
        return "gone" if run is None else run.state
    runner = Runner(context, owner)

    def stop(_number: int, _frame: FrameType | None) -> None:
        lease: Lease | None = runner.lease
        if lease is None:
            raise SystemExit(0)
        lease.stop("stopped")

    signal.signal(signal.SIGTERM, stop)
    if hasattr(os, "nice"):
        os.nice(_YIELDS)
    return runner.work(run).state


def run_scheduler(
    context: Context,
    *,
    config: Path | None,
    tell: Callable[[str], None],
    parent: int | None = None,
    look_every: float = LOOK_EVERY,
) -> None:
    """Work the schedule until SIGINT or SIGTERM, or until the process `parent` is gone."""
    owner = owner_name()
    ended = threading.Event()
    previous = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)}

    def start(run: ScheduledRun, holder: str) -> RunProcess:
        arguments = ("work", str(run.run_id), "--owner", holder, "--quiet")
        return RunProcess(own_command(*arguments, home=context.settings.home, config=config))

    scheduler = Scheduler(context, owner, start=start, tell=tell)
    try:
        while not ended.is_set() and (parent is None or os.getppid() == parent):
            scheduler.tick()
            ended.wait(look_every)
    finally:
        scheduler.stop()
        for number, handler in previous.items():
            signal.signal(number, handler)


class SchedulerBeside:
    """A scheduler in a child process, restarted if it dies, and stopped at the end of the block."""

    def __init__(self, *, home: Path, config: Path | None, is_quiet: bool) -> None:
        quiet = ["--quiet"] if is_quiet else []
        self._command = own_command("scheduler", "--parent", str(os.getpid()), *quiet, home=home, config=config)
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="scheduler", daemon=True)

    def __enter__(self) -> Self:
        self._begin()
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def pid(self) -> int | None:
        """The number of the process."""
        return self._process.pid if self._process else None

    def _begin(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # our own command line, see own_command
            self._command, stdin=subprocess.DEVNULL, start_new_session=True
        )

    def _keep(self) -> None:
        began = time.monotonic()
        while not self._ended.wait(0.5):
            if self._process is None or self._process.poll() is None:
                continue
            if time.monotonic() - began < _STARTS_AGAIN_AFTER and self._ended.wait(_STARTS_AGAIN_AFTER):
                return
            began = time.monotonic()
            self._begin()
