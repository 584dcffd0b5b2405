"""Makes what is sent for a record: its fields with their prefix, in their place, with what the API wants beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from churn.config.connectors import RestConnector as Section
from churn.crm.connector import Row, Value
from churn.crm.connectors.rest.answers import nested, sent_value

_NONE: Mapping[str, str] = {}


class Bodies:
    """The bodies of one API. `key` is our key, `remote_id` the record's id."""

    def __init__(self, settings: Section) -> None:
        self._settings = settings

    def of_new(self, key: str, values: Mapping[str, Value]) -> Any:
        """Return what makes a record: the fields, what a new one must have, and our key."""
        settings = self._settings
        needed = {name: text.format(customer_id=key) for name, text in settings.create_values.items()}
        if not settings.key_path or settings.key_path == settings.key_field:
            needed[settings.key_field] = key
        return self._body(values, key, plain=needed)

    def of_change(self, key: str, remote_id: str, values: Mapping[str, Value]) -> Any:
        """Return what changes a record."""
        return self._body(values, key, remote_id=remote_id)

    def entry(self, row: Row) -> Any:
        """Return a row as an entry of a batch: a new one with our key, a known one with its id."""
        if row.remote_id is None:
            return self.of_new(row.customer_id, row.values)
        body = self.of_change(row.customer_id, row.remote_id, row.values)
        name = self._settings.batch_id_field
        return {name: row.remote_id, **body} if name else body

    def _body(
        self, values: Mapping[str, Value], key: str, *, plain: Mapping[str, str] = _NONE, remote_id: str | None = None
    ) -> Any:
        """Return fields as they are sent; the names in `plain` are whole already."""
        settings = self._settings
        # A record's fields, which are the CRM's own.
        body: dict[str, Any] = {name: sent_value(value, settings.types.get(name)) for name, value in plain.items()}
        empty = "" if settings.empty_value == "text" else None
        for name, value in values.items():
            sent = sent_value(value, settings.types.get(name))
            body[f"{settings.field_prefix}{name}"] = empty if sent is None else sent
        if settings.nests_fields:
            body = nested(body)
        for part in reversed(settings.fields_path.split(".") if settings.fields_path else ()):
            body = {part: body}
        beside: dict[str, str | bool] = {
            name: text.replace("{id}", remote_id or "").replace("{key}", remote_id or key)
            for name, text in settings.record_values.items()
            if remote_id is not None or "{id}" not in text
        }
        if remote_id is not None:
            beside |= settings.update_values
        body |= nested(beside)
        return {settings.wrap: body} if settings.wrap else body
