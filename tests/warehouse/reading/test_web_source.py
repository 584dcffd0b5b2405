"""A web service as source, against one on loopback that pages, limits, lies and breaks off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from churn.config import SourceSettings, load_settings
from churn.errors import AuthFailed, ChurnError, ConfigError, ContractBroken, RateLimited, Unreachable
from churn.warehouse import Warehouse, open_warehouse
from churn.warehouse.loading.ingest import LoadResult, ingest
from tests.warehouse.conftest import NOW
from tests.web_service import SECRET, WebService, breaking_off, send, serving, torn

pytestmark = pytest.mark.slow
Run = Callable[..., LoadResult]
COLUMNS = {"ticket_id": "id", "customer_id": "who", "opened_at": "at"}


def rows(count: int, first: int = 1) -> list[dict[str, Any]]:
    return [
        {"id": n, "who": f"c{n}", "at": f"2026-01-{n:02}T10:00:00Z", "updated_at": f"2026-01-{n:02}T10:00:00Z"}
        for n in range(first, first + count)
    ]


@pytest.fixture
def service() -> Iterator[WebService]:
    with serving(WebService(rows(10))) as running:
        yield running


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path / "warehouse.duckdb", holder="test") as opened:
        yield opened


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that the client asked for, none of which is waited for. Only its own name of `sleep` is replaced:
    threads of the same process go on sleeping."""
    found: list[float] = []
    monkeypatch.setattr("churn.warehouse.reading.web.asking.sleep", found.append)
    return found


@pytest.fixture
def load(warehouse: Warehouse, service: WebService, waits: list[float]) -> Run:
    def run(path: str, *, full: bool = False, now: datetime = NOW, secret: str = SECRET, **settings: Any) -> LoadResult:
        web = {"requests_per_second": 1000, **settings.pop("web", {})}
        given = {"url": service.url.replace("/rows", path), "rows_at": "data", "columns": COLUMNS, "web": web}
        source = SourceSettings.model_validate(given | settings)
        secrets = {"CHURN_SOURCE_SUPPORT_TICKETS_SECRET": secret} if secret else {}
        return ingest(warehouse, {"support_tickets": source}, now=now, secrets=secrets, full=full)[0]

    return run


def keys(warehouse: Warehouse) -> list[str]:
    return [
        key for (key,) in warehouse.rows("select ticket_id from raw.support_tickets order by cast(ticket_id as int)")
    ]


ALL = [str(n) for n in range(1, 11)]
CURSOR: dict[str, Any] = {"web": {"paging": "cursor", "cursor_at": "meta.next"}}
PAGINGS: list[tuple[str, dict[str, Any]]] = [
    ("/rows", {}),
    ("/by-cursor", CURSOR),
    ("/by-address", {"web": {"paging": "cursor", "cursor_at": "next"}}),
    (
        "/by-row",
        {"web": {"paging": "cursor", "cursor_from_row": "id", "cursor_param": "after", "has_more_at": "has_more"}},
    ),
    ("/by-link", {"web": {"paging": "link"}, "rows_at": None}),
    ("/by-page", {"web": {"paging": "page"}, "rows_at": "items"}),
    (
        "/by-page",
        {"web": {"paging": "page", "total_at": "total", "limit_param": "limit", "page_size": 4}, "rows_at": "items"},
    ),
    ("/by-offset", {"web": {"paging": "offset", "limit_param": "limit", "page_size": 4}, "rows_at": "items"}),
]


@pytest.mark.parametrize(("path", "settings"), PAGINGS)
def test_every_way_of_paging_gives_every_row_once(
    warehouse: Warehouse, load: Run, path: str, settings: dict[str, Any]
) -> None:
    assert load(path, **settings).rows == 10
    assert keys(warehouse) == ALL
    assert warehouse.rows("select customer_id, opened_at, source_file from raw.support_tickets limit 1") == [
        ("c1", datetime(2026, 1, 1, 10), "web:support_tickets")
    ]
    assert load(path, **settings).files_unchanged == 1


def test_a_service_that_gives_fewer_rows_than_asked_for_loses_none(
    warehouse: Warehouse, load: Run, service: WebService
) -> None:
    service.most_rows = 2
    web = {"paging": "offset", "limit_param": "limit", "page_size": 50}
    load("/by-offset", web=web, rows_at="items")
    assert keys(warehouse) == ALL


