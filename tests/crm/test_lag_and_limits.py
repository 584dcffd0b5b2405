from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from churn.config.connectors import ConnectorSection, RestConnector
from churn.crm.connectors.rest import connect
from churn.crm.http import open_client
from churn.crm.request import SyncReport, SyncRequest
from churn.crm.sync import Sync
from churn.store import Store
from tests.crm.connectors.test_rest import SECTION, FakeRest
from tests.crm.contract import NOW, SECRET, empty_store, wanted_list
from tests.crm.memory import MemoryCrm

LAG = 60


class Lagging(MemoryCrm):
    """Its search shows a record a minute after it was made."""

    def __init__(self) -> None:
        super().__init__(batch_size=10)
        self.now, self.made_at = NOW, dict[str, datetime]()

    def find(self, customer_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        for remote_id in self.records:
            self.made_at.setdefault(remote_id, self.now)
        shown = {i for i, at in self.made_at.items() if (self.now - at).total_seconds() >= LAG}
        return {key: tuple(i for i in ids if i in shown) for key, ids in super().find(customer_ids).items()}

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def pushed(crm: Lagging, store: Store, run_id: str, **changes: Any) -> SyncReport:
    request = SyncRequest(
        connector="crm",
        campaign="winback",
        run_id=run_id,
        wanted=wanted_list(6),
        fields={"risk_band": "band", "churn_probability": "p"},
        settings=ConnectorSection(max_changed_share=1.0, max_wait_seconds=0.001, lookup_lag_seconds=LAG),
        mode="upsert",
        model_version="m1",
        **changes,
    )
    return Sync(request, crm, store, clock=lambda: crm.now, sleep=crm.sleep).run()


@pytest.mark.parametrize("fault", ["lost after", "lost before", "unsure rows"])
def test_what_may_have_been_made_waits_until_the_search_would_show_it(tmp_path: Path, fault: str) -> None:
    crm = Lagging()
    crm.faults = ["", fault]  # the record that proves the key is made; then five rows in doubt
    with empty_store(tmp_path) as store:
        first = pushed(crm, store, "r1")
        there = len(crm.records)
        assert (first.state, first.counts["unknown"]) == ("partial", 5)
        crm.now += timedelta(seconds=20)
        assert pushed(crm, store, "r2").state == "partial"  # too early to tell
        assert len(crm.records) == there
        crm.now += timedelta(seconds=2 * LAG)
        assert pushed(crm, store, "r3").state == "done"
        assert sorted(record["key"] for record in crm.records.values()) == [f"c{n:02d}" for n in range(6)]


def test_what_may_have_been_made_is_not_taken_for_gone_when_it_is_to_be_emptied(tmp_path: Path) -> None:
    crm = Lagging()
    crm.faults = ["", "lost after"]
    with empty_store(tmp_path) as store:
        pushed(crm, store, "r1")
        emptying: dict[str, Any] = {"action": "withdraw", "on_leave": "clear", "is_forced": True}
        withdraw = {**emptying, "only": frozenset({"c03"})}
        request_of_nobody = wanted_list(6).clear()
        report = _withdrawn(crm, store, "r2", request_of_nobody, withdraw)
        assert report.state == "partial"
        assert crm.held("c03")[0]["band"] is not None
        crm.now += timedelta(seconds=2 * LAG)
        assert _withdrawn(crm, store, "r3", request_of_nobody, withdraw).state == "done"
        assert crm.held("c03")[0]["band"] is None


def _withdrawn(crm: Lagging, store: Store, run_id: str, nobody: Any, changes: dict[str, Any]) -> SyncReport:
    request = SyncRequest(
        connector="crm",
        campaign="winback",
        run_id=run_id,
        wanted=nobody,
        fields={},
        settings=ConnectorSection(max_wait_seconds=0.001, lookup_lag_seconds=LAG),
        **changes,
    )
    return Sync(request, crm, store, clock=lambda: crm.now, sleep=crm.sleep).run()


class Limited(FakeRest):
    """Ten requests a second, and five more at once: what a proxy's limit_req lets through."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.level, self.filled_at, self.refused = 1_000.0, 0.0, 1_000.0, 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.now += 0.01  # a request takes its time
        self.level = max(0.0, self.level - (self.now - self.filled_at) * 10)
        self.filled_at = self.now
        if self.level + 1 > 6:
            self.refused += 1
            return httpx.Response(429, headers={"Retry-After": "1"})
        self.level += 1
        return super().answer(request)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("requests_per_second", [10, 40, None])
@pytest.mark.slow  # many pushes
def test_six_hundred_rows_land_behind_a_limit_of_ten_a_second(
    tmp_path: Path, requests_per_second: float | None
) -> None:
    crm = Limited()
    section = RestConnector.model_validate(
        SECTION | {"requests_per_second": requests_per_second, "concurrency": 1, "lookup_lag_seconds": 0}
    )
    client = open_client(section, transport=crm.transport(), sleep=crm.sleep, monotonic=lambda: crm.now)
    connector = connect("crm", section, {"CHURN_CONNECTOR_CRM_SECRET": SECRET}, clock=lambda: NOW, client=client)
    request = SyncRequest(
        connector="crm",
        campaign="winback",
        run_id="r1",
        wanted=wanted_list(600),
        fields={"risk_band": "risk_band", "churn_probability": "churn_probability"},
        settings=section,
        mode="upsert",
        model_version="m1",
    )
    with empty_store(tmp_path) as store:
        report = Sync(request, connector, store, clock=lambda: NOW, sleep=crm.sleep).run()
    assert (report.state, report.counts["created"], len(crm.records)) == ("done", 600, 600)
    assert crm.refused < 60
