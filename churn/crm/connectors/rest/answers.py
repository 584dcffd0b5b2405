"""Reads the answers of any REST API by the places that its section names: records, errors, fields, events."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, cast, get_args

from churn.config.connectors import RestConnector as Section
from churn.config.connectors import RestOutcomes
from churn.crm.connector import EventKind, FieldKind, OutcomeEvent, RemoteField, Value
from churn.crm.verdict import at_path

MISSING = object()
_MILLISECONDS = 100_000_000_000  # numbers from here on are no seconds: those would be of the year 5138


def value_at(answer: Any, path: str) -> Any:
    """Return what lies at a dotted place; MISSING where the place itself is not there, None where it holds null."""
    head, _, last = path.rpartition(".")
    holder = at_path(answer, head)
    if path and isinstance(holder, Mapping):
        return holder.get(last, MISSING)
    value = at_path(answer, path)
    return MISSING if value is None and path else value


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:  # free: a record's fields, which are the CRM's own
    """Return fields with each dotted name within others: `properties.band` is `band` within `properties`."""
    body: dict[str, Any] = {}
    for name, value in fields.items():
        *outer, last = name.split(".")
        place = body
        for part in outer:
            place = place.setdefault(part, {})
        place[last] = value
    return body


def carrying(key: str, records: Mapping[str, str | None]) -> tuple[str, ...]:
    """Return the ids of the records (id -> key) that carry a key: as it is, or else as systems write one anew.

    Some change the case of what they are given, or trim it. Such a record is the customer's: taken for nobody's it would
    be made again each time. One that is two customers' then is a rejected row.
    """
    exact = tuple(remote_id for remote_id, theirs in records.items() if theirs == key)
    return exact or tuple(
        remote_id for remote_id, theirs in records.items() if theirs is not None and _plain(theirs) == _plain(key)
    )


def _plain(key: str) -> str:
    return key.strip().casefold()


def as_list(answer: Any) -> list[Any]:
    """Return a list as it is, a single record as a list of one, nothing as an empty one."""
    if isinstance(answer, list):
        return answer
    return [] if answer is None else [answer]


def sent_value(value: Value, kind: str | None) -> Any:
    """Return a value as JSON carries it, as the type that the section asks for; None clears."""
    if value is None:
        return None
    if kind == "text":
        return value.isoformat() if isinstance(value, date) else f"{value}"
    if kind in {"number", "integer"}:
        return int(float(str(value))) if kind == "integer" else float(str(value))
    if kind == "boolean":
        return bool(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if kind == "date" else f"{value.isoformat(timespec='seconds')}Z"
    return value.isoformat() if isinstance(value, date) else value


def read_value(value: Any) -> Value:
    """Return a value read back as text, number or truth value."""
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


def remote_field(item: Any, settings: Section) -> RemoteField | None:
    """Return one entry of the schema, under its name without our prefix; None for one without a name."""
    name = at_path(item, settings.schema_name)
    if not isinstance(name, str):
        return None
    type_name = str(at_path(item, settings.schema_type) or "text")
    kind = settings.schema_types.get(type_name, type_name)
    is_read_only = bool(at_path(item, settings.schema_read_only)) if settings.schema_read_only else False
    options = as_list(at_path(item, settings.schema_options)) if settings.schema_options else []
    length = at_path(item, settings.schema_length) if settings.schema_length else None
    return RemoteField(
        name=name.removeprefix(settings.field_prefix),
        kind=cast("FieldKind", kind) if kind in get_args(FieldKind) else "text",
        is_writable=not is_read_only,
        options=tuple(str(option) for option in options),
        is_required=bool(at_path(item, settings.schema_required)) if settings.schema_required else False,
        max_length=int(length) if isinstance(length, int | float) and length else None,
    )


def event_of(item: Any, settings: RestOutcomes) -> OutcomeEvent | None:
    """Return one outcome; None when its kind is none that counts, or it has no id or instant."""
    word = str(at_path(item, settings.event_kind))
    kind = settings.kinds.get(word, word)
    event_id, at = at_path(item, settings.event_id), instant(at_path(item, settings.occurred_at))
    if kind not in get_args(EventKind) or event_id is None or at is None:
        return None
    return OutcomeEvent(
        event_id=f"{event_id},{kind},{at.isoformat(timespec='seconds')}" if settings.id_is_of_record else str(event_id),
        customer_id=_text(at_path(item, settings.customer_id)),
        remote_id=_text(at_path(item, settings.remote_id)),
        campaign=_text(at_path(item, settings.campaign)),
        kind=cast("EventKind", kind),
        occurred_at=at,
    )


def instant(value: Any) -> datetime | None:
    """Return an instant (ISO 8601, or seconds or milliseconds since 1970) as UTC without a zone; else None."""
    if isinstance(value, int | float) and abs(value) >= _MILLISECONDS:
        value = value / 1_000
    try:
        at = datetime.fromtimestamp(value, tz=UTC) if isinstance(value, int | float) else datetime.fromisoformat(value)
    except (ValueError, TypeError, OverflowError, OSError):
        return None
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)
