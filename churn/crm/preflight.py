"""Finds out before anything is written whether a system can be signed in to and takes what a mapping writes, field by field."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from churn.config.connectors import ConnectorSection
from churn.crm.connector import Connector, FieldKind, RemoteField
from churn.crm.mapping import BANDS, CAMPAIGN_FIELDS, EMAIL_HASH, NO_BAND, OUR_FIELDS, FieldMapping, OurKind
from churn.crm.retry import Patience
from churn.errors import ConfigError

CUSTOM: Final = "x_"  # what a field made by hand begins with
_FREE_TEXTS: Final = frozenset(
    {"reasons", "reason_codes", "run_id", EMAIL_HASH}
)  # other in every row or run: no option of a list
_FITS: Final[dict[OurKind, set[str]]] = {
    "text": {"text", "choice"},
    "number": {"number", "text"},
    "date": {"date", "datetime", "text"},
    "datetime": {"datetime", "date", "text"},
}


@runtime_checkable
class MakesFields(Protocol):
    """A connector whose system lets us add fields of our own."""

    def make_fields(self, wanted: Mapping[str, FieldKind]) -> None:
        """Make fields of these kinds."""


@runtime_checkable
class MakesRecords(Protocol):
    """A connector whose system says whether we may make records there."""

    def may_create(self) -> bool:
        """Return whether new records may be made; True where it is not known."""


@runtime_checkable
class ShowsFields(Protocol):
    """A connector whose records show which fields there are, where no schema does."""

    def absent_fields(self, remote_id: str, fields: Sequence[str]) -> Mapping[str, str] | None:
        """Return the fields that a record does not have, each by its whole name, with one that is called much the same.

        None where a record does not tell.
        """


@dataclass(frozen=True)
class Fault:
    """Something that stops a push before its first row; `ours` is the field concerned, empty where it is the whole."""

    what: str
    remedy: str
    ours: str = ""


@dataclass(frozen=True)
class MappingTerms:
    """What a push means to write: ours -> theirs, the texts that are the same in every row, and how.

    `may_mark`: the band of whoever leaves is set to "none". `may_create`: records may be made, so what a new one must have
    has to be given.
    """

    fields: Mapping[str, str]
    settings: ConnectorSection
    where: str
    may_mark: bool = False
    may_create: bool = False
    constants: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Examined:
    """What a system says of a mapping: its schema (None where it has none that can be asked), faults, fields to be made."""

    terms: MappingTerms
    schema: Mapping[str, RemoteField] | None
    faults: tuple[Fault, ...]
    to_make: Mapping[str, FieldKind]

    @property
    def mapping(self) -> FieldMapping:
        """The mapping with the schema of its fields. Raises ConfigError that names every fault."""
        refuse(self.faults, where=self.terms.where)
        if self.schema is None:
            return FieldMapping(self.terms.fields)
        return FieldMapping(self.terms.fields, {theirs: self.schema[theirs] for theirs in self.terms.fields.values()})


def refuse(faults: Sequence[Fault], *, where: str) -> None:
    """Raise ConfigError that says every fault and what to do about each; nothing where there are none."""
    if faults:
        remedies = dict.fromkeys(fault.remedy for fault in faults)
        raise ConfigError("; ".join(fault.what for fault in faults), where=where, remedy=" ".join(remedies))


def check_mapping(fields: Mapping[str, str], *, campaign: str, is_campaign: bool = True) -> None:
    """Refuse a mapping with fields that are not ours, or two of ours in one of theirs. Raises ConfigError."""
    faults = list(own_faults(fields, is_campaign=is_campaign))
    refuse(faults[:1], where=f"campaign {campaign}, [crm].fields")


def own_faults(fields: Mapping[str, str], *, is_campaign: bool = True) -> Iterator[Fault]:
    """Yield what is wrong with a mapping by itself, whatever the system is like."""
    for ours in fields:
        if ours not in OUR_FIELDS:
            near = difflib.get_close_matches(ours, OUR_FIELDS, n=1)
            hint = f"Did you mean `{near[0]}`?" if near else f"Known are: {', '.join(OUR_FIELDS)}."
            yield Fault(f"`{ours}` is none of our fields", hint, ours)
    theirs = list(fields.values())
    for repeated in sorted({name for name in theirs if theirs.count(name) > 1}):
        last = [ours for ours, name in fields.items() if name == repeated][-1]
        yield Fault(f"`{repeated}` would be written twice", "Give each of our fields its own.", last)
    for leaking in () if is_campaign else sorted(CAMPAIGN_FIELDS & set(fields)):
        what = f"a list of everybody at risk must not carry `{leaking}`: holdouts would show"
        yield Fault(what, "Leave it out; campaigns push it themselves.", leaking)


def examine(connector: Connector, terms: MappingTerms, patience: Patience) -> Examined:
    """Sign in, ask for the schema and lay the mapping against it; nothing is written there.

    Fields that the connector would make count as there. Raises as `Connector.check`, for whatever keeps us out.
    """
    patience.slowed(connector.check)
    schema = patience.slowed(connector.fields)
    faults = []
    if terms.may_create and isinstance(connector, MakesRecords) and not patience.slowed(connector.may_create):
        remedy = "Give it that right there, or let only existing records be written."
        faults.append(Fault("its user may not create records", remedy))
    if schema is None:
        return Examined(terms, None, tuple(faults), {})
    to_make = _to_make(terms, schema) if isinstance(connector, MakesFields) else {}
    if to_make and not getattr(terms.settings, "create_fields", False):
        ours_of = {theirs: ours for ours, theirs in terms.fields.items()}
        remedy = "Make it there (docs/crm.md says how), or set create_fields = true in the connector's section."
        unmade = [
            Fault(f"the CRM has no field {name} ({kind})", remedy, ours_of[name]) for name, kind in to_make.items()
        ]
        return Examined(terms, schema, (*faults, *unmade, *_schema_faults(terms, schema, ignored=to_make)), {})
    schema = {**schema, **{name: RemoteField(name, kind) for name, kind in to_make.items()}}
    return Examined(terms, schema, (*faults, *_schema_faults(terms, schema)), to_make)


def absent_faults(
    connector: ShowsFields, fields: Mapping[str, str], remote_id: str, patience: Patience
) -> list[Fault] | None:
    """Return a fault for each mapped field that a record does not show; None where it does not tell."""
    absent = patience.slowed(lambda: connector.absent_fields(remote_id, list(fields.values())))
    if absent is None:
        return None
    remedy = "Mend [crm].fields and field_prefix; set omits_empty = true if it leaves out fields that are empty."
    return [
        Fault(f"record {remote_id} has no field {absent[theirs]}", remedy, ours)
        for ours, theirs in fields.items()
        if theirs in absent
    ]


def _to_make(terms: MappingTerms, schema: Mapping[str, RemoteField]) -> dict[str, FieldKind]:
    return {
        theirs: OUR_FIELDS[ours]
        for ours, theirs in terms.fields.items()
        if ours in OUR_FIELDS and theirs not in schema and theirs.startswith(CUSTOM)
    }


def _schema_faults(
    terms: MappingTerms, schema: Mapping[str, RemoteField], ignored: Iterable[str] = ()
) -> Iterator[Fault]:
    """Yield what the system would not take: fields that are missing, read-only, of another type or too short, and options."""
    bands = (*BANDS, NO_BAND) if terms.may_mark else BANDS
    skipped = set(ignored)
    for ours, theirs in terms.fields.items():
        if ours in OUR_FIELDS and theirs not in skipped:
            yield from _field_faults(ours, theirs, schema, bands)
            yield from _value_faults(ours, schema.get(theirs), terms.constants)
    if terms.may_create:
        yield from _required_faults(terms, schema)


def _field_faults(ours: str, theirs: str, schema: Mapping[str, RemoteField], bands: Sequence[str]) -> Iterator[Fault]:
    remote = schema.get(theirs)
    remedy = "Create or change the field there, or map another."
    if remote is None:
        near = difflib.get_close_matches(theirs, schema, n=1)
        yield Fault(f"it has no field `{theirs}`" + (f" (there is `{near[0]}`)" if near else ""), remedy, ours)
        return
    if not remote.is_writable:
        yield Fault(f"`{theirs}` is read-only", remedy, ours)
    if remote.kind not in _FITS[OUR_FIELDS[ours]]:
        yield Fault(f"`{theirs}` is of type {remote.kind}, which cannot hold {ours} ({OUR_FIELDS[ours]})", remedy, ours)
    elif _is_closed(remote) and ours in _FREE_TEXTS:
        yield Fault(f"`{theirs}` is a list of options, which cannot hold {ours} (any text)", remedy, ours)
    if ours == "risk_band":
        missing = [band for band in bands if band not in remote.options] if _is_closed(remote) else []
        if missing:
            yield Fault(f"`{theirs}` lacks the options {', '.join(missing)}", remedy, ours)
        if remote.max_length is not None and (longest := max(map(len, bands))) > remote.max_length:
            what = f"`{theirs}` holds {remote.max_length} characters, and a risk band has up to {longest}"
            yield Fault(what, remedy, ours)


def _value_faults(ours: str, remote: RemoteField | None, constants: Mapping[str, str]) -> Iterator[Fault]:
    """Yield why a text that is the same in every row does not fit: too long, or no option."""
    text = constants.get(ours)
    if remote is None or text is None:
        return
    if _is_closed(remote) and text not in remote.options:
        yield Fault(f"`{remote.name}` has no option `{text}`", "Add the option there, or map a text field.", ours)
    if remote.max_length is not None and len(text) > remote.max_length:
        what = f"`{remote.name}` holds {remote.max_length} characters, and {ours} has {len(text)}"
        yield Fault(what, "Map a longer field.", ours)


def _required_faults(terms: MappingTerms, schema: Mapping[str, RemoteField]) -> Iterator[Fault]:
    """Yield that a new record must have fields which nothing gives."""
    settings = terms.settings
    prefix, key = getattr(settings, "field_prefix", ""), getattr(settings, "key_field", None)
    given = {*terms.fields.values(), *getattr(settings, "create_values", {}), *([key] if key else [])}
    given |= {name.removeprefix(prefix) for name in given}
    missing = sorted(remote.name for remote in schema.values() if remote.is_required and remote.name not in given)
    if missing:
        example = ", ".join(f'{name} = "Customer {{customer_id}}"' for name in missing)
        yield Fault(
            f"a new record must have {', '.join(missing)}",
            f'Set create_values = {{ {example} }} in the connector\'s section, or mode = "update".',
        )


def _is_closed(remote: RemoteField) -> bool:
    """Return whether a field takes nothing but its options; a list without any takes every text."""
    return remote.kind == "choice" and bool(remote.options)