def test_a_limit_is_waited_for_and_what_passes_is_asked_again(
    warehouse: Warehouse, load: Run, service: WebService, waits: list[float]
) -> None:
    service.faults = {
        1: lambda handler: send(handler, {}, status=429, headers={"retry-after": "7"}),
        3: lambda handler: send(handler, {}, status=502),
        5: breaking_off,
        7: torn,
        8: lambda handler: send(handler, {}, status=503, headers={"retry-after": "2"}),
    }
    load("/by-cursor", **CURSOR)
    assert keys(warehouse) == ALL
    assert [wait for wait in waits if wait >= 1] == [7.0, 1.0, 1.0, 1.0, 2.0]


def test_a_service_that_stays_down_is_told_after_the_last_attempt(load: Run, service: WebService) -> None:
    service.faults = {n: lambda handler: send(handler, {}, status=500) for n in (1, 2)}
    with pytest.raises(Unreachable, match="HTTP 500"):
        load("/rows", web={"max_attempts": 2})
    service.faults = {3: lambda handler: send(handler, {}, status=429, headers={"retry-after": "86400"})}
    with pytest.raises(RateLimited):
        load("/rows")


def test_a_run_that_broke_off_goes_on_where_it_stood(warehouse: Warehouse, load: Run, service: WebService) -> None:
    service.faults = {3: lambda handler: send(handler, "<html>sorry</html>")}
    with pytest.raises(ContractBroken, match="text/html, not JSON: <html>sorry"):
        load("/by-cursor", **CURSOR)
    assert keys(warehouse) == []
    service.asked.clear()
    load("/by-cursor", **CURSOR)
    assert [page.get("cursor") for page in service.asked] == ["c6", "c9"]
    assert keys(warehouse) == ALL
    assert not (warehouse.path.parent / "pages" / "support_tickets").exists()  # type: ignore[union-attr]


def test_where_pages_are_counted_it_begins_again_and_a_row_that_moved_counts_once(
    warehouse: Warehouse, load: Run, service: WebService
) -> None:
    counted: dict[str, Any] = {"web": {"paging": "page", "max_attempts": 1}, "rows_at": "items"}
    service.faults = {3: breaking_off}
    with pytest.raises(Unreachable):
        load("/by-page", **counted)
    service.asked.clear()

    def push_on(handler: Any) -> None:
        service.rows.insert(0, rows(1, 11)[0])  # all others move by one while the pages are read
        send(handler, *service.answer("/by-page", {"page": "2"})[:1])

    service.faults = {2: push_on}
    load("/by-page", **counted)
    assert [page["page"] for page in service.asked][:2] == ["1", "2"]
    assert keys(warehouse) == ALL


def test_a_cursor_that_expired_or_pages_of_yesterday_begin_again(
    warehouse: Warehouse, load: Run, service: WebService
) -> None:
    for now, fault in (
        (NOW, lambda handler: send(handler, {"error": "cursor expired"}, status=410)),
        (NOW + timedelta(days=2), None),
    ):
        service.asked.clear()
        service.faults = {3: breaking_off}
        with pytest.raises(Unreachable):
            load("/by-cursor", full=True, web=CURSOR["web"] | {"max_attempts": 1})
        service.asked.clear()
        service.faults = {1: fault} if fault is not None else {}
        load("/by-cursor", full=True, now=now, web=CURSOR["web"] | {"max_attempts": 1})
        assert [page.get("cursor") for page in service.asked][-4:] == [None, "c3", "c6", "c9"]
        assert keys(warehouse) == ALL


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<html>Sign in</html>", "text/html, not JSON"),
        ({"error": {"message": "no such account"}}, "no such account"),
        ({"data": [1, 2]}, "no list at `data`"),
        ([], "no list at `data`"),
    ],
)
def test_what_is_no_answer_is_refused_though_its_status_is_200(
    warehouse: Warehouse, load: Run, service: WebService, body: object, words: str
) -> None:
    load("/rows")
    service.faults = {len(service.asked) + 1: lambda handler: send(handler, body)}
    with pytest.raises(ContractBroken) as caught:
        load("/rows")
    assert words in caught.value.what
    assert keys(warehouse) == ALL


