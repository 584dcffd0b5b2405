"""Values as HubSpot keeps them: all of them text, an empty one for nothing, instants in UTC with a Z."""

from __future__ import annotations

from datetime import UTC, date, datetime

from churn.crm.connector import FieldKind, Value


def sent(value: Value) -> str:
    """Return a value as HubSpot takes it; "" clears a property."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='milliseconds')}Z"
    return value.isoformat() if isinstance(value, date) else str(value)


def ours(value: str | None, kind: FieldKind) -> Value:
    """Return HubSpot's text as one of our values."""
    if value is None or value == "":
        return None
    if kind == "boolean":
        return value.lower() == "true"
    if kind in {"number", "integer"}:
        return float(value)
    if kind == "datetime":
        return instant(value)
    return date.fromisoformat(value[:10]) if kind == "date" else value


def instant(text: str) -> datetime:
    """Return an instant (ISO with a zone, or milliseconds since 1970) as UTC without one."""
    if text.isdigit():
        return datetime.fromtimestamp(int(text) / 1000, tz=UTC).replace(tzinfo=None)
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at


def milliseconds(at: datetime) -> str:
    """Return a UTC instant as HubSpot's searches want it."""
    return str(int(at.replace(tzinfo=UTC).timestamp() * 1000))
