"""What a push would do, row by row, without writing anything: the dry run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from churn.config.connectors import ConnectorSection
from churn.crm.canonical import canonical
from churn.crm.connector import Connector, WriteMode
from churn.crm.lookup import Item, mode_of, resolve
from churn.crm.retry import Patience
from churn.crm.rows import Acknowledged, Planned
from churn.store import Store

_FIND = 1_000


@dataclass(frozen=True)
class Preview:
    """Counts of what would be done (create, update, clear, skip, reject), and a sample of it field by field."""

    counts: dict[str, int]
    sample: list[dict[str, Any]]


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
    sample: list[dict[str, Any]] = []
    for start in range(0, len(planned.rows), _FIND):
        rows = planned.rows[start : start + _FIND]
        ids = store.crm.remote_ids(name, [row.customer_id for row in rows])
        for action in ("write", "mark", "clear"):
            items = [Item(row, ids.get(row.customer_id)) for row in rows if row.action == action]
            if not items:
                continue
            ready, settled = resolve(items, connector, name, store, mode_of(items[0].row, mode), patience)
            for one in settled:
                verb = "reject" if one.state == "rejected" else "skip"
                counts[verb] += 1
                if len(sample) < sample_size and verb == "reject":
                    sample.append({"customer_id": one.row.customer_id, "would": verb, "message": one.message})
            for item in ready:
                verb = _verb(item, acknowledged)
                counts[verb] += 1
                if len(sample) < sample_size:
                    before = acknowledged.get(item.row.customer_id, ({}, None))[0]
                    sample.append(
                        {"customer_id": item.row.customer_id, "would": verb, "fields": _fields(item.values, before)}
                    )
    return Preview(dict(counts), sample)


def _verb(item: Item, acknowledged: Acknowledged) -> str:
    if item.row.action != "write":
        return "clear"
    return "update" if item.remote_id is not None or item.row.customer_id in acknowledged else "create"


def _fields(values: Mapping[str, Any], before: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    return [
        {"field": name, "from": canonical(before.get(name)), "to": canonical(value)} for name, value in values.items()
    ]