def test_an_error_at_a_declared_place_is_refused_beside_rows(load: Run, service: WebService) -> None:
    service.faults = {1: lambda handler: send(handler, {"data": rows(1), "errors": [f"partial {SECRET}"]})}
    with pytest.raises(ContractBroken, match=r"partial \[secret\]"):
        load("/rows", web={"error_at": "errors", "auth": "bearer"})


def test_a_page_that_comes_again_is_refused(load: Run, service: WebService) -> None:
    service.clamps = True
    with pytest.raises(ContractBroken, match="page 5 repeats page 4"):
        load("/by-page", web={"paging": "page"}, rows_at="items")
    with pytest.raises(ContractBroken, match="page 2 repeats page 1"):
        load("/by-cursor", web={"paging": "cursor", "cursor_at": "meta.next", "cursor_param": "wrong"})


def test_fewer_rows_than_the_service_counts_are_refused(load: Run, service: WebService) -> None:
    service.total = 12
    with pytest.raises(ContractBroken, match="12 rows, and gave 10"):
        load("/by-page", web={"paging": "page", "total_at": "total"}, rows_at="items")


BY_PAGE: dict[str, Any] = {"web": {"paging": "page", "total_at": "total"}, "rows_at": "items"}


def removing(service: WebService) -> Any:
    """Answer page 2 after a row of page 1 was removed, so that the first row of page 2 has moved onto page 1."""

    def answer(handler: Any) -> None:
        del service.rows[0]
        send(handler, *service.answer("/by-page", {"page": "2"})[:1])

    return answer


def test_where_a_row_was_removed_while_pages_were_read_they_are_read_again(
    warehouse: Warehouse, load: Run, service: WebService
) -> None:
    service.faults = {2: removing(service)}
    load("/by-page", **BY_PAGE)
    assert keys(warehouse) == ALL[1:]


def test_a_service_that_removes_rows_all_the_time_is_refused(
    warehouse: Warehouse, load: Run, service: WebService
) -> None:
    for page in (2, 6, 9):
        service.faults[page] = removing(service)
    with pytest.raises(ContractBroken, match="rows were removed over there each time"):
        load("/by-page", **BY_PAGE)
    assert keys(warehouse) == []


@pytest.mark.parametrize("as_text", [False, True])
def test_a_service_that_changes_the_order_between_pages_is_refused(
    warehouse: Warehouse, load: Run, service: WebService, *, as_text: bool
) -> None:
    if as_text:
        service.total = str(len(service.rows))  # type: ignore[assignment]  # some services write it so

    def reorder(handler: Any) -> None:
        service.rows.reverse()
        send(handler, *service.answer("/by-page", {"page": "3"})[:1])

    service.faults = {3: reorder}
    with pytest.raises(ContractBroken, match="4 rows came on two pages, and 4 of 10 on none"):
        load("/by-page", **BY_PAGE)
    assert keys(warehouse) == []


def test_equal_rows_of_one_page_are_rows_of_their_own(warehouse: Warehouse, service: WebService) -> None:
    event = {"who": "c1", "type": "click", "at": "2026-01-01T10:00:00Z"}
    service.rows = [event, event, event | {"who": "c2"}, event | {"who": "c3"}, event | {"who": "c3"}]
    source = SourceSettings.model_validate(
        {
            "url": service.url.replace("/rows", "/by-page"),
            "rows_at": "items",
            "columns": {"customer_id": "who", "event_type": "type", "occurred_at": "at"},
            "web": {"paging": "page", "requests_per_second": 1000},
        }
    )
    ingest(warehouse, {"events": source}, now=NOW)
    assert warehouse.rows("select customer_id, count(*) from raw.events group by 1 order by 1") == [
        ("c1", 2),
        ("c2", 1),
        ("c3", 2),
    ]


def test_a_service_that_suddenly_gives_little_is_refused(warehouse: Warehouse, load: Run, service: WebService) -> None:
    service.rows = [row | {"id": n} for n, row in enumerate(rows(10) * 20)]
    load("/rows")
    service.rows = service.rows[:50]
    with pytest.raises(ContractBroken, match="gave 200 rows before and 50 now"):
        load("/rows")
    load("/rows", most_shrink=1)
    assert len(keys(warehouse)) == 50


