"""A CRM without a wire: records in a dictionary, and a plan of what goes wrong with the next calls that write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from churn.crm.connector import OutcomePage, RemoteField, Row, RowResult, Value, WriteMode
from churn.errors import AuthFailed, RateLimited, RecordRejected, Unreachable
from tests.crm.contract import Killed

FAULTS = (
    "",
    "slow down",
    "away",
    "lost before",
    "lost after",
    "lost halfway",
    "killed before",
    "killed halfway",
    "killed after",
    "locked rows",
    "unsure rows",
    "no access",
)

BEFORE: dict[str, BaseException] = {
    "slow down": RateLimited("slow down", retry_after=3),
    "away": Unreachable("away"),
    "no access": AuthFailed("no"),
    "killed before": Killed(),
    "lost before": Unreachable("lost", is_unknown=True),
}


class MemoryCrm:
    """Satisfies `Connector`. `is_strict`: a batch with a bad row in it is refused whole."""

    kind = "memory"

    def __init__(self, *, needs_remote_id: bool = True, batch_size: int = 3, is_strict: bool = False) -> None:
        self.needs_remote_id, self.batch_size, self.is_strict = needs_remote_id, batch_size, is_strict
        self.records: dict[str, dict[str, Any]] = {}
        self.poison: set[str] = set()
        self.faults: list[str] = []
        self.dropped: set[str] = set()  # fields that it takes with a yes and forgets
        self.kept: set[str] = set()  # fields that it says yes to emptying, and leaves as they are
        self.refusals_pass = False
        self.schema: dict[str, RemoteField] | None = None
        self.writes = 0

    def check(self) -> None:
        pass

    def fields(self) -> Mapping[str, RemoteField] | None:
        return self.schema

    def find(self, customer_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        return {key: tuple(i for i, r in self.records.items() if r["key"] == key) for key in customer_ids}

    def write(self, rows: Sequence[Row], *, mode: WriteMode, run_id: str) -> list[RowResult]:
        assert len(rows) <= self.batch_size
        fault = self.faults.pop(0) if self.faults else ""
        if fault in BEFORE:
            raise BEFORE[fault]
        if self.is_strict and any(row.customer_id in self.poison for row in rows):
            raise RecordRejected("one of them is bad")
        if fault == "locked rows":
            return [RowResult(row.customer_id, "transient", message="locked") for row in rows]
        done = rows[: len(rows) // 2] if fault.endswith("halfway") else rows
        results = [self._write(row, mode) for row in done]
        if fault.startswith("lost"):
            raise Unreachable("lost", is_unknown=True)
        if fault.startswith("killed"):
            raise Killed
        if fault == "unsure rows":
            return [RowResult(row.customer_id, "unknown") for row in rows]
        return results

    def _write(self, row: Row, mode: WriteMode) -> RowResult:
        key = row.customer_id
        if key in self.poison:
            return RowResult(key, "rejected", code="bad", message="bad", may_pass=self.refusals_pass)
        ids = [row.remote_id] if row.remote_id is not None else list(self.find([key])[key])
        if self.needs_remote_id and row.remote_id is None:
            ids = []  # it matches by its own id only: asked to create, it creates
        if ids and ids[0] not in self.records:
            return RowResult(key, "rejected", code="not_found", message="gone")
        if not ids and mode == "update":
            return RowResult(key, "rejected", code="not_found", message="nobody")
        if ids and mode == "insert":
            return RowResult(key, "unchanged", remote_id=ids[0])
        remote_id = ids[0] if ids else str(len(self.records) + 100)
        record = self.records.setdefault(remote_id, {"key": key})
        unheard = self.dropped | {name for name in self.kept if row.values.get(name, "") is None}
        record.update({name: value for name, value in row.values.items() if name not in unheard})
        self.writes += 1
        return RowResult(key, "updated" if ids else "created", remote_id=remote_id)

    def read(self, remote_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
        return {i: {name: self.records[i].get(name) for name in fields} for i in remote_ids if i in self.records}

    def outcomes(self, cursor: str | None) -> OutcomePage:
        return OutcomePage((), cursor, is_last=True)

    def close(self) -> None:
        pass

    def held(self, customer_id: str) -> list[dict[str, Any]]:
        """Every record with our key."""
        return [record for record in self.records.values() if record["key"] == customer_id]
