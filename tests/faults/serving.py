"""A company's service and scheduler as real processes, to be killed, starved and cut off from their store."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.company import clean_environment
from tests.ports import free_port

CHURN = (sys.executable, "-W", "ignore", "-m", "churn")


@contextmanager
def service(home: Path, *options: str, **env: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `churn serve` over `home`; give its address, once it answers, and the process. What it prints is kept."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [*CHURN, "serve", "--home", str(home), "--port", str(port), *options]
    with started(command, home, **env) as process:
        until(lambda: process.poll() is not None or answers(address), 60)
        yield address, process


@contextmanager
def started(command: list[str], home: Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process in `home` until the block ends."""
    process = subprocess.Popen(
        command,
        cwd=home,
        env=clean_environment() | {"PYTHONUNBUFFERED": "1"} | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.communicate(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def answers(address: str, path: str = "/healthz") -> bool:
    """Say whether the service answers `path` with 200."""
    try:
        # Without `verify` a client reads all certificates first, which takes longer than the answer.
        return httpx.get(f"{address}{path}", timeout=20, verify=False).status_code == 200
    except httpx.TransportError:
        return False


def until(true: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait until `true()` is, and return it."""
    ends = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < ends, "it takes too long"
        time.sleep(0.1)
    return found