def test_only_what_is_new_is_asked_for_and_no_row_comes_twice(
    warehouse: Warehouse, load: Run, service: WebService
) -> None:
    new: dict[str, Any] = {
        "web": {"paging": "cursor", "cursor_at": "meta.next", "since_param": "since"},
        "options": {"updated": "updated_at"},
        "columns": COLUMNS | {"known_at": "updated_at"},
    }
    load("/by-cursor", **new)
    service.asked.clear()
    assert load("/by-cursor", **new).rows == 0
    assert service.asked[0]["since"] == "2026-01-10T09:00:00Z"  # an hour before the newest
    service.rows += rows(1, 11)
    service.rows[9] = service.rows[9] | {"who": "c10b"}  # changed under the same stamp
    late = rows(1, 12)[0] | {"updated_at": "2026-01-10T09:30:00Z"}  # committed late
    service.rows.append(late)
    assert load("/by-cursor", **new).rows == 3
    assert load("/by-cursor", **new).rows == 0
    assert keys(warehouse) == [*ALL[:9], "10", "10", "11", "12"]
    service.asked.clear()
    load("/by-cursor", full=True, **new)
    assert "since" not in service.asked[0]


def test_a_ticket_that_was_closed_stays_open_as_it_was_known_before(
    warehouse: Warehouse, load: Run, service: WebService
) -> None:
    load("/rows", now=NOW)
    service.rows = [{**row, "closed_at": "2026-03-01T10:00:00Z"} if row["id"] == 3 else row for row in service.rows]
    for number in (1, 2):
        load("/rows", now=NOW + timedelta(days=number))
        service.rows += rows(1, 10 + number)  # something else is new each day
    found = warehouse.rows(
        "select closed_at, loaded_at from raw.support_tickets where ticket_id = '3' order by load_id"
    )
    assert found == [(None, NOW), (datetime(2026, 3, 1, 10), NOW + timedelta(days=1))]
    assert keys(warehouse) == sorted([*ALL, "3", "11"], key=int)


def test_a_stamp_that_is_yet_to_come_keeps_no_row_out(warehouse: Warehouse, load: Run, service: WebService) -> None:
    new: dict[str, Any] = {
        "web": {"paging": "cursor", "cursor_at": "meta.next", "since_param": "since"},
        "options": {"updated": "updated_at"},
    }
    service.rows[4] = service.rows[4] | {"updated_at": "2099-12-31T00:00:00Z"}
    load("/by-cursor", **new)
    service.rows += rows(2, 11)
    assert [load("/by-cursor", **new).rows for _ in range(2)] == [2, 0]
    assert keys(warehouse) == [*ALL, "11", "12"]


def test_a_number_that_grows_past_its_digits_tells_new_from_old(
    warehouse: Warehouse, load: Run, service: WebService
) -> None:
    web = {"since_param": "above", "since_format": "number"}
    new: dict[str, Any] = {"web": web, "options": {"updated": "id", "overlap": 2}}
    service.rows = rows(9)
    load("/rows", **new)
    service.rows = rows(12)
    assert load("/rows", **new).rows == 3
    service.rows = rows(13)[9:]
    assert load("/rows", **new).rows == 1
    assert [page.get("above") for page in service.asked] == [None, "7", "10"]
    assert keys(warehouse) == [str(n) for n in range(1, 14)]


def test_what_cannot_be_loaded_is_asked_for_again(warehouse: Warehouse, load: Run, service: WebService) -> None:
    service.rows = [{**rows(1)[0], "at": "03/04/2026"}]
    with pytest.raises(ContractBroken, match="3 April or 4 March"):
        load("/rows")
    service.rows = rows(1)
    load("/rows")
    assert keys(warehouse) == ["1"]


def test_a_service_may_give_the_cursor_to_begin_with_next_time(
    warehouse: Warehouse, load: Run, service: WebService
) -> None:
    sync: dict[str, Any] = {"web": {"since_param": "token", "sync_cursor_at": "token"}}
    load("/sync", **sync)
    assert load("/sync", **sync).rows == 0
    service.rows += rows(2, 11)
    assert load("/sync", **sync).rows == 2
    assert [page.get("token") for page in service.asked] == [None, "10", "10"]
    assert keys(warehouse) == [*ALL, "11", "12"]


