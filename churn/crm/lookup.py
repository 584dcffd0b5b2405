"""Finds the remote record of each row by our key before anything is written, and refuses to guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from churn.crm.connector import Connector, Row, RowResult, Value, WriteMode
from churn.crm.retry import Patience
from churn.store import OutboxRow, Settled, Store

NOT_FOUND = "not_found"
AMBIGUOUS = "ambiguous"
NOT_EMPTIED = "not_emptied"  # accepted the change, but still holds the old value


@dataclass(frozen=True)
class Item:
    """A row on its way: the remote id where it is known, and whether an earlier attempt may have been carried out."""

    row: OutboxRow
    remote_id: str | None = None
    is_whole: bool = False
    is_doubtful: bool = False
    was_lost: bool = False  # its record was gone, and it was looked up again

    @property
    def values(self) -> Mapping[str, Value]:
        """The fields to send: those that changed, or all where the record's content is not certain."""
        if self.is_whole or self.row.changed is None:
            return self.row.payload
        return {name: self.row.payload[name] for name in self.row.changed}

    @property
    def wire(self) -> Row:
        """The row as the connector takes it."""
        return Row(self.row.customer_id, self.remote_id, self.values)


def mode_of(row: OutboxRow, mode: WriteMode) -> WriteMode:
    """Return how a row may be written: emptying fields never makes a record."""
    return mode if row.action == "write" else "update"


def resolve(
    items: Sequence[Item],
    connector: Connector,
    name: str,
    store: Store,
    mode: WriteMode,
    patience: Patience,
    *,
    lag_seconds: float = 0.0,
) -> tuple[list[Item], list[Settled]]:
    """Return the items that can be sent, with their remote ids, and those that are settled without being sent.

    Where lookups lag behind writes (`lag_seconds`), a record that may have been made and is not found stays unknown:
    it is neither made again nor taken for gone.

    One record is the customer's; none means to create it where the mode allows that; two or more, or a record that
    is another customer's already, is a rejection, not a guess.
    """
    if not connector.needs_remote_id:
        return list(items), []
    unknown = [item.row.customer_id for item in items if item.remote_id is None]
    if not unknown:
        return list(items), []
    located = patience.call(lambda: connector.find(unknown))
    owners = store.crm.customers_of(name, [ids[0] for ids in located.values() if len(ids) == 1])
    seen: dict[str, str] = {}
    ready, settled = [], []
    for item in items:
        if item.remote_id is not None:
            ready.append(item)
            continue
        ids = located.get(item.row.customer_id, ())
        if not ids and item.is_doubtful and lag_seconds > 0:
            settled.append(Settled(item.row, "unknown"))
            continue
        outcome = _judge(item, ids, owners, seen, mode)
        if isinstance(outcome, Settled):
            settled.append(outcome)
        else:
            ready.append(outcome)
    return ready, settled


def _judge(
    item: Item, ids: tuple[str, ...], owners: Mapping[str, str], seen: dict[str, str], mode: WriteMode
) -> Item | Settled:
    row = item.row
    if not ids:
        return _absent(item, mode)
    if len(ids) > 1:
        return rejected(row, AMBIGUOUS, f"{len(ids)} records carry this key: {', '.join(sorted(ids)[:5])}")
    owner = owners.get(ids[0]) or seen.setdefault(ids[0], row.customer_id)
    if owner != row.customer_id:
        return rejected(row, AMBIGUOUS, f"record {ids[0]} is another customer's already")
    if mode == "insert" and row.action == "write" and not item.is_doubtful:
        return Settled(row, "done", remote_id=ids[0], is_ours=False)
    return replace(item, remote_id=ids[0], is_whole=True)


def _absent(item: Item, mode: WriteMode) -> Item | Settled:
    if item.row.action != "write":
        return Settled(item.row, "done")  # nothing there any more that could be emptied
    if mode == "update":
        return rejected(item.row, NOT_FOUND, "no record carries this key, and the mode only updates")
    return item


def rejected(row: OutboxRow, code: str, message: str) -> Settled:
    """Return a row settled as rejected."""
    return Settled(row, "rejected", code=code, message=message)


def settled_by(item: Item, result: RowResult, mode: WriteMode) -> Settled:
    """Return what a connector's result means for the row."""
    row = item.row
    if result.state == "rejected":
        if row.action != "write" and result.code == NOT_FOUND:
            return Settled(row, "done")
        return Settled(
            row, "rejected", code=result.code, field=result.field, message=result.message, may_pass=result.may_pass
        )
    # An insert that found a record wrote nothing: unless an earlier attempt made it, nothing in there is ours.
    is_ours = not (mode == "insert" and result.state == "unchanged" and not item.is_doubtful)
    remote_id = result.remote_id or item.remote_id
    return Settled(row, "done", remote_id=remote_id, is_ours=is_ours, code=result.state, message=result.message)
