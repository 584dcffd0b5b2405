"""Finds out whether a CRM would take what a campaign's [crm] section says, before there is a plan: nothing is written."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from churn.config.connectors import ConnectorSection, FileConnector, RestConnector
from churn.context import Context
from churn.crm.mapping import CAMPAIGN_FIELDS, EMAIL_HASH, ON_REQUEST, OUR_FIELDS
from churn.crm.opening import connector_section
from churn.crm.preflight import Examined, Fault, MappingTerms, ShowsFields, absent_faults, examine, own_faults
from churn.crm.retry import Patience
from churn.errors import ChurnError, ConfigError
from churn.workflows.sync.audience import audience_fields, platform_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from churn.crm.connector import Connector, FieldKind
    from churn.documents.definition import Crm

KnownBy = Literal["schema", "record", "nothing", "any"]
_LOOKED_UP: Final = 5  # customers who are looked for until one has a record that shows its fields


@dataclass(frozen=True)
class FieldPreflight:
    """One mapped field: its kind there where that can be asked, whether a push would make it, and what is wrong with it."""

    ours: str
    theirs: str
    kind: FieldKind | None
    is_made: bool
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Preflight:
    """What became of it: `error` is why the system could not be asked, `faults` what is wrong beside the fields.

    `known_by` says what told of the fields: the system's schema, a record of its own, nothing (they show with the first row),
    or a file, which takes any column.
    """

    connector: str
    error: ChurnError | None
    fields: tuple[FieldPreflight, ...]
    faults: tuple[Fault, ...]
    known_by: KnownBy

    @property
    def is_fit(self) -> bool:
        """Whether a push would get as far as its first row."""
        return self.error is None and not self.faults and not any(field.faults for field in self.fields)


def fields_of(
    section: ConnectorSection, fields: Mapping[str, str], name: str, *, where: str, is_campaign: bool = True
) -> dict[str, str]:
    """Return ours -> theirs as a push writes it: an empty mapping is every field of ours under its own name.

    Raises ConfigError where an audience would tell more than addresses, or anything else the hash of an address.
    """
    if (platform := platform_of(section)) is not None:
        return audience_fields(fields, platform, where=where)
    if EMAIL_HASH in fields:
        raise ConfigError(
            f"`{EMAIL_HASH}` goes into audiences alone",
            where=where,
            remedy=f'Set audience = "google" (or another) in [connectors.{name}] with kind = "file".',
        )
    left_out = ON_REQUEST | (frozenset() if is_campaign else CAMPAIGN_FIELDS)
    return dict(fields) or {ours: ours for ours in OUR_FIELDS if ours not in left_out}


def preflight_crm(context: Context, crm: Crm, *, campaign: str, title: str) -> Preflight:
    """Sign in to the connector that `crm` names and lay its mapping against what the system says; nothing is written.

    The campaign need not be saved yet, nor planned. One that cannot be asked is told of in `error`: a refused secret, no
    answer, a key that is not there. Raises ConfigError where no such connector is set up or the mapping goes nowhere.
    """
    name = crm.connector or ""
    section = connector_section(name, context.settings)
    where = f"campaign {campaign}, [crm].fields"
    fields = fields_of(section, crm.fields, name, where=where)
    faults = list(own_faults(fields))
    at_once = Patience(section.model_copy(update={"max_attempts": 1}), seed=campaign)  # somebody waits for the answer
    terms = MappingTerms(
        fields,
        section,
        where,
        may_mark=crm.on_leave == "band_none",
        may_create=crm.mode != "update",
        constants={"recommended_action": title, "campaign": campaign},
    )
    known_by: KnownBy = "any" if isinstance(section, FileConnector) else "nothing"
    try:
        with closing(context.open_connector(name)) as connector:
            examined = examine(connector, terms, at_once)
            shown = _shown_by_a_record(context, section, connector, terms, at_once) if examined.schema is None else None
    except ChurnError as error:
        return Preflight(name, error, _by_field(fields, None, faults), (), "nothing")
    if examined.schema is not None:
        known_by = "schema"
    elif shown is not None:
        known_by = "record"
    faults += [*examined.faults, *(shown or ())]
    whole = tuple(fault for fault in faults if fault.ours not in fields)
    return Preflight(name, None, _by_field(fields, examined, faults), whole, known_by)


def _by_field(fields: Mapping[str, str], examined: Examined | None, faults: list[Fault]) -> tuple[FieldPreflight, ...]:
    schema = examined.schema if examined is not None else None
    return tuple(
        FieldPreflight(
            ours,
            theirs,
            schema[theirs].kind if schema is not None and theirs in schema else None,
            examined is not None and theirs in examined.to_make,
            tuple(fault for fault in faults if fault.ours == ours),
        )
        for ours, theirs in fields.items()
    )


def _shown_by_a_record(
    context: Context, section: ConnectorSection, connector: Connector, terms: MappingTerms, patience: Patience
) -> Sequence[Fault] | None:
    """Return what a record lacks: that of the first of those at highest risk who has one; None where no record tells.

    Where people are known by their e-mail address nobody is looked up: addresses are in the warehouse, which takes a job.
    """
    if not isinstance(connector, ShowsFields) or (isinstance(section, RestConnector) and section.match_by == "email"):
        return None
    with context.open_store() as store:
        some = store.scores.current(order="churn_probability", limit=_LOOKED_UP, columns=("customer_id",))
    records = patience.slowed(lambda: connector.find(some["customer_id"].to_list())) if some.height else {}
    record = next((ids[0] for ids in records.values() if ids), None)
    return None if record is None else absent_faults(connector, terms.fields, record, patience)
