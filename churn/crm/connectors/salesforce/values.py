"""Values, quotations and errors as Salesforce writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from churn.crm.connector import FieldKind, RemoteField, ResultState, Row, RowResult, Value

_KINDS: dict[str, FieldKind] = {
    "boolean": "boolean",
    "int": "integer",
    "double": "number",
    "currency": "number",
    "percent": "number",
    "date": "date",
    "datetime": "datetime",
    "picklist": "choice",
}
BUSY = {"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "REQUEST_RUNNING_TOO_LONG"}
# Rights taken away, locks of an approval, a full organisation: none is the row's fault.
_PASSING = {"ENTITY_IS_LOCKED", "INVALID_FIELD_FOR_INSERT_UPDATE", "STORAGE_LIMIT_EXCEEDED"}
_GONE = {"ENTITY_IS_DELETED", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID"}


def quoted(text: str) -> str:
    """Return a text as a literal of SOQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


def sent(value: Value) -> str | float | int | bool | None:
    """Return a value as JSON takes it; None clears."""
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='milliseconds')}Z"
    return value.isoformat() if isinstance(value, date) else value


def cell(value: Value) -> str:
    """Return a value as a bulk CSV takes it: an empty cell would leave the field as it is, #N/A clears it."""
    plain = sent(value)
    if plain is None or plain == "":
        return "#N/A"
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def ours(value: Any, kind: FieldKind) -> Value:
    """Return Salesforce's value as one of ours."""
    if value is None:
        return None
    if kind == "datetime":
        return instant(str(value))
    if kind == "date":
        return date.fromisoformat(str(value)[:10])
    return value if isinstance(value, str | int | float) else str(value)


def instant(text: str) -> datetime:
    """Return an instant, such as 2026-07-01T04:30:00.000+0000, as UTC without a zone."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def remote_field(definition: Mapping[str, Any]) -> RemoteField:
    """Return a field of a describe; references are text that cannot be written."""
    kind = _KINDS.get(str(definition["type"]), "text")
    options = tuple(str(o["value"]) for o in definition.get("picklistValues") or () if o.get("active", True))
    return RemoteField(
        name=str(definition["name"]),
        kind=kind,
        is_writable=bool(definition.get("updateable")) and definition["type"] != "reference",
        # An unrestricted picklist takes any text.
        options=options if definition.get("restrictedPicklist") else (),
        is_required=not definition.get("nillable", True)
        and not definition.get("defaultedOnCreate")
        and bool(definition.get("createable"))
        and kind != "boolean",
        max_length=int(definition["length"]) if kind == "text" and definition.get("length") else None,
    )


def refused(row: Row, code: str, message: str, fields: Sequence[str] = ()) -> RowResult:
    """Return what an error of one record means for its row."""
    state: ResultState = "transient" if code in BUSY else "rejected"
    shown = "not_found" if code in _GONE else code
    return RowResult(
        row.customer_id,
        state,
        row.remote_id,
        shown,
        fields[0] if fields else None,
        message,
        may_pass=code in _PASSING or code.startswith("INSUFFICIENT_ACCESS"),
    )