@pytest.mark.parametrize(
    ("web", "header", "value"),
    [
        ({"auth": "bearer"}, "authorization", f"Bearer {SECRET}"),
        ({"auth": "key", "auth_name": "X-Token"}, "x-token", SECRET),
        ({"auth": "basic"}, "authorization", "Basic d2ViLXMzY3JldC13b3Jk"),
    ],
)
def test_each_way_to_sign_in(load: Run, service: WebService, web: dict[str, str], header: str, value: str) -> None:
    service.needs = lambda headers, _query: headers.get(header) == value
    assert load("/rows", web=web).rows == 10
    with pytest.raises(AuthFailed) as caught:
        load("/rows", web=web, secret="another-word", full=True)
    assert "another-word" not in str(caught.value)
    with pytest.raises(ConfigError, match="no secret"):
        load("/rows", web=web, secret="", full=True)


def test_a_key_may_be_a_parameter_also_of_the_next_page(load: Run, service: WebService) -> None:
    service.needs = lambda _headers, query: query.get("api_key") == SECRET
    web = {"auth": "key", "auth_in": "query", "auth_name": "api_key", "paging": "link"}
    assert load("/by-link", web=web, rows_at=None).rows == 10


def test_client_credentials_are_exchanged_and_a_token_that_ran_out_is_renewed(load: Run, service: WebService) -> None:
    web = {"auth": "client_credentials", "token_url": service.url.replace("/rows", "/token"), "client_id": "me"}
    service.needs = lambda headers, _query: headers.get("authorization", "").removeprefix("Bearer ") in service.tokens
    service.faults = {3: lambda handler: send(handler, {}, status=401)}
    assert load("/by-cursor", web=web | CURSOR["web"]).rows == 10
    assert service.tokens == {"token-1", "token-2"}
    with pytest.raises(AuthFailed):
        load("/by-cursor", web=web | CURSOR["web"], secret="wrong", full=True)


def test_the_secret_goes_nowhere_else(load: Run, service: WebService) -> None:
    elsewhere = {"data": rows(1), "next": "http://elsewhere/steal"}
    service.faults = {
        1: lambda handler: send(handler, elsewhere),
        2: lambda handler: send(handler, {}, status=302, headers={"location": "http://elsewhere/steal"}),
    }
    with pytest.raises(ContractBroken, match="sends us to another place"):
        load("/by-address", web={"paging": "cursor", "cursor_at": "next", "auth": "bearer"})
    with pytest.raises(ContractBroken, match="redirects to http"):
        load("/rows", web={"auth": "bearer"})


def test_an_empty_answer_is_an_ordinary_day_unless_something_must_be_there(
    warehouse: Warehouse, load: Run, service: WebService
) -> None:
    load("/rows")
    service.rows = []
    assert load("/rows").total_rows == 0
    source = SourceSettings.model_validate({"url": service.url, "rows_at": "data", "columns": {"customer_id": "who"}})
    with pytest.raises(ContractBroken, match="no rows for customers"):
        ingest(warehouse, {"customers": source}, now=NOW)


def test_no_answer_and_wrong_settings_are_told(load: Run, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="does not answer"):
        load("/rows", url="http://127.0.0.1:9/x", web={"max_attempts": 1})
    with pytest.raises(ConfigError, match="no option `delim`"):
        load("/rows", options={"delim": ";"})
    with pytest.raises(ConfigError, match="since_param"):
        load("/rows", web={"since_param": "since"})
    for section, words in (
        ('url = "http://a:b@host/x"', "password"),
        ('url = "ftp://host/x"', "must begin"),
        ('url = "http://host/x"\npath = "x.csv"', "give either"),
        ('url = "http://host/x"\nweb = { paging = "cursor" }', "cursor_at"),
        ('url = "http://host/x"\nweb = { pagin = "cursor" }', "pagin"),
    ):
        (tmp_path / "churn.toml").write_text(f"[sources.sessions]\n{section}\n")
        with pytest.raises(ConfigError, match=words):
            load_settings(config=tmp_path / "churn.toml", home=tmp_path, environ={})


def test_numbers_that_are_no_json_are_refused(load: Run, service: WebService) -> None:
    def nan(handler: Any) -> None:
        send(handler, {"data": [{"id": float("nan"), "who": "c", "at": "2026-01-01"}]})

    service.faults = {1: nan}
    with pytest.raises(ChurnError):
        load("/rows", web={"max_attempts": 1})
