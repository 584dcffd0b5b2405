"""The form of a campaign: the keys of its file as fields of a page, and what was filled in as changes of the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError
from starlette.datastructures import FormData

from churn.api.pages.toml_form import (
    BANDS,
    Changes,
    FileField,
    Values,
    field_at,
    read_form,
    read_value,
    shown_value,
    value_at,
)
from churn.documents.definition import CampaignDefinition, Crm
from churn.errors import ConfigError
from churn.languages.words import N_, tr

BY_CAUSE, SINGLE = "by_cause", "single"
_CHANNELS: Final = ("email", "phone", "sms", "app", "letter")


def _range(place: tuple[str, ...], base: str = "") -> tuple[FileField, ...]:
    names = ("low", "expected", "high")
    return tuple(
        FileField((*place, f"{base}{name}"), label, "percent")
        for name, label in zip(names, (N_("At least"), N_("Expected"), N_("At most")), strict=True)
    )


WHAT: Final = (
    FileField(("campaign", "title"), N_("Title"), hint=N_("What people call it; whoever contacts customers reads it."), is_required=True),
    FileField(("campaign", "description"), N_("What is offered"), "long", N_("In a sentence.")),
    FileField(("campaign", "owner"), N_("Owner"), hint=N_("Who answers for it.")),
    FileField(("campaign", "window_days"), N_("Days until it is judged"), "number", N_("Left empty: the days that churn is predicted for.")),
)  # fmt: skip
WHO: Final = (
    FileField(("audience", "bands"), N_("Risk bands"), "bands", choices=tuple((band, band) for band in BANDS)),
    FileField(("audience", "min_probability"), N_("Risk from"), "percent"),
    FileField(("audience", "max_probability"), N_("Risk up to"), "percent"),
    FileField(("audience", "filter"), N_("Condition"), "long", N_("A condition on features, such as: support_tickets_90d > 0 and "
"current_fee >= 20. Leave it empty for everybody in these bands.")),
    FileField(("audience", "requires_consent"), N_("Only those who agreed to marketing"), "flag", N_("Whoever objected is never contacted.")),
    FileField(("audience", "skip_open_tickets"), N_("Leave alone whoever waits for support"), "flag"),
    FileField(("audience", "customer_list"), N_("Customer list")),
)  # fmt: skip
OFFER: Final = (
    FileField(("offer", "channel"), N_("Reached by"), hint=N_("In small letters."), suggestions=_CHANNELS, is_required=True),
    FileField(("offer", "contact_cost"), N_("One contact costs"), "number", N_("A number, or SQL over features."), is_money=True),
    FileField(("offer", "incentive_cost"), N_("One incentive costs"), "number", N_("Paid to whoever takes the offer."), is_money=True),
    FileField(("offer", "value_of_save"), N_("A customer kept is worth"), "number", N_("Left empty: their margin over the months that a save lasts."), is_money=True),
    FileField(("offer", "profit_model"), N_("Profit is counted"), "choice", choices=(
        ("auto", N_("by what was measured, else by what is stated here")),
        ("case_study", N_("as if nobody takes the incentive who would stay anyway")),
        ("incentive", N_("with incentives also taken by those who would stay")),
        ("uplift", N_("by the learnt effect on each customer")),
    )),
)  # fmt: skip
VOLUNTARY: Final = (
    *_range(("offer", "success", "voluntary")),
    FileField(("offer", "success", "voluntary", "scaled_by"), N_("Scaled by"), hint=N_("A feature that makes it work more or less; 1 leaves it.")),
)  # fmt: skip
INVOLUNTARY: Final = (
    *_range(("offer", "success", "involuntary")),
    FileField(("offer", "success", "involuntary", "scaled_by"), N_("Scaled by"), hint=N_("A feature that makes it work more or less; 1 leaves it.")),
)  # fmt: skip
RATE: Final = _range(("offer",), "success_rate_")
HARM: Final = _range(("offer", "harm"))
LIMITS: Final = (
    FileField(("limits", "budget"), N_("Budget"), "number", N_("Over all its plans; left empty: none."), is_money=True),
    FileField(("limits", "contacts"), N_("Contacts at most"), "number", N_("Left empty: no limit.")),
    FileField(("limits", "cooldown_days"), N_("Days since the last contact"), "number", N_("Whoever was contacted within them is left alone.")),
    FileField(("limits", "min_expected_profit"), N_("Lowest expected profit"), "number", N_("Of one customer."), is_money=True),
)  # fmt: skip
HOLDOUT: Final = (
    FileField(("holdout", "share"), N_("Left alone by chance"), "percent", N_("Without them nobody can say what the campaign caused.")),
)  # fmt: skip
CRM: Final = (
    FileField(("crm", "connector"), N_("Pushed to"), "choice"),
    FileField(("crm", "mode"), N_("What may be written"), "choice", choices=(
        ("update", N_("existing records only")), ("upsert", N_("existing records, and new ones")),
        ("insert", N_("only new records")), ("mirror", N_("all of it, and whoever leaves is taken out")),
    )),
    FileField(("crm", "on_leave"), N_("When a customer leaves the list"), "choice", choices=(
        ("nothing", N_("leave the fields as they are")), ("clear", N_("empty the fields")), ("band_none", N_("say risk band none")),
    )),
    FileField(("crm", "fields"), N_("Fields"), "map", N_("One per line: ours = theirs, such as churn_probability = ChurnRisk__c.")),
)  # fmt: skip
ALL: Final = (*WHAT, *WHO, *OFFER, *VOLUNTARY, *INVOLUNTARY, *RATE, *HARM, *LIMITS, *HOLDOUT, *CRM)
_CAUSES: Final = (*VOLUNTARY, *INVOLUNTARY, *HARM)
KIND: Final = "success_kind"


def values_of(definition: CampaignDefinition) -> dict[str, str]:
    """Return the fields of a definition as texts, and under `success_kind` whether it states its success by cause."""
    shown = {field.name: shown_value(value_at(definition, field.place, "campaign"), field.kind) for field in ALL}
    by_cause = definition.offer.success is not None
    harm = definition.offer.harm_range
    if by_cause and harm is not None:
        shown |= {field.name: shown_value(getattr(harm, field.place[-1]), "percent") for field in HARM}
    return shown | {KIND: BY_CAUSE if by_cause else SINGLE}


def audience_of(bands: Sequence[str], minimum: str, plan: str) -> dict[str, str]:
    """Return the fields of an audience that another page names: risk bands, the least risk in per cent, and a plan."""
    known = [band for band in BANDS if band in bands]
    fields = {"audience.bands": " ".join(known), "audience.min_probability": minimum.strip()}
    if plan:
        fields["audience.filter"] = "current_plan = '" + plan.replace("'", "''") + "'"
    return {name: value for name, value in fields.items() if value}


def values_in(form: FormData) -> dict[str, str]:
    """Return what was filled in, by field; line ends as files have them."""
    return read_form(ALL, form) | {KIND: BY_CAUSE if form.get(KIND) == BY_CAUSE else SINGLE}


def crm_of(values: Values) -> Crm:
    """Return the section [crm] that was filled in. Raises ConfigError where one of its values is none."""
    filled = {field.place[-1]: read_value(values[field.name], field.kind) for field in CRM}
    try:
        return Crm.model_validate({key: value for key, value in filled.items() if value is not None})
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise ConfigError(error.errors()[0]["msg"], where=f"[crm].{where}", remedy=tr("Choose another.")) from error


def changes_of(values: Values, before: Values) -> Changes:
    """Return the keys of the file that the form changes: those filled in otherwise than `before`; None for those left empty.

    Of the two ways to state success the one that was not chosen is left out of the file.
    """
    hidden = {field.name for field in (RATE if values[KIND] == BY_CAUSE else _CAUSES)}
    is_other_way = values[KIND] != before[KIND]
    changes: Changes = {}
    for field in ALL:
        if field.name in hidden:
            if is_other_way:
                changes[field.place] = None
        elif values[field.name] != before[field.name] or (is_other_way and field in (*RATE, *_CAUSES)):
            changes[field.place] = read_value(values[field.name], field.kind)
    return changes


def field_of(place: Sequence[str]) -> str:
    """Return the name of the field that a complaint about a key of the file belongs to; empty where there is none."""
    return field_at(ALL, place)
