"""Makes the remote fields that a mapping names and a system lacks, where it can make them and the settings allow it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from churn.config.connectors import ConnectorSection
from churn.crm.connector import Connector, FieldKind, RemoteField
from churn.crm.mapping import OUR_FIELDS
from churn.errors import ConfigError

CUSTOM = "x_"  # what a field made by hand begins with


@runtime_checkable
class MakesFields(Protocol):
    """A connector whose system lets us add fields of our own."""

    def make_fields(self, wanted: Mapping[str, FieldKind]) -> None:
        """Make fields of these kinds."""


def schema_with_missing(
    connector: Connector, settings: ConnectorSection, fields: Mapping[str, str], *, where: str, is_dry: bool
) -> Mapping[str, RemoteField] | None:
    """Return the system's schema, after making the custom fields of `fields` (ours -> theirs) that it lacks.

    A dry run only shows them as if they were there. Raises ConfigError that says how to make them when the settings
    do not allow it.
    """
    schema = connector.fields()
    if schema is None or not isinstance(connector, MakesFields):
        return schema
    missing: dict[str, FieldKind] = {
        theirs: OUR_FIELDS[ours]
        for ours, theirs in fields.items()
        if ours in OUR_FIELDS and theirs not in schema and theirs.startswith(CUSTOM)
    }
    if not missing:
        return schema
    if not getattr(settings, "create_fields", False):
        raise ConfigError(
            f"the CRM has no field {', '.join(f'{name} ({kind})' for name, kind in missing.items())}",
            where=where,
            remedy="Make them there (docs/crm.md says how), or set create_fields = true in the connector's section.",
        )
    if is_dry:
        return {**schema, **{name: RemoteField(name, kind) for name, kind in missing.items()}}
    connector.make_fields(missing)
    return connector.fields()
