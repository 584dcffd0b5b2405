"""Small companies written by hand or simulated, and ways to run, refuse and kill commands on them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

from typer.testing import CliRunner

from churn.cli import build_app
from tests.company import Company, clean_environment

SOURCES = {
    "customers": "customers.csv",
    "subscriptions": "subscriptions.csv",
}
FAST_TRAINING = """
[training]
candidates = ["logistic_regression"]
min_churners = 30
min_stayers = 30
tune_minutes = 0
[selection]
bootstrap_draws = 20
"""


class Shop(Company):
    """A home with its settings and raw files inside, and the command line.

    Commands run in this process, which saves each of them a second of loading libraries; those that are to be killed
    or starved run in a process of their own.
    """

    def run(
        self, *arguments: str, code: int | None = 0, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `churn ARGUMENTS` in the home; its exit code must be `code`, unless that is None."""
        surroundings: dict[str, str | None] = {name: None for name in os.environ if name.startswith(("CHURN_", "PG"))}
        with contextlib.chdir(self.home):
            done = CliRunner().invoke(
                build_app(), [*arguments, "--home", str(self.home)], env=surroundings | dict(env or {})
            )
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert code in {None, done.exit_code}, f"exit code {done.exit_code}\n{done.stdout}\n{done.stderr}"
        return subprocess.CompletedProcess(list(arguments), done.exit_code, done.stdout, done.stderr)

    def refused(self, *arguments: str, code: int, says: list[str]) -> str:
        """Run a command that must end with `code` and one line on stderr that holds every text of `says`."""
        return one_line(self.run(*arguments, "--quiet", code=code).stderr, says)

    def killed(self, *arguments: str, at: str) -> bool:
        """Start a command and kill -9 it once it tells a step that begins with `at`; False if it never did."""
        process = self.started(*arguments)
        assert process.stderr is not None
        is_there = any(line.startswith(at) for line in process.stderr)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        return is_there and process.returncode == -signal.SIGKILL

    def started(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command whose progress can be read from its stderr."""
        command = [sys.executable, "-W", "ignore", "-m", "churn", *arguments, "--home", str(self.home)]
        return subprocess.Popen(
            command,
            cwd=self.home,
            env=clean_environment() | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )


def one_line(stderr: str, says: list[str]) -> str:
    """Return the error that a command told; it must be one line, and hold every text of `says`."""
    lines = stderr.strip().splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("churn: ")
    missing = [text for text in says if text not in lines[0]]
    assert not missing, f"{missing} not in: {lines[0]}"
    return lines[0]


def settings(sources: dict[str, str] = SOURCES) -> str:
    """Return a churn.toml that declares `sources` and trains fast."""
    return "".join(f'[sources.{name}]\npath = "{path}"\n' for name, path in sources.items()) + FAST_TRAINING


def corner_shop(home: Path, *, customers: int = 300, churners: bool = True, extra_columns: int = 0) -> Shop:
    """A year of a shop with two tables, where every second customer cancels some day, unless told otherwise."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "churn.toml").write_text(settings())
    rnd, start = random.Random(1), date(2025, 1, 1)
    extras = [f"extra_{number}" for number in range(extra_columns)]
    rows, subscriptions = (
        [["customer_id", "signed_up_at", *extras]],
        [
            [
                "subscription_id",
                "customer_id",
                "plan",
                "monthly_fee",
                "started_at",
                "canceled_at",
                "ended_at",
                "end_reason",
            ]
        ],
    )
    for number in range(customers):
        begun = start + timedelta(days=number % 40)
        rows.append([f"c{number}", str(begun), *(f"{rnd.random():.3f}" for _ in extras)])
        left = begun + timedelta(days=rnd.randrange(60, 330)) if churners and number % 2 else date(2026, 6, 1)
        end = str(left) if left < date(2025, 12, 20) else ""
        reason = "voluntary" if end else ""
        subscriptions.append([f"s{number}", f"c{number}", "basic", "25", str(begun), end, end, reason])
    # The newest fact: it says up to when the data reach.
    subscriptions.append(["newest", "c0", "basic", "25", "2025-12-31", "", "", ""])
    for name, table in (("customers", rows), ("subscriptions", subscriptions)):
        (home / f"{name}.csv").write_text("".join(",".join(row) + "\n" for row in table))
    return Shop(home)


def may_mount() -> bool:
    """Say whether a file system of a chosen size can be mounted here."""
    return sys.platform == "linux" and os.geteuid() == 0


def fill(path: Path, *, leave: int) -> None:
    """Fill the file system of `path` but for about `leave` bytes."""
    block = b"\0" * 65_536
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(block)
        except OSError:
            file.truncate(max(0, file.tell() - leave))
