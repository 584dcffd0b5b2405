"""Fast tests need no company, warehouse, trained model, server, browser, process, many pushes or much arithmetic: `make test-fast` runs them alone.

Slow ones are found by their folder or their fixtures, or marked one by one; a fast one that starts a process fails.
"""

from __future__ import annotations

import functools
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT

# Whoever asks for one of these, directly or through another fixture, is slow.
SLOW_FIXTURES = {
    "browser",
    "finished_company",
    "finished_shop",
    "made_town",
    "mariadb_server",
    "odoo_server",
    "postgres_server",
}
# Here nearly each test makes a company, opens a warehouse or trains a model.
SLOW_FOLDERS = tuple(
    ROOT / "tests" / name
    for name in ("demo", "faults", "modeling", "odoo", "packaging", "snapshots", "sql", "warehouse", "workflows")
)
_ALL_SLOW = re.compile(r"^pytestmark = (\[[^\]]*?)?pytest\.mark\.slow\b", re.MULTILINE)
FORBIDDEN = {
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.system",
    "socket.bind",
    "socket.connect",
    "subprocess.Popen",
}


class _Guard:
    """Refuses processes and sockets while a fast test runs, to every thread that the test started."""

    def __init__(self) -> None:
        self.others: set[int] | None = None  # threads that were there before; None while no fast test runs
        self.refused: list[str] = []

    def __call__(self, event: str, _arguments: tuple[Any, ...]) -> None:
        if self.others is not None and event in FORBIDDEN and threading.get_ident() not in self.others:
            self.refused.append(event)
            pytest.fail(f"{event} in a fast test: mark it `slow`, or do without")


_guard = _Guard()
sys.addaudithook(_guard)


@functools.cache  # asked for every test of a file
def _is_in_slow_folder(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in SLOW_FOLDERS)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave slow folders and files unread where only fast tests are wanted: importing what they import takes seconds."""
    if config.option.markexpr != "not slow":
        return None
    return True if _is_in_slow_folder(collection_path) or _is_marked_slow(collection_path) else None


def _is_marked_slow(path: Path) -> bool:
    """Say whether a file marks all of its tests as slow."""
    return path.suffix == ".py" and path.is_file() and _ALL_SLOW.search(path.read_text(encoding="utf-8")) is not None


@pytest.hookimpl(tryfirst=True)  # before `-m "not slow"` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what asks for something slow."""
    for item in items:
        parameters = getattr(item, "callspec", None)
        is_postgres = parameters is not None and any(
            isinstance(value, str) and value == "postgresql" for value in parameters.params.values()
        )
        asked = getattr(item, "fixturenames", ())
        if is_postgres or _is_in_slow_folder(item.path) or SLOW_FIXTURES.intersection(asked):
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def _no_process_and_no_socket(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that is not slow starts no process and opens no socket."""
    if request.node.get_closest_marker("slow") is not None:
        yield
        return
    main = threading.get_ident()
    _guard.refused, _guard.others = [], {thread.ident or 0 for thread in threading.enumerate()} - {main}
    try:
        yield
    finally:
        _guard.others = None
    assert _guard.refused == [], "a fast test was refused a process or socket, and went on"
