"""What the tests of the warehouse share: a warehouse in memory, and a folder to put files into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from churn.config import SourceSettings
from churn.warehouse import Warehouse, open_warehouse
from churn.warehouse.loading.ingest import LoadResult, ingest

NOW = datetime(2026, 3, 1, 2, 0)


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    with open_warehouse(None, holder="test") as opened:
        yield opened


@pytest.fixture
def load(warehouse: Warehouse, tmp_path: Path) -> Callable[..., LoadResult]:
    """Load one source from a path below tmp_path, with its settings as keywords."""

    def run(
        table: str, path: str | list[str], *, now: datetime = NOW, full: bool = False, **settings: Any
    ) -> LoadResult:
        paths = [str(tmp_path / one) for one in ([path] if isinstance(path, str) else path)]
        source = SourceSettings(path=paths, **settings)
        return ingest(warehouse, {table: source}, now=now, full=full)[0]

    return run


@pytest.fixture
def put(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a text file below tmp_path, a little later than the last one."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write
