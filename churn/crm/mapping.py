"""Which of our fields goes into which field of a remote system: checked against its schema, then applied row by row."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol, runtime_checkable

from churn.config.connectors import ConnectorSection
from churn.crm.connector import Connector, FieldKind, RemoteField, Value
from churn.errors import ConfigError

OurKind = Literal["text", "number", "date", "datetime"]

# Everything that a push may carry, and what it is.
OUR_FIELDS: dict[str, OurKind] = {
    "churn_probability": "number",
    "risk_band": "text",
    "percentile": "number",
    "expected_profit": "number",
    "churn_within_90d": "number",
    "churn_within_180d": "number",
    "churn_within_360d": "number",
    "months_kept": "number",
    "reasons": "text",
    "reason_codes": "text",
    "recommended_action": "text",
    "next_best_offer": "text",
    "campaign": "text",
    "model_version": "text",
    "scored_at": "datetime",
    "run_id": "text",
    "snapshot_date": "date",
    "email_sha256": "text",
}
EMAIL_HASH = "email_sha256"  # goes to audiences alone
# These say something of a campaign, so they are never pushed for whoever is in its holdout.
CAMPAIGN_FIELDS = frozenset({"campaign", "recommended_action", "expected_profit"})
ON_REQUEST = frozenset({"next_best_offer", EMAIL_HASH})  # pushed only where a mapping names it
DIGITS = {
    "churn_probability": 4,
    "percentile": 1,
    "expected_profit": 2,
    "churn_within_90d": 2,
    "churn_within_180d": 2,
    "churn_within_360d": 2,
    "months_kept": 1,
}
TEXT_LENGTH = 1_000  # of reasons where the system names no length of its own
BANDS = ("low", "medium", "high", "critical")
NO_BAND = "none"

_FREE_TEXTS = frozenset(
    {"reasons", "reason_codes", "run_id", EMAIL_HASH}
)  # other in every row or run: no option of a list

_FITS: dict[OurKind, set[str]] = {
    "text": {"text", "choice"},
    "number": {"number", "text"},
    "date": {"date", "datetime", "text"},
    "datetime": {"datetime", "date", "text"},
}


@dataclass(frozen=True)
class FieldMapping:
    """Ours -> theirs, with what the remote schema says of theirs where it can be asked."""

    fields: Mapping[str, str]
    schema: Mapping[str, RemoteField] = field(default_factory=dict)

    def values(self, row: Mapping[str, Value]) -> dict[str, Value]:
        """Return one customer's remote fields and values: rounded, cut to length, as the type that theirs has."""
        return {theirs: self._converted(ours, theirs, row.get(ours)) for ours, theirs in self.fields.items()}

    def leaving(self, acknowledged: Mapping[str, Value]) -> dict[str, Value]:
        """Return what empties every field that we wrote."""
        return dict.fromkeys(acknowledged)

    def marked(self, acknowledged: Mapping[str, Value]) -> dict[str, Value]:
        """Return what sets the risk band to "none" and empties what else we wrote."""
        values: dict[str, Value] = dict.fromkeys(acknowledged)
        if (band := self.fields.get("risk_band")) is not None:
            values[band] = NO_BAND
        return values

    def _converted(self, ours: str, theirs: str, value: Value) -> Value:
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return None
        remote = self.schema.get(theirs)
        kind = remote.kind if remote is not None else OUR_FIELDS[ours]
        if ours in DIGITS and not isinstance(value, date):
            value = round(float(value), DIGITS[ours]) + 0.0
            return f"{value:.{DIGITS[ours]}f}" if kind == "text" else float(value)
        if isinstance(value, datetime):
            at = value.replace(microsecond=0)
            return at.date() if kind == "date" else at.isoformat() if kind == "text" else at
        if isinstance(value, date):
            return (
                datetime.combine(value, datetime.min.time())
                if kind == "datetime"
                else (value.isoformat() if kind == "text" else value)
            )
        longest = remote.max_length if remote is not None and remote.max_length else TEXT_LENGTH
        return shortened(str(value), longest)


def shortened(text: str, length: int) -> str:
    """Return `text`, cut at a separator or a word where it is longer than `length`."""
    if len(text) <= length:
        return text
    head = text[:length]
    for mark in ("; ", ",", " "):
        cut = head.rfind(mark)
        if cut > length // 2:
            return head[:cut]
    return head


