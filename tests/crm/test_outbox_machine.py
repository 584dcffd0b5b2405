"""Any interleaving of crashes, timeouts, refusals and reruns ends with the CRM as intended: nothing twice, nothing lost."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from churn.config.connectors import ConnectorSection
from churn.crm.request import SyncRequest
from churn.crm.sync import Sync
from churn.errors import ChurnError
from tests.crm.contract import Killed, empty_store, wanted_list
from tests.crm.memory import FAULTS, MemoryCrm

CUSTOMERS = [f"c{n:02d}" for n in range(8)]
BANDS = ["low", "medium", "high", "critical"]
SECTION = ConnectorSection(max_changed_share=1, max_rejected_share=1, min_list_share=0, max_attempts=2, sample_size=2)
NOW = datetime(2026, 7, 1)

customers, bands = st.sampled_from(CUSTOMERS), st.sampled_from(BANDS)
faults = st.lists(st.sampled_from(FAULTS), max_size=6)


class Pushes(RuleBasedStateMachine):
    @initialize(needs_id=st.booleans(), strict=st.booleans(), size=st.sampled_from([1, 3, 8]))
    def begin(self, needs_id: bool, strict: bool, size: int) -> None:
        self.folder = TemporaryDirectory()
        self.store = empty_store(Path(self.folder.name))
        self.crm = MemoryCrm(needs_remote_id=needs_id, is_strict=strict, batch_size=size)
        self.wanted: dict[str, str] = {}
        self.notes: dict[str, str] = {}
        self.runs = 0

    @rule(customer=customers, band=bands)
    def want(self, customer: str, band: str) -> None:
        self.wanted[customer] = band

    @rule(customer=customers)
    def leave(self, customer: str) -> None:
        self.wanted.pop(customer, None)

    @rule(customer=customers)
    def refuse_or_take(self, customer: str) -> None:
        self.crm.poison ^= {customer}

    @rule(customer=customers, note=st.text(max_size=3))
    def a_salesman_writes_a_note(self, customer: str, note: str) -> None:
        for record in self.crm.held(customer):
            record["note"] = self.notes[customer] = note

    @rule(going_wrong=faults, release=st.booleans(), full=st.booleans())
    def push(self, going_wrong: list[str], release: bool, full: bool) -> None:
        if release:
            self.store.crm.release("crm", "winback")
        self.crm.faults = list(going_wrong)
        with suppress(Killed, ChurnError):
            self.run(is_full=full)
        self.crm.faults = []

    def run(self, **changes: Any) -> None:
        self.runs += 1
        rows = wanted_list(len(CUSTOMERS)).filter(pl.col("customer_id").is_in(list(self.wanted)))
        rows = rows.with_columns(
            pl.col("customer_id").replace_strict(self.wanted, default=None, return_dtype=pl.String).alias("risk_band")
        )
        request = SyncRequest(
            connector="crm",
            campaign="winback",
            run_id=f"r{self.runs}",
            wanted=rows,
            fields={"risk_band": "band", "churn_probability": "p"},
            settings=SECTION,
            mode="upsert",
            on_leave="clear",
            model_version="m1",
            is_forced=True,
            **changes,
        )
        Sync(request, self.crm, self.store, clock=lambda: NOW, sleep=lambda _: None).run()

    @invariant()
    def nobody_is_there_twice(self) -> None:
        if hasattr(self, "crm"):
            keys = [record["key"] for record in self.crm.records.values()]
            assert len(keys) == len(set(keys))

    def teardown(self) -> None:
        if not hasattr(self, "crm"):
            return
        try:
            self.crm.poison = set()
            self.store.crm.release("crm", "winback")
            self.run()
            self.everything_is_in_step()
            written = self.crm.writes
            self.run()
            assert self.crm.writes == written
        finally:
            self.store.close()
            self.folder.cleanup()

    def everything_is_in_step(self) -> None:
        for customer in CUSTOMERS:
            held = self.crm.held(customer)
            if customer in self.wanted:
                assert [record["band"] for record in held] == [self.wanted[customer]]
            for record in held:
                assert (record["band"] is None) == (customer not in self.wanted)
                assert record.get("note") == self.notes.get(customer)


TestPushes = pytest.mark.slow(Pushes.TestCase)  # many pushes
TestPushes.settings = settings(
    max_examples=20, stateful_step_count=14, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
