"""Access logs as events: the combined and the common format, with the user from a declared field."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from churn.errors import ConfigError, ContractBroken
from churn.warehouse import Warehouse
from churn.warehouse.loading.ingest import LoadResult

Load = Callable[..., LoadResult]
Put = Callable[[str, str], Path]
COLUMNS = {"customer_id": "user", "event_type": "method || ' ' || split_part(path, '?', 1)", "occurred_at": "time"}
LINE = '203.0.113.7 - {} [10/Oct/2025:13:55:36 -0700] "GET /songs?id=1 HTTP/1.1" 200 2326 "-" "Mozilla/5.0 (X11)"\n'
EVENTS: dict[str, Any] = {"format": "combined", "columns": COLUMNS, "where": "user is not null"}


def test_a_request_is_an_event_of_the_user_it_names(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("access.log", LINE.format("ada") + LINE.format("-") + LINE.format("ada lovelace"))
    assert load("events", "access.log", **EVENTS).rows == 2
    assert warehouse.rows(
        "select customer_id, event_type, occurred_at, status, bytes, referer, agent, host, row_number from raw.events order by 9"
    ) == [
        (name, "GET /songs", datetime(2025, 10, 10, 20, 55, 36), 200, 2326, None, "Mozilla/5.0 (X11)", "203.0.113.7", row)
        for name, row in (("ada", 1), ("ada lovelace", 3))
    ]  # fmt: skip


def test_the_user_may_stand_in_the_path_or_in_a_field_of_ones_own(warehouse: Warehouse, load: Load, put: Put) -> None:
    extended = LINE.format("-").rstrip().replace("id=1", "uid=42") + ' 0.012 "u 7" -\n'
    put("access.log", extended)
    load(
        "events",
        "access.log",
        **EVENTS | {"where": "true", "columns": COLUMNS | {"customer_id": "regexp_extract(path, 'uid=([0-9]+)', 1)"}},
    )
    load("sessions", "access.log", format="combined", options={"names": ["seconds", "account", "upstream"]}, columns={"customer_id": "account", "started_at": "time"})  # fmt: skip
    assert warehouse.rows("select customer_id from raw.events") == [("42",)]
    assert warehouse.rows("select customer_id, seconds, upstream from raw.sessions") == [("u 7", "0.012", None)]


def test_the_common_format_and_odd_requests_are_read(warehouse: Warehouse, load: Load, put: Put) -> None:
    put(
        "access.log",
        '::1 - ada [10/Oct/2025:13:55:36 +0000] "GET / HTTP/1.0" 304 -\n'
        '::1 - ada [10/Oct/2025:13:55:37 +0000] "\\x16\\x03" 400 0 "a \\"b\\"" "c"\r\n',
    )
    load("events", "access.log", **EVENTS | {"columns": COLUMNS | {"event_type": "coalesce(method, 'broken')"}})
    assert warehouse.rows("select event_type, path, status, bytes, referer from raw.events order by row_number") == [
        ("GET", "/", 304, None, None),
        ("broken", "\\x16\\x03", 400, 0, 'a \\"b\\"'),
    ]


def test_a_line_of_another_form_is_kept_with_its_number(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("access.log", LINE.format("ada") + "half a li\n" + LINE.format("bob") + LINE.format("eve"))
    result = load("events", "access.log", **EVENTS)
    assert (result.rows, result.rejected) == (3, 1)
    assert warehouse.rows("select row_number, reason, row_text from raw.rejected_rows") == [
        (2, "no line of the combined format", "half a li")
    ]


def test_a_file_that_is_no_log_is_refused(load: Load, put: Put) -> None:
    put("access.log", "customer_id,started_at\nc,2026-01-01\n")
    with pytest.raises(ContractBroken):
        load("events", "access.log", **EVENTS)
    with pytest.raises(ConfigError, match="cannot tell the format"):
        load("events", "access.log", columns=COLUMNS)
    with pytest.raises(ConfigError, match="no option `delim`"):
        load("events", "access.log", **EVENTS, options={"delim": " "})


def test_a_log_that_was_rotated_and_packed_counts_each_request_once(
    warehouse: Warehouse, load: Load, put: Put, tmp_path: Path
) -> None:
    first = LINE.format("ada") * 120
    put("access.log", first)
    rotating = EVENTS | {"most_shrink": 1}
    load("events", "access.log*", **rotating)
    (tmp_path / "access.log.1.gz").write_bytes(gzip.compress(first.encode()))
    put("access.log", LINE.format("bob"))
    load("events", "access.log*", **rotating)
    assert warehouse.rows("select customer_id, count(*) from raw.events group by 1 order by 1") == [
        ("ada", 120),
        ("bob", 1),
    ]


def test_json_lines_are_a_log_too_and_a_torn_last_line_is_kept_aside(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    line = '{"ts": 1770076800123, "msg": "login", "ctx": {"uid": "u1"}}\n'
    put("app.log", line * 3 + '{"ts": 17')
    result = load(
        "events", "app.log", format="json", options={"format": "newline_delimited"},
        columns={"customer_id": "ctx.uid", "event_type": "msg", "occurred_at": "ts"},
    )  # fmt: skip
    assert (result.rows, result.rejected) == (3, 1)
    assert warehouse.rows("select distinct customer_id, event_type, occurred_at from raw.events") == [
        ("u1", "login", datetime(2026, 2, 3, 0, 0, 0, 123000))
    ]