def check_mapping(fields: Mapping[str, str], *, campaign: str, is_campaign: bool = True) -> None:
    """Refuse a mapping with fields that are not ours, or two of ours in one of theirs. Raises ConfigError."""
    where = f"campaign {campaign}, [crm].fields"
    for ours in fields:
        if ours not in OUR_FIELDS:
            near = difflib.get_close_matches(ours, OUR_FIELDS, n=1)
            hint = f"Did you mean `{near[0]}`?" if near else f"Known are: {', '.join(OUR_FIELDS)}."
            raise ConfigError(f"`{ours}` is none of our fields", where=where, remedy=hint)
    theirs = list(fields.values())
    if repeated := sorted({name for name in theirs if theirs.count(name) > 1}):
        raise ConfigError(
            f"`{repeated[0]}` would be written twice", where=where, remedy="Give each of our fields its own."
        )
    if not is_campaign and (leaking := sorted(CAMPAIGN_FIELDS & set(fields))):
        raise ConfigError(
            f"a list of everybody at risk must not carry `{leaking[0]}`: holdouts would show",
            where=where,
            remedy="Leave it out; campaigns push it themselves.",
        )


def preflight(
    fields: Mapping[str, str], schema: Mapping[str, RemoteField] | None, *, where: str, may_mark: bool = False
) -> FieldMapping:
    """Return the mapping with the schema of its fields, once everything about it is found to fit.

    `may_mark`: the band of whoever leaves is set to "none". Raises ConfigError that names every field that is missing,
    read-only, of another type, or lacks an option.
    """
    if schema is None:
        return FieldMapping(fields)
    bands = (*BANDS, NO_BAND) if may_mark else BANDS
    faults = [fault for ours, theirs in fields.items() for fault in _faults(ours, theirs, schema, bands)]
    if faults:
        raise ConfigError(
            "; ".join(faults), where=where, remedy="Create or change the fields there, or mend [crm].fields."
        )
    return FieldMapping(fields, {theirs: schema[theirs] for theirs in fields.values()})


def _faults(ours: str, theirs: str, schema: Mapping[str, RemoteField], bands: Sequence[str]) -> Iterable[str]:
    remote = schema.get(theirs)
    if remote is None:
        near = difflib.get_close_matches(theirs, schema, n=1)
        yield f"it has no field `{theirs}`" + (f" (there is `{near[0]}`)" if near else "")
        return
    if not remote.is_writable:
        yield f"`{theirs}` is read-only"
    if remote.kind not in _FITS[OUR_FIELDS[ours]]:
        yield f"`{theirs}` is of type {remote.kind}, which cannot hold {ours} ({OUR_FIELDS[ours]})"
    elif _is_closed(remote) and ours in _FREE_TEXTS:
        yield f"`{theirs}` is a list of options, which cannot hold {ours} (any text)"
    if ours == "risk_band":
        missing = [band for band in bands if band not in remote.options] if _is_closed(remote) else []
        if missing:
            yield f"`{theirs}` lacks the options {', '.join(missing)}"
        if remote.max_length is not None and (longest := max(map(len, bands))) > remote.max_length:
            yield f"`{theirs}` holds {remote.max_length} characters, and a risk band has up to {longest}"


def _is_closed(remote: RemoteField) -> bool:
    """Return whether a field takes nothing but its options; a list without any takes every text."""
    return remote.kind == "choice" and bool(remote.options)


def check_required(
    schema: Mapping[str, RemoteField] | None, settings: ConnectorSection, fields: Mapping[str, str], *, where: str
) -> None:
    """Refuse to create records that the system would refuse for want of a field. Raises ConfigError naming them."""
    prefix, key = getattr(settings, "field_prefix", ""), getattr(settings, "key_field", None)
    given = {*fields.values(), *getattr(settings, "create_values", {}), *([key] if key else [])}
    given |= {name.removeprefix(prefix) for name in given}
    missing = sorted(
        remote.name for remote in (schema or {}).values() if remote.is_required and remote.name not in given
    )
    if missing:
        example = ", ".join(f'{name} = "Customer {{customer_id}}"' for name in missing)
        raise ConfigError(
            f"a new record must have {', '.join(missing)}",
            where=where,
            remedy=f'Set create_values = {{ {example} }} in the connector\'s section, or mode = "update".',
        )


def check_values(mapping: FieldMapping, constants: Mapping[str, str], *, where: str) -> None:
    """Refuse texts that are the same in every row and do not fit: too long, or no option. Raises ConfigError."""
    for ours, text in constants.items():
        remote = mapping.schema.get(mapping.fields.get(ours, ""))
        if remote is None:
            continue
        if _is_closed(remote) and text not in remote.options:
            raise ConfigError(
                f"`{remote.name}` has no option `{text}`",
                where=where,
                remedy="Add the option there, or map a text field.",
            )
        if remote.max_length is not None and len(text) > remote.max_length:
            raise ConfigError(
                f"`{remote.name}` holds {remote.max_length} characters, and {ours} has {len(text)}",
                where=where,
                remedy="Map a longer field.",
            )


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
