"""What every connector must do, as one class of tests: subclass it, give a fake server of the system, and it runs.

The fake is stateful and speaks the system's own wire format behind an `httpx.MockTransport`; faults are put in front
of it, so that each connector meets the same outages.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import polars as pl
import pytest

from churn.crm.connector import Connector, OutcomeEvent, Row, Value
from churn.crm.mapping import OUR_FIELDS
from churn.crm.request import SyncReport, SyncRequest
from churn.crm.sync import Sync
from churn.errors import AuthFailed, ChurnError, ConfigError, RateLimited, Unreachable
from churn.store import Store, open_store

SECRET = "s3cret-t0ken-never-shown"
NOW = datetime(2026, 7, 1, 4, 30)


# What CRMs answer instead of what was asked, most with status 200, none of them a yes.
LIES: dict[str, httpx.Response] = {
    "empty object": httpx.Response(200, json={}),
    "empty list": httpx.Response(200, json=[]),
    "not ok": httpx.Response(200, json={"ok": False, "error": "invalid_arguments"}),
    "no success": httpx.Response(200, json={"success": False, "message": "please try later"}),
    "graphql errors": httpx.Response(200, json={"data": None, "errors": [{"message": "Field does not exist"}]}),
    "error text": httpx.Response(200, json={"error": "rate limit exceeded"}),
    "sign-in page": httpx.Response(200, html="<html><form>Please sign in</form></html>"),
    "nothing at all": httpx.Response(200, content=b""),
    "null": httpx.Response(200, json=None),
    "bare word": httpx.Response(200, text="OK"),
    "sent elsewhere": httpx.Response(302, headers={"Location": "https://elsewhere.example/sign-in"}),
    "sent elsewhere for good": httpx.Response(308, headers={"Location": "https://elsewhere.example/api"}),
    "multi-status": httpx.Response(207, json={"status": "PARTIAL", "numErrors": 1}),
}


class Killed(BaseException):
    """The process ends here: nobody catches this."""


_ONE_BY_ONE = threading.RLock()


class FakeCrm(ABC):
    """A CRM in memory. Subclasses speak its wire format in `answer` and keep `records`: remote id -> stored fields.

    `poison`: our keys whose rows it refuses, in its own words (`REFUSAL` must be in them). `faults`: what the next
    requests meet, first come first served, as `fault` names them. `secret` is the one it accepts.
    """

    REFUSAL = "is not welcome here"

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.archived: set[str] = set()
        self.poison: set[str] = set()
        self.faults: list[str] = []
        self.secret = SECRET
        self.requests = 0
        self.seen: list[httpx.Request] = []
        self.lie: str | None = None  # what it answers, from `lie_from` requests on
        self.lie_from = 0
        self.lies_after_doing = False  # it does what is asked before it lies

    @abstractmethod
    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, the secret included; a wrong secret as the system answers it."""

    @abstractmethod
    def add(self, customer_id: str, **fields: Value) -> str:
        """Put a contact there that carries our key, beside whatever is there already; return its remote id."""

    @abstractmethod
    def held(self, customer_id: str) -> list[dict[str, Value]]:
        """Return each record with our key: remote field -> value, numbers as numbers, cleared fields as None."""

    def add_outcome(self, event_id: str, customer_id: str, kind: str, at: datetime) -> None:
        """Let something have happened there; systems without outcomes leave this as it is."""
        raise AssertionError(f"{event_id}: nothing comes back from this system")

    def transport(self) -> httpx.MockTransport:
        """The wire, with the faults in front of the server. Requests come from several threads and are met one by one."""

        def meet(request: httpx.Request) -> httpx.Response:
            with _ONE_BY_ONE:
                return self._meet(request)

        return httpx.MockTransport(meet)

    def _meet(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        self.seen.append(request)
        if self.lie is not None and self.requests > self.lie_from:
            if self.lies_after_doing:
                self.answer(request)
            lie = LIES[self.lie]
            return httpx.Response(lie.status_code, headers=lie.headers, content=lie.content)
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "refused":
            raise httpx.ConnectError("connection refused", request=request)
        if fault == "429":
            return httpx.Response(429, headers={"Retry-After": "7"}, json={})
        if fault == "503":
            return httpx.Response(503, text="down for maintenance")
        if fault == "timeout before":
            raise httpx.ReadTimeout("too slow", request=request)
        if fault == "killed before":
            raise Killed
        response = self.answer(request)
        if fault == "timeout after":
            raise httpx.ReadTimeout("too slow", request=request)
        if fault == "killed after":
            raise Killed
        return response


class ConnectorContract(ABC):
    """The tests. A subclass says how its fake and connector are made, and what the system is like."""

    text_field = "risk_band"  # remote fields that the fake has from the start
    number_field = "churn_probability"
    has_outcomes = True
    has_schema = True
    creates_on_update = False  # a system without records of others, where updating what is not there does no harm
    can_be_asked = True  # whether records can be found and read
    has_keys_of_its_own = False  # the key is unique there, so that no two records can carry it

    its_own_words: frozenset[str] = frozenset()  # lies that say in its language what could be true

    @abstractmethod
    def make_crm(self) -> FakeCrm:
        """Return the fake."""

    @abstractmethod
    def connect(self, crm: FakeCrm, *, secret: str = SECRET, **settings: Any) -> Connector:
        """Return the connector, speaking to the fake with `secret`; `settings` go into its section."""

    @pytest.fixture
    def crm(self) -> FakeCrm:
        return self.make_crm()

    @pytest.fixture
    def connector(self, crm: FakeCrm) -> Iterator[Connector]:
        opened = self.connect(crm)
        yield opened
        opened.close()

    def row(self, customer_id: str, remote_id: str | None = None, band: Value = "high", p: Value = 0.25) -> Row:
        return Row(customer_id, remote_id, {self.text_field: band, self.number_field: p})

    def write(self, connector: Connector, *rows: Row, mode: Any = "upsert") -> list[Any]:
        return connector.write(list(rows), mode=mode, run_id="r1")

    def located(self, connector: Connector, row: Row) -> Row:
        """`row` with the remote id where the connector wants one and there is one."""
        found = connector.find([row.customer_id]).get(row.customer_id, ()) if connector.needs_remote_id else ()
        return replace(row, remote_id=found[0]) if found else row

    # What is written

    def test_signing_in_changes_nothing(self, crm: FakeCrm, connector: Connector) -> None:
        connector.check()
        assert crm.records == {}

    def test_a_wrong_secret_is_refused_without_being_told(self, crm: FakeCrm) -> None:
        wrong = self.connect(crm, secret="another-s3cret")
        with pytest.raises(AuthFailed) as caught:
            wrong.check()
        assert "another-s3cret" not in str(caught.value) + repr(wrong)

    def test_a_record_is_found_by_our_key_and_nobody_elses(self, crm: FakeCrm, connector: Connector) -> None:
        if not self.can_be_asked:
            pytest.skip("the system cannot be asked")
        there = crm.add("c1")
        crm.add("c11")
        found = connector.find(["c1", "c2"])
        assert found["c1"] == (there,)
        assert found.get("c2", ()) == ()

    def test_two_records_with_one_key_are_both_found(self, crm: FakeCrm, connector: Connector) -> None:
        if self.has_keys_of_its_own:
            pytest.skip("the system keeps keys unique")
        both = {crm.add("c1"), crm.add("c1")}
        assert set(connector.find(["c1"])["c1"]) == both

    def test_an_upsert_creates_once_and_then_updates(self, crm: FakeCrm, connector: Connector) -> None:
        (first,) = self.write(connector, self.row("c1"))
        assert (first.state, first.customer_id) == ("created", "c1")
        (second,) = self.write(connector, self.located(connector, self.row("c1", band="low", p=0.05)))
        assert second.state in {"updated", "unchanged"}
        (held,) = crm.held("c1")
        assert held[self.text_field] == "low"
        assert held[self.number_field] == pytest.approx(0.05)

    def test_an_update_changes_what_is_given_and_nothing_else(self, crm: FakeCrm, connector: Connector) -> None:
        crm.add("c1", **{self.text_field: "low", self.number_field: 0.5})
        row = self.located(connector, Row("c1", None, {self.text_field: "high"}))
        (result,) = self.write(connector, row, mode="update")
        assert result.state == "updated"
        (held,) = crm.held("c1")
        assert (held[self.text_field], held[self.number_field]) == ("high", pytest.approx(0.5))

    def test_an_update_of_nobody_creates_nobody(self, crm: FakeCrm, connector: Connector) -> None:
        (result,) = self.write(connector, self.row("c1"), mode="update")
        if self.creates_on_update:
            assert result.state == "created"
            return
        assert (result.state, result.code) == ("rejected", "not_found")
        assert crm.held("c1") == []

    def test_an_insert_leaves_who_is_there_alone(self, crm: FakeCrm, connector: Connector) -> None:
        crm.add("c1", **{self.text_field: "low", self.number_field: 0.5})
        (result,) = self.write(connector, self.located(connector, self.row("c1")), mode="insert")
        assert result.state == "unchanged"
        (held,) = crm.held("c1")
        assert held[self.text_field] == "low"

    def test_none_clears_a_field(self, crm: FakeCrm, connector: Connector) -> None:
        crm.add("c1", **{self.text_field: "low", self.number_field: 0.5})
        row = self.located(connector, Row("c1", None, {self.text_field: None}))
        (result,) = self.write(connector, row, mode="update")
        assert result.state == "updated"
        (held,) = crm.held("c1")
        assert not held[self.text_field]
        assert held[self.number_field] == pytest.approx(0.5)

    def test_any_text_arrives_as_it_is(self, crm: FakeCrm, connector: Connector) -> None:
        text = "Ünïcode 東京, \"quoted\"; <b>&amp;</b> 'single' \\ back"
        self.write(connector, self.row("c1", band=text))
        assert crm.held("c1")[0][self.text_field] == text

    def test_results_come_one_for_each_row_and_in_order(self, crm: FakeCrm, connector: Connector) -> None:
        rows = [self.row(f"c{n}", band=f"b{n}") for n in range(min(7, connector.batch_size))]
        results = self.write(connector, *rows)
        assert [result.customer_id for result in results] == [row.customer_id for row in rows]
        assert {result.state for result in results} == {"created"}

    def test_what_was_written_reads_back(self, crm: FakeCrm, connector: Connector) -> None:
        if not self.can_be_asked:
            pytest.skip("the system cannot be asked")
        (result,) = self.write(connector, self.row("c1", band="high", p=0.25))
        assert result.remote_id is not None
        record = connector.read([result.remote_id], [self.text_field, self.number_field])[result.remote_id]
        assert record[self.text_field] == "high"
        assert float(str(record[self.number_field])) == pytest.approx(0.25)
        assert connector.read(["999999999"], [self.text_field]) == {}

    def test_the_schema_names_the_fields_with_their_types(self, crm: FakeCrm, connector: Connector) -> None:
        schema = connector.fields()
        if not self.has_schema:
            assert schema is None
            return
        assert schema is not None
        assert schema[self.text_field].kind in {"text", "choice"}
        assert schema[self.number_field].kind == "number"
        assert schema[self.text_field].is_writable

    # What goes wrong

    def test_being_told_to_slow_down_says_for_how_long(self, crm: FakeCrm, connector: Connector) -> None:
        connector.check()
        crm.faults = ["429"] * 20
        with pytest.raises(RateLimited) as caught:
            self.write(connector, self.row("c1"))
        assert caught.value.retry_after == 7
        crm.faults = []
        assert crm.held("c1") == []

    def test_a_refused_connection_is_known_to_have_done_nothing(self, crm: FakeCrm, connector: Connector) -> None:
        connector.check()
        crm.faults = ["refused"] * 20
        assert self.fate(connector) == "transient"
        crm.faults = []
        assert crm.held("c1") == []

    def test_a_timeout_of_a_write_is_unknown(self, crm: FakeCrm, connector: Connector) -> None:
        connector.check()
        crm.faults = ["timeout after"] * 20
        assert self.fate(connector) == "unknown"

    def fate(self, connector: Connector) -> str:
        """What became of one row, whether the connector says it of the row or of the batch."""
        try:
            (result,) = self.write(connector, self.row("c1"))
        except Unreachable as error:
            return "unknown" if error.is_unknown else "transient"
        return str(result.state)

    # A push, from the list to the records

    def pushing(self, connector: Connector, store: Store, run_id: str, wanted: pl.DataFrame, **changes: Any) -> Sync:
        from churn.config.connectors import ConnectorSection

        request = SyncRequest(
            connector="crm",
            campaign="winback",
            run_id=run_id,
            wanted=wanted,
            fields={"risk_band": self.text_field, "churn_probability": self.number_field},
            settings=ConnectorSection(max_changed_share=1.0, max_rejected_share=1.0, max_wait_seconds=5),
            mode="upsert",
            model_version="m1",
        )
        return Sync(replace(request, **changes), connector, store, clock=lambda: NOW, sleep=lambda _seconds: None)

    def push(self, connector: Connector, store: Store, run_id: str, wanted: pl.DataFrame, **changes: Any) -> SyncReport:
        return self.pushing(connector, store, run_id, wanted, **changes).run()

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        with empty_store(tmp_path) as opened:
            yield opened

    def in_step(self, crm: FakeCrm, wanted: pl.DataFrame) -> bool:
        """Whether there is one record for each row of `wanted`, with its values."""
        for row in wanted.iter_rows(named=True):
            held = crm.held(row["customer_id"])
            if len(held) != 1 or held[0][self.text_field] != row["risk_band"]:
                return False
            if abs(float(str(held[0][self.number_field])) - row["churn_probability"]) > 1e-6:
                return False
        return True

    def test_a_push_lands_once_then_writes_only_what_changed(self, crm: FakeCrm, store: Store) -> None:
        connector, wanted = self.connect(crm), wanted_list(60)
        first = self.push(connector, store, "r1", wanted)
        assert first.counts["created"] == 60
        assert self.in_step(crm, wanted)
        quiet = crm.requests
        second = self.push(connector, store, "r2", wanted)
        assert (second.counts["created"], second.counts["updated"], second.counts["unchanged"]) == (0, 0, 60)
        assert crm.requests - quiet <= 10  # signing in and reading the schema, no rows
        changed = wanted.with_columns(
            pl.when(pl.int_range(pl.len()) < 7).then(pl.lit("low")).otherwise("risk_band").alias("risk_band")
        )
        third = self.push(connector, store, "r3", changed)
        assert (third.counts["created"], third.counts["updated"]) == (0, 7)
        assert self.in_step(crm, changed)

    def test_bad_rows_stand_alone_in_the_systems_own_words(self, crm: FakeCrm, store: Store) -> None:
        connector, wanted = self.connect(crm), wanted_list(40)
        crm.poison = {"c03", "c17", "c39"}
        report = self.push(connector, store, "r1", wanted)
        assert (report.counts["created"], report.counts["rejected"]) == (37, 3)
        rejections = store.crm.rejections("crm", "winback")
        assert {r.customer_id for r in rejections} == crm.poison
        assert all(FakeCrm.REFUSAL in (r.message or "") for r in rejections)
        again = self.push(connector, store, "r2", wanted)  # refused for good, until they change
        assert (again.counts["rejected"], again.skipped["held"]) == (0, 3)
        crm.poison = set()
        store.crm.release("crm", "winback")
        healed = self.push(connector, store, "r3", wanted)
        assert healed.counts["created"] == 3
        assert store.crm.rejections("crm", "winback") == []
        assert self.in_step(crm, wanted)

    @pytest.mark.slow  # several pushes each, for every connector
    @pytest.mark.parametrize("fault", ["429", "503", "refused", "timeout before", "timeout after"])
    def test_an_outage_in_the_middle_of_a_push_loses_and_doubles_nothing(
        self, crm: FakeCrm, store: Store, fault: str
    ) -> None:
        connector, wanted = self.connect(crm, batch_size=10), wanted_list(30)
        connector.check()
        for skip in (4, 9):
            crm.faults = [""] * skip + [fault] * 2
            self.push(connector, store, f"r{skip}", wanted)
            crm.faults = []
        self.push(connector, store, "r99", wanted)
        assert self.in_step(crm, wanted)

    @pytest.mark.slow
    @pytest.mark.parametrize("moment", ["killed before", "killed after"])
    @pytest.mark.parametrize("requests", [3, 5, 8])
    def test_a_killed_push_is_taken_up_without_doubles_or_losses(
        self, crm: FakeCrm, store: Store, moment: str, requests: int
    ) -> None:
        connector, wanted = self.connect(crm, batch_size=10), wanted_list(30)
        crm.faults = [""] * requests + [moment]
        with suppress(Killed):
            self.push(connector, store, "r1", wanted)
        crm.faults = []
        self.push(self.connect(crm, batch_size=10), store, "r2", wanted)
        assert self.in_step(crm, wanted)
        assert store.sync_runs.unfinished("crm") == []

    @pytest.mark.slow
    @pytest.mark.parametrize("lies_after_doing", [False, True], ids=["undone", "done"])
    @pytest.mark.parametrize("lie", LIES)
    def test_a_lie_is_never_believed_and_creates_nobody_twice(
        self, crm: FakeCrm, store: Store, lie: str, lies_after_doing: bool
    ) -> None:
        if lie in self.its_own_words:
            pytest.skip("that is how the system says that there is nobody")
        connector, wanted = self.connect(crm), wanted_list(8)
        for key in ("c00", "c03"):
            crm.add(key, **{self.text_field: "low", self.number_field: 0.01})
        connector.check()
        for number, honest in enumerate((0, 1, 2, 3, 5, 9, 10, 11, 14)):
            crm.lie, crm.lie_from, crm.lies_after_doing = lie, crm.requests + honest, lies_after_doing
            with suppress(ChurnError):
                self.push(connector, store, f"r{number}", wanted, is_full=True)
            crm.lie = None
            assert self.believed(store) <= {key for key in wanted["customer_id"] if self.is_held(crm, wanted, key)}
        self.push(connector, store, "r-honest", wanted, is_full=True)
        self.push(connector, store, "r-last", wanted)
        assert self.in_step(crm, wanted)
        assert self.believed(store) == set(wanted["customer_id"])

    def believed(self, store: Store) -> set[str]:
        """Whose record we take for written."""
        records = store.crm.records("crm", "winback")
        return set(records.filter(~records["is_uncertain"])["customer_id"])

    def is_held(self, crm: FakeCrm, wanted: pl.DataFrame, key: str) -> bool:
        return self.in_step(crm, wanted.filter(pl.col("customer_id") == key))

    def test_a_secret_revoked_midway_stops_the_push_with_an_alert(self, crm: FakeCrm, store: Store) -> None:
        connector, wanted = self.connect(crm, batch_size=10), wanted_list(40)
        self.push(connector, store, "r1", wanted.head(5))
        crm.secret = "changed over there"
        with pytest.raises(AuthFailed):
            self.push(self.connect(crm, batch_size=10), store, "r2", wanted)
        assert [alert.kind for alert in store.alerts.open()] == ["sync_failed"]
        crm.secret = SECRET
        self.push(self.connect(crm, batch_size=10), store, "r3", wanted)
        assert self.in_step(crm, wanted)
        assert store.alerts.open() == []

    def test_a_dry_run_writes_nothing(self, crm: FakeCrm, store: Store) -> None:
        connector, wanted = self.connect(crm), wanted_list(20)
        crm.add("c00", **{self.text_field: "low", self.number_field: 0.01})
        before = crm.held("c00")
        report = self.pushing(connector, store, "r1", wanted).run(is_dry=True)
        assert report.preview is not None
        assert report.preview.counts["create"] + report.preview.counts["update"] == 20
        assert crm.held("c00") == before
        assert crm.held("c01") == []
        assert store.sync_runs.history() == []

    def test_whoever_leaves_the_list_is_cleared_of_what_we_wrote(self, crm: FakeCrm, store: Store) -> None:
        connector, wanted = self.connect(crm), wanted_list(6)
        self.push(connector, store, "r1", wanted)
        report = self.push(connector, store, "r2", wanted.head(4), on_leave="clear", is_forced=True)
        assert report.counts["cleared"] == 2
        (held,) = crm.held("c05")
        assert not held[self.text_field]
        assert self.in_step(crm, wanted.head(4))

    def test_a_field_that_is_not_there_is_named_before_anything_is_written(self, crm: FakeCrm, store: Store) -> None:
        if not self.has_schema:
            pytest.skip("the system has no schema to ask")
        with pytest.raises(ConfigError, match="no_such_field"):
            self.push(self.connect(crm), store, "r1", wanted_list(3), fields={"risk_band": "no_such_field"})
        assert crm.held("c00") == []

    # What comes back

    def test_outcomes_come_page_by_page_and_end(self, crm: FakeCrm, connector: Connector) -> None:
        if not self.has_outcomes:
            pytest.skip("nothing comes back from it")
        crm.add("c1")
        for n in range(5):
            crm.add_outcome(f"e{n}", "c1", "lost" if n % 2 else "won", datetime(2026, 6, 1) + timedelta(hours=n))
        events, cursor = self.read_all(connector, None)
        assert len({event.event_id for event in events}) == 5
        assert {event.kind for event in events} == {"won", "lost"}
        assert min(event.occurred_at for event in events) == datetime(2026, 6, 1)
        later, _ = self.read_all(connector, cursor)
        assert {event.event_id for event in later} <= {event.event_id for event in events}  # overlap is welcome
        crm.add_outcome("e9", "c1", "won", datetime(2026, 6, 3))
        newest, _ = self.read_all(connector, cursor)
        assert len({event.event_id for event in newest} - {event.event_id for event in events}) == 1

    def read_all(self, connector: Connector, cursor: str | None) -> tuple[list[OutcomeEvent], str | None]:
        found: list[OutcomeEvent] = []
        for _ in range(50):
            page = connector.outcomes(cursor)
            found += page.events
            cursor = page.cursor
            if page.is_last:
                return found, cursor
        raise AssertionError("the pages never end")

    # What nobody may see

    def test_the_secret_is_in_no_repr_error_log_or_store(
        self, crm: FakeCrm, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        connector, told = self.connect(crm), []
        told.append(repr(connector) + str(vars(connector)))
        for fault in ("", "429", "503", "refused", "timeout after"):
            crm.faults = [fault] * 40
            try:
                self.push(connector, store, f"r-{fault}", wanted_list(3))
            except ChurnError as error:
                told += [str(error), repr(error), repr(error.__cause__)]
        crm.faults = []
        crm.secret = "changed over there"
        with pytest.raises(AuthFailed) as caught:
            self.push(self.connect(crm), store, "r-last", wanted_list(3), is_full=True)
        told += [str(caught.value), repr(caught.value), caplog.text, *dump(tmp_path / "store.sqlite")]
        assert not [text for text in told if SECRET in text]


@cache
def template() -> bytes:
    with TemporaryDirectory() as folder:
        open_store(f"sqlite:///{folder}/store.sqlite").close()
        return (Path(folder) / "store.sqlite").read_bytes()


def empty_store(folder: Path) -> Store:
    """A new store in `folder`; copied, for making its schema takes longer than most tests."""
    path = folder / "store.sqlite"
    path.write_bytes(template())
    return open_store(f"sqlite:///{path}")


def dump(path: Path) -> list[str]:
    """Every statement that would build the database anew."""
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def wanted_list(count: int, **columns: Any) -> pl.DataFrame:
    """A list of customers c00, c01, ... in the order of sending, with all our fields."""
    shares = [round(0.9 - 0.5 * n / max(count, 1), 4) for n in range(count)]
    frame = pl.DataFrame(
        {
            "customer_id": [f"c{n:02d}" for n in range(count)],
            "churn_probability": shares,
            "risk_band": ["critical" if p >= 0.8 else "high" for p in shares],
            "percentile": [100 * p for p in shares],
            "expected_profit": [30 * p for p in shares],
            "churn_within_90d": [0.95] * count,
            "churn_within_180d": [0.96] * count,
            "churn_within_360d": [0.975] * count,
            "months_kept": [1.25] * count,
            "reasons": ["no login for 23 days; 2 failed payments"] * count,
            "reason_codes": ["days_since_last_login,failed_payments"] * count,
            "recommended_action": ["Call them"] * count,
            "next_best_offer": ["winback"] * count,
            "campaign": ["winback"] * count,
            "model_version": ["m1"] * count,
            "scored_at": [datetime(2026, 7, 1, 2, 0)] * count,
            "run_id": ["s1"] * count,
            "snapshot_date": [date(2026, 7, 1)] * count,
            "email_sha256": [f"{n:064x}" for n in range(count)],
        }
    )
    assert set(OUR_FIELDS) <= set(frame.columns)
    return frame.with_columns(pl.Series(name, values) for name, values in columns.items())
