"""Logs that are rotated night after night: each request counts once, whichever name its file bears, and what is gone stays."""

from __future__ import annotations

import gzip
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from churn.config import SourceSettings
from churn.warehouse import Warehouse
from churn.warehouse.loading.ingest import ingest

pytestmark = pytest.mark.slow

KEPT = 2  # rotated files; what was in the last of them is gone from the disk
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def combined(who: str, at: datetime) -> str:
    return f'10.0.0.1 - {who} [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET /a HTTP/1.1" 200 12\n'


def json_line(who: str, at: datetime) -> str:
    return f'{{"customer_id": "{who}", "event_type": "GET", "occurred_at": "{at.isoformat()}Z"}}\n'


SOURCES = {
    "combined": {
        "format": "combined",
        "columns": {"customer_id": "user", "event_type": "method", "occurred_at": "time"},
    },
    "json": {"format": "json", "options": {"format": "newline_delimited"}},
}


def rotate(folder: Path, *, packed_from: int) -> None:
    """Move each log on by one, as logrotate does with copytruncate; from the `packed_from`-th on they are packed."""
    for number in range(KEPT, 0, -1):
        for file in folder.glob(f"access.log.{number}*"):
            content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
            file.unlink()
            if number < KEPT:
                put_log(folder, number + 1, content, packed_from)
    log = folder / "access.log"
    put_log(folder, 1, log.read_bytes(), packed_from)
    log.write_text("")


def put_log(folder: Path, number: int, content: bytes, packed_from: int) -> None:
    if number >= packed_from:
        (folder / f"access.log.{number}.gz").write_bytes(gzip.compress(content))
    else:
        (folder / f"access.log.{number}").write_bytes(content)


@pytest.mark.parametrize("kind", ["combined", "json"])
@pytest.mark.parametrize("packed_from", [99, 1, 2], ids=["plain", "packed", "packed a night later"])
@pytest.mark.parametrize("is_busy", [False, True], ids=["at night", "at noon too, with a request of before midnight"])
def test_every_request_counts_once_over_many_rotations(
    warehouse: Warehouse, tmp_path: Path, kind: str, packed_from: int, *, is_busy: bool
) -> None:
    line = combined if kind == "combined" else json_line
    source = SourceSettings.model_validate({"path": str(tmp_path / "access.log*"), "most_shrink": 1, **SOURCES[kind]})
    log = tmp_path / "access.log"
    log.write_text("")
    written = 0
    for night in range(4):
        begins = datetime(2026, 3, 1) + night * DAY
        for half in range(2):
            with log.open("a") as out:
                if is_busy and night and not half:
                    out.write(line("late", begins - timedelta(seconds=1)))
                    written += 1
                for hour in range(12 * half, 12 * half + 12):
                    out.write(line(f"u{hour % 5}", begins + hour * HOUR))
                    written += 1
            if is_busy and not half:
                ingest(warehouse, {"events": source}, now=begins + 13 * HOUR)
        rotate(tmp_path, packed_from=packed_from)
        ingest(warehouse, {"events": source}, now=begins + DAY + 2 * HOUR)
        counted = "select count(*), count(distinct (customer_id, occurred_at)) from raw.events"
        assert warehouse.rows(counted) == [(written, written)], f"night {night}"


def test_one_file_of_the_last_day_that_is_overwritten_each_night_keeps_the_days_before(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    path = tmp_path / "sessions.csv"
    for night in range(4):
        day = datetime(2026, 3, 1) + night * DAY
        rows = "".join(f"C{n},{(day + n * HOUR).isoformat()}\n" for n in range(10))
        path.write_text("customer_id,started_at\n" + rows)
        ingest(warehouse, {"sessions": SourceSettings(path=str(path))}, now=day + DAY)
        assert warehouse.rows("select count(*) from raw.sessions") == [(10 * (night + 1),)]
