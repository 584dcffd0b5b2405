"""Makes the rows of a run out of what changed: what to write, what to empty, and what to leave alone for now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from churn.config.connectors import ConnectorSection
from churn.crm.connector import Connector, Value, WriteMode
from churn.crm.diff import Changes, canonical
from churn.crm.lookup import AMBIGUOUS, NOT_FOUND, Item, mode_of, resolve
from churn.crm.mapping import FieldMapping
from churn.crm.retry import Patience
from churn.store import OutboxRow, Rejection, Store

if TYPE_CHECKING:
    import polars as pl


OnLeave = Literal["nothing", "clear", "band_none"]
Acknowledged = Mapping[str, tuple[Mapping[str, Any], datetime]]
_CHECKED_ANYWAY = {NOT_FOUND, AMBIGUOUS}  # these are cured over there, which only a lookup shows


@dataclass(frozen=True)
class Planned:
    """The rows of a run in the order they are sent, and how many customers nothing is done about, by why."""

    rows: list[OutboxRow]
    skipped: Counter[str] = field(default_factory=Counter)


def plan_rows(
    changes: Changes,
    mapping: FieldMapping,
    *,
    acknowledged: Acknowledged,
    others: Mapping[str, Sequence[tuple[Mapping[str, Any], datetime]]],
    rejections: Sequence[Rejection],
    on_leave: OnLeave,
    mode: str,
    probability_step: float,
    forbidden: Collection[str] = frozenset(),
    is_full: bool = False,
) -> Planned:
    """Return the rows to send. `acknowledged` and `others` tell of the records that change or leave.

    A rejected row is left alone until it changes, unless the run is a full one or a person has released it. In mode
    `insert` a record once written is not written again. Of the `forbidden`, who object to contact, what we wrote is emptied
    whatever `on_leave` says: a record that goes on naming the offer would have them called.
    """
    held = {
        r.customer_id: r.payload_hash for r in rejections if r.is_held and not is_full and r.code not in _CHECKED_ANYWAY
    }
    planned = Planned([])
    for row in _writes(changes, mapping, acknowledged, probability_step, mode, planned.skipped):
        if held.get(row.customer_id) == row.payload_hash:
            planned.skipped["held"] += 1
        else:
            planned.rows.append(row)
    names = changes.leaves["customer_id"]
    ways: dict[str, OnLeave] = {name: "clear" if name in forbidden else on_leave for name in names}
    for row in _leaves(changes.leaves, mapping, acknowledged, others, ways, len(planned.rows), planned.skipped):
        planned.rows.append(row)
    planned.skipped["unchanged"] += changes.unchanged
    return planned


def _writes(
    changes: Changes,
    mapping: FieldMapping,
    acknowledged: Acknowledged,
    step: float,
    mode: str,
    skipped: Counter[str],
) -> Iterator[OutboxRow]:
    position = 0
    for found in changes.writes.iter_rows(named=True):
        customer_id = found["customer_id"]
        if mode == "insert" and found["is_known"]:
            skipped["unchanged"] += 1
            continue
        payload = mapping.values(found)
        changed: tuple[str, ...] | None = None
        if not found["is_whole"]:
            before = acknowledged.get(customer_id, ({}, None))[0]
            changed = tuple(name for name in payload if canonical(payload[name]) != canonical(before.get(name)))
            if not changed:
                skipped["unchanged"] += 1
                continue
        yield OutboxRow(
            customer_id=customer_id,
            position=position,
            action="write",
            payload=payload,
            changed=changed,
            payload_hash=material_hash(found, step),
            exact_hash=found["exact_hash"],
            churn_probability=found.get("churn_probability"),
            percentile=found.get("percentile"),
            expected_profit=found.get("expected_profit"),
        )
        position += 1


def material_hash(found: Mapping[str, Any], step: float) -> str:
    """Return what a row counts as when it was rejected: its exact fields, and its probability in steps."""
    probability = found.get("churn_probability")
    bucket = "-" if probability is None else str(round(probability / max(step, 0.001)))
    return f"{found['exact_hash']}:{bucket}"


def _leaves(
    leaves: pl.DataFrame,
    mapping: FieldMapping,
    acknowledged: Acknowledged,
    others: Mapping[str, Sequence[tuple[Mapping[str, Any], datetime]]],
    ways: Mapping[str, OnLeave],
    position: int,
    skipped: Counter[str],
) -> Iterator[OutboxRow]:
    for found in leaves.iter_rows(named=True):
        customer_id = found["customer_id"]
        on_leave = ways[customer_id]
        is_in_step = on_leave == "band_none" and found["is_marked"] and not found["is_uncertain"]
        if on_leave == "nothing" or is_in_step or customer_id not in acknowledged:
            skipped["left"] += 1
            continue
        held, since = acknowledged[customer_id]
        ours = _still_ours(held, since, others.get(customer_id, ()))
        payload = mapping.leaving(ours) if on_leave == "clear" else mapping.marked(ours)
        yield OutboxRow(
            customer_id=customer_id,
            position=position,
            action="clear" if on_leave == "clear" else "mark",
            payload=payload,
            changed=None,
            payload_hash=f"left:{on_leave}",
            exact_hash="",
        )
        position += 1


def _still_ours(
    held: Mapping[str, Value], since: datetime, others: Sequence[tuple[Mapping[str, Any], datetime]]
) -> dict[str, Value]:
    """Return the fields that no other campaign has written since: those are theirs now."""
    taken = {name for values, at in others if at > since for name, value in values.items() if value is not None}
    return {name: value for name, value in held.items() if name not in taken}


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
