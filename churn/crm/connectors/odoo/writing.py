"""Writes one batch of rows to an Odoo model with as few requests as its rules allow; hands on a result for each row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from churn.crm.connector import Row, RowResult, Value, WriteMode
from churn.crm.connectors.odoo.rpc import OdooApi, OdooFault, is_busy
from churn.errors import Unreachable

# Measured on Odoo 14: a `write` of many records costs as much as of one, 15 ms; `load` takes 3 ms a row, and slows
# down beyond some hundred rows that exist already.
GROUP_ROWS = 4
LOAD_ROWS = 200
_GONE = ("Unknown database identifier",)

Find = Callable[[Sequence[str]], Mapping[str, tuple[str, ...]]]


class OdooBatch:
    """Rows on their way into `model`; `results` fills up as Odoo answers, so that an interruption loses none."""

    def __init__(
        self, api: OdooApi, *, model: str, key_field: str | None, module: str, name_format: str, find: Find
    ) -> None:
        self._api, self._model, self._find = api, model, find
        self._key_field, self._module, self._name_format = key_field, module, name_format
        self.results: dict[str, RowResult] = {}

    def write(self, rows: Sequence[Row], mode: WriteMode) -> None:
        """Update what exists, create the rest if `mode` allows it. Raises what the API raises, `results` kept."""
        known = [row for row in rows if row.remote_id is not None]
        fresh = [row for row in rows if row.remote_id is None]
        if mode == "insert":
            self._settle((row, "unchanged", row.remote_id) for row in known)
        else:
            fresh += self._update(known)
        if fresh:
            self._write_by_key(fresh, mode)

    def _write_by_key(self, rows: Sequence[Row], mode: WriteMode) -> None:
        """Write rows whose record is not known, or known no more since it was merged with another or deleted."""
        # Looked up right before a creation: an earlier one may have been carried out though we never heard of it.
        known = self._find([row.customer_id for row in rows])
        absent, present = [], []
        for row in rows:
            ids = known.get(row.customer_id, ())
            if not ids:
                absent.append(row)
            elif len(ids) > 1:
                self._reject(row, "ambiguous", f"{len(ids)} records carry this key: {', '.join(ids[:5])}")
            elif mode == "insert":
                self._settle([(row, "unchanged", ids[0])])
            else:
                present.append(Row(row.customer_id, ids[0], row.values))
        self._not_found(self._update(present))
        if mode == "update":
            self._not_found(absent)
        else:
            self._create(absent)

    # -- updates

    def _update(self, rows: Sequence[Row]) -> list[Row]:
        """Update records by their ids; returns the rows whose record is gone."""
        groups: dict[tuple[tuple[str, Value], ...], list[Row]] = defaultdict(list)
        for row in rows:
            groups[tuple(sorted(row.values.items()))].append(row)
        single: list[Row] = []
        for same in groups.values():
            if len(same) < GROUP_ROWS or not self._write_group(same):
                single += same
        gone: list[Row] = []
        for part in _by_fields(single):
            for start in range(0, len(part), LOAD_ROWS):
                gone += self._load(part[start : start + LOAD_ROWS], is_new=False)
        return gone

    def _write_group(self, rows: Sequence[Row]) -> bool:
        """Give all `rows` their common values at once; false when Odoo refuses any of them, and so writes none."""
        ids = [int(row.remote_id or 0) for row in rows]
        values = {name: _plain(value) for name, value in rows[0].values.items()}
        try:
            is_written = self._api.call(self._model, "write", ids, is_write=True, vals=values)
        except OdooFault:
            return False
        if is_written is not True:
            return False
        self._settle((row, "updated", row.remote_id) for row in rows)
        return True

    # -- creations

    def _create(self, rows: Sequence[Row]) -> None:
        for part in _by_fields([self._complete(row) for row in rows]):
            self._load(part, is_new=True)

    def _complete(self, row: Row) -> Row:
        values = dict(row.values)
        values.setdefault("name", self._name_format.format(customer_id=row.customer_id))
        if self._key_field is not None:
            values[self._key_field] = row.customer_id
        return Row(row.customer_id, None, values)

    # -- both, by `load`: its messages name row and field, and one bad row means that nothing is written

    def _load(self, rows: Sequence[Row], *, is_new: bool) -> list[Row]:
        """Load rows of equal fields, without those that Odoo refuses; returns the rows whose record is gone."""
        gone: list[Row] = []
        left = list(rows)
        while left:
            try:
                answer = self._request(left, is_new=is_new)
            except OdooFault as fault:
                return gone + self._split(left, fault, is_new=is_new)
            if answer.get("ids"):
                state = "created" if is_new else "updated"
                self._settle((row, state, str(id_)) for row, id_ in zip(left, answer["ids"], strict=True))
                return gone
            bad = _first_messages(answer.get("messages") or [])
            for index, message in bad.items():
                if str(message.get("message", "")).startswith(_GONE):
                    gone.append(left[index])
                else:
                    self._refuse(left[index], str(message.get("type", "")), message)
            if not bad:
                return gone + self._split(
                    left, OdooFault("load", "nothing was loaded, without a reason"), is_new=is_new
                )
            left = [row for index, row in enumerate(left) if index not in bad]
        return gone

    def _request(self, rows: Sequence[Row], *, is_new: bool) -> Mapping[str, Any]:
        names = list(rows[0].values)
        keys: list[list[Any]] = [[] for _ in rows]
        columns = list(names)
        if not is_new:
            columns, keys = [".id", *names], [[int(row.remote_id or 0)] for row in rows]
        elif self._key_field is None:
            columns, keys = ["id", *names], [[f"{self._module}.{row.customer_id}"] for row in rows]
        data = [[*key, *(_cell(row.values[name]) for name in names)] for key, row in zip(keys, rows, strict=True)]
        answer = self._api.call(self._model, "load", is_write=True, fields=columns, data=data)
        if not isinstance(answer, Mapping) or "ids" not in answer:
            raise Unreachable(
                "does not say what became of the rows", remedy="Look into Odoo's log, then push again.", is_unknown=True
            )
        return answer

    def _split(self, rows: Sequence[Row], fault: OdooFault, *, is_new: bool) -> list[Row]:
        """Send the halves of a refused batch alone, until the bad rows stand by themselves."""
        if fault.is_of_request or fault.is_busy or len(rows) == 1:
            for row in rows:
                self._refuse(row, fault.name, {"message": fault.message})
            return []
        middle = len(rows) // 2
        return self._load(rows[:middle], is_new=is_new) + self._load(rows[middle:], is_new=is_new)

    # -- results

    def _settle(self, done: Iterable[tuple[Row, Any, str | None]]) -> None:
        for row, state, remote_id in done:
            self.results[row.customer_id] = RowResult(row.customer_id, state, remote_id=remote_id)

    def _not_found(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._reject(row, "not_found", f"no {self._model} carries this key")

    def _refuse(self, row: Row, code: str, complaint: Mapping[str, Any]) -> None:
        message = str(complaint.get("message", "")).partition("\nDETAIL:")[0].strip()
        if message[:1] == message[-1:] == "'":  # a KeyError of Python, which quotes its text
            message = message[1:-1]
        if is_busy(message) or OdooFault(code, message).is_busy:
            self.results[row.customer_id] = RowResult(
                row.customer_id, "transient", remote_id=row.remote_id, code=code, message=message
            )
        else:
            field = complaint.get("field")
            may_pass = code.endswith("AccessError")  # a right taken away, which is not the row's fault
            self._reject(row, code, message, field=str(field) if field else None, may_pass=may_pass)

    def _reject(self, row: Row, code: str, message: str, *, field: str | None = None, may_pass: bool = False) -> None:
        self.results[row.customer_id] = RowResult(
            row.customer_id,
            "rejected",
            remote_id=row.remote_id,
            code=code,
            field=field,
            message=message,
            may_pass=may_pass,
        )


def _by_fields(rows: Iterable[Row]) -> Iterable[list[Row]]:
    """Return the rows in groups that set the same fields: columns of one load."""
    groups: dict[frozenset[str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[frozenset(row.values)].append(row)
    return groups.values()


def _first_messages(messages: Sequence[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """Return the first error of each row; a row that cannot be found fails once more for want of a name."""
    by_row: dict[int, Mapping[str, Any]] = {}
    for message in messages:
        if message.get("type") == "error" and "rows" in message:
            by_row.setdefault(int(message["rows"]["from"]), message)
    return by_row


def _plain(value: Value) -> Any:
    """Return a value as `write` takes it: False clears, instants are text in UTC."""
    if value is None:
        return False
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return value.isoformat() if isinstance(value, date) else value


def _cell(value: Value) -> Any:
    """Return a value as `load` takes it: like `write`, but yes and no are words."""
    return "true" if value is True else _plain(value)
