"""Says what a push would do, without doing it: counts of rows, and a sample of them field by field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from churn.config.connectors import ConnectorSection
from churn.crm.connector import Connector, Value, WriteMode
from churn.crm.diff import canonical
from churn.crm.lookup import Item, mode_of, resolve
from churn.crm.retry import Patience
from churn.crm.rows import Acknowledged, Planned
from churn.store import Store

if TYPE_CHECKING:
    from pydantic import JsonValue

Verb = Literal["create", "update", "clear", "skip", "reject"]
_FIND = 1_000  # rows looked up at once


@dataclass(frozen=True)
class FieldChange:
    """What a field of a record holds, and what it would hold."""

    field: str
    before: str | int | bool | None
    after: str | int | bool | None


@dataclass(frozen=True)
class SampleRow:
    """One row, and what would be done: a rejection has a message, any other the fields that would be written."""

    customer_id: str
    would: Verb
    message: str | None = None
    changes: tuple[FieldChange, ...] = ()

    def document(self) -> dict[str, JsonValue]:
        """Return the row as `--json` shows it."""
        if self.would == "reject":
            return {"customer_id": self.customer_id, "would": self.would, "message": self.message}
        fields: list[JsonValue] = [
            {"field": change.field, "from": change.before, "to": change.after} for change in self.changes
        ]
        return {"customer_id": self.customer_id, "would": self.would, "fields": fields}


@dataclass(frozen=True)
class Preview:
    """Counts of what would be done (create, update, clear, skip, reject), and a sample of it."""

    counts: dict[str, int]
    sample: tuple[SampleRow, ...]


def preview(
    planned: Planned,
    connector: Connector,
    name: str,
    store: Store,
    *,
    settings: ConnectorSection,
    mode: WriteMode,
    acknowledged: Acknowledged,
    sample_size: int = 10,
) -> Preview:
    """Return what sending `planned` would do. It reads from the system, by key, and writes nothing anywhere."""
    patience = Patience(settings, seed=name)
    counts: Counter[str] = Counter({"create": 0, "update": 0, "clear": 0, "skip": 0, "reject": 0})
    counts["skip"] = sum(planned.skipped.values())
    sample: list[SampleRow] = []
    for start in range(0, len(planned.rows), _FIND):
        rows = planned.rows[start : start + _FIND]
        ids = store.crm.remote_ids(name, [row.customer_id for row in rows])
        for action in ("write", "mark", "clear"):
            items = [Item(row, ids.get(row.customer_id)) for row in rows if row.action == action]
            if not items:
                continue
            ready, settled = resolve(items, connector, name, store, mode_of(items[0].row, mode), patience)
            for end in settled:
                is_rejected = end.state == "rejected"
                counts["reject" if is_rejected else "skip"] += 1
                if is_rejected and len(sample) < sample_size:
                    sample.append(SampleRow(end.row.customer_id, "reject", message=end.message))
            for item in ready:
                verb = _verb(item, acknowledged)
                counts[verb] += 1
                if len(sample) < sample_size:
                    before = acknowledged.get(item.row.customer_id, ({}, None))[0]
                    sample.append(SampleRow(item.row.customer_id, verb, changes=_changes(item.values, before)))
    return Preview(dict(counts), tuple(sample))


def _verb(item: Item, acknowledged: Acknowledged) -> Verb:
    if item.row.action != "write":
        return "clear"
    return "update" if item.remote_id is not None or item.row.customer_id in acknowledged else "create"


def _changes(values: Mapping[str, Value], before: Mapping[str, Value]) -> tuple[FieldChange, ...]:
    return tuple(FieldChange(name, canonical(before.get(name)), canonical(value)) for name, value in values.items())
