"""Makes the rows of a run out of what changed: what to write, what to empty, and what to leave alone for now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from churn.crm.connector import Value
from churn.crm.diff import Changes, canonical
from churn.crm.lookup import AMBIGUOUS, NOT_FOUND
from churn.crm.mapping import FieldMapping
from churn.store import OutboxRow, Rejection

if TYPE_CHECKING:
    import polars as pl


OnLeave = Literal["nothing", "clear", "band_none"]
# By customer: the remote fields that a system holds for us, and since when.
Acknowledged = Mapping[str, tuple[Mapping[str, Value], datetime]]
# By customer: what other campaigns have written to the same record, and when.
WrittenByOthers = Mapping[str, Sequence[tuple[Mapping[str, Value], datetime]]]
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
    others: WrittenByOthers,
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
        rejection.customer_id: rejection.payload_hash
        for rejection in rejections
        if rejection.is_held and not is_full and rejection.code not in _CHECKED_ANYWAY
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
    for wanted in changes.writes.iter_rows(named=True):
        customer_id = wanted["customer_id"]
        if mode == "insert" and wanted["is_known"]:
            skipped["unchanged"] += 1
            continue
        payload = mapping.values(wanted)
        changed: tuple[str, ...] | None = None
        if not wanted["is_whole"]:
            before = acknowledged.get(customer_id, ({}, None))[0]
            changed = tuple(name for name in payload if canonical(payload[name]) != canonical(before.get(name)))
            if not changed:
                skipped["unchanged"] += 1
                continue
        probability = wanted.get("churn_probability")
        yield OutboxRow(
            customer_id=customer_id,
            position=position,
            action="write",
            payload=payload,
            changed=changed,
            payload_hash=material_hash(wanted["exact_hash"], probability, step),
            exact_hash=wanted["exact_hash"],
            churn_probability=probability,
            percentile=wanted.get("percentile"),
            expected_profit=wanted.get("expected_profit"),
        )
        position += 1


def material_hash(exact_hash: str, probability: float | None, step: float) -> str:
    """Return what a row counts as when it was rejected: its exact fields, and its probability in steps."""
    bucket = "-" if probability is None else str(round(probability / max(step, 0.001)))
    return f"{exact_hash}:{bucket}"


def _leaves(
    leaves: pl.DataFrame,
    mapping: FieldMapping,
    acknowledged: Acknowledged,
    others: WrittenByOthers,
    ways: Mapping[str, OnLeave],
    position: int,
    skipped: Counter[str],
) -> Iterator[OutboxRow]:
    for record in leaves.iter_rows(named=True):
        customer_id = record["customer_id"]
        on_leave = ways[customer_id]
        is_in_step = on_leave == "band_none" and record["is_marked"] and not record["is_uncertain"]
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
    held: Mapping[str, Value], since: datetime, others: Sequence[tuple[Mapping[str, Value], datetime]]
) -> dict[str, Value]:
    """Return the fields that no other campaign has written since: those are theirs now."""
    taken = {name for values, at in others if at > since for name, value in values.items() if value is not None}
    return {name: value for name, value in held.items() if name not in taken}
