"""The form of a campaign: the keys of its file as fields of a page, and what was filled in as changes of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, Literal, get_args

from starlette.datastructures import FormData

from churn.campaigns.writing import TomlValue
from churn.decisions.bands import Band
from churn.documents.definition import CampaignDefinition

Kind = Literal["text", "long", "number", "percent", "flag", "choice", "bands", "map"]
Choices = tuple[tuple[str, str], ...]
BY_CAUSE, SINGLE = "by_cause", "single"
_CHANNELS: Final = ("email", "phone", "sms", "app", "letter")


@dataclass(frozen=True)
class CampaignField:
    """One field: the key of the file that it stands for, and how it is labelled, asked for and explained."""

    place: tuple[str, ...]
    label: str
    kind: Kind = "text"
    hint: str = ""
    choices: Choices = ()
    suggestions: tuple[str, ...] = ()
    is_required: bool = False
    is_money: bool = False

    @property
    def name(self) -> str:
        """The name of the input: the key's path with points."""
        return ".".join(self.place)


def _range(place: tuple[str, ...], base: str = "") -> tuple[CampaignField, ...]:
    names = ("low", "expected", "high")
    return tuple(
        CampaignField((*place, f"{base}{name}"), label, "percent")
        for name, label in zip(names, ("At least", "Expected", "At most"), strict=True)
    )


WHAT: Final = (
    CampaignField(("campaign", "title"), "Title", hint="What people call it; whoever contacts customers reads it.", is_required=True),
    CampaignField(("campaign", "description"), "What is offered", "long", "In a sentence."),
    CampaignField(("campaign", "owner"), "Owner", hint="Who answers for it."),
    CampaignField(("campaign", "window_days"), "Days until it is judged", "number", "Left empty: the days that churn is predicted for."),
)  # fmt: skip
WHO: Final = (
    CampaignField(("audience", "bands"), "Risk bands", "bands"),
    CampaignField(("audience", "min_probability"), "Risk from", "percent"),
    CampaignField(("audience", "max_probability"), "Risk up to", "percent"),
    CampaignField(("audience", "filter"), "Condition", "long", "Over features, such as: support_tickets_90d > 0 and current_fee >= 20. Left empty: everybody of these bands."),
    CampaignField(("audience", "requires_consent"), "Only those who agreed to marketing", "flag", "Who objected is never contacted."),
    CampaignField(("audience", "skip_open_tickets"), "Leave alone whoever waits for support", "flag"),
    CampaignField(("audience", "customer_list"), "Customer list"),
)  # fmt: skip
OFFER: Final = (
    CampaignField(("offer", "channel"), "Reached by", hint="In small letters.", suggestions=_CHANNELS, is_required=True),
    CampaignField(("offer", "contact_cost"), "One contact costs", "number", "A number, or SQL over features.", is_money=True),
    CampaignField(("offer", "incentive_cost"), "One incentive costs", "number", "Paid to whoever takes the offer.", is_money=True),
    CampaignField(("offer", "value_of_save"), "A customer kept is worth", "number", "Left empty: their margin over the months that a save lasts.", is_money=True),
    CampaignField(("offer", "profit_model"), "Profit is counted", "choice", choices=(
        ("auto", "by what was measured, else by what is stated here"),
        ("case_study", "as if nobody takes the incentive who would stay anyway"),
        ("incentive", "with incentives also taken by those who would stay"),
        ("uplift", "by the learnt effect on each customer"),
    )),
)  # fmt: skip
VOLUNTARY: Final = (
    *_range(("offer", "success", "voluntary")),
    CampaignField(("offer", "success", "voluntary", "scaled_by"), "Scaled by", hint="A feature that makes it work more or less; 1 leaves it."),
)  # fmt: skip
INVOLUNTARY: Final = (
    *_range(("offer", "success", "involuntary")),
    CampaignField(("offer", "success", "involuntary", "scaled_by"), "Scaled by", hint="A feature that makes it work more or less; 1 leaves it."),
)  # fmt: skip
RATE: Final = _range(("offer",), "success_rate_")
HARM: Final = _range(("offer", "harm"))
LIMITS: Final = (
    CampaignField(("limits", "budget"), "Budget", "number", "Over all its plans; left empty: none.", is_money=True),
    CampaignField(("limits", "contacts"), "Contacts at most", "number", "Left empty: no limit."),
    CampaignField(("limits", "cooldown_days"), "Days since the last contact", "number", "Whoever was contacted within them is left alone."),
    CampaignField(("limits", "min_expected_profit"), "Lowest expected profit", "number", "Of one customer.", is_money=True),
)  # fmt: skip
HOLDOUT: Final = (
    CampaignField(("holdout", "share"), "Left alone by chance", "percent", "Without them nobody can say what the campaign caused."),
)  # fmt: skip
CRM: Final = (
    CampaignField(("crm", "connector"), "Pushed to", "choice"),
    CampaignField(("crm", "mode"), "What may be written", "choice", choices=(
        ("update", "only records that are there"), ("upsert", "records that are there, and new ones"),
        ("insert", "only new records"), ("mirror", "all of it, and whoever leaves is taken out"),
    )),
    CampaignField(("crm", "on_leave"), "When a customer leaves the list", "choice", choices=(
        ("nothing", "leave the fields as they are"), ("clear", "empty the fields"), ("band_none", "say risk band none"),
    )),
    CampaignField(("crm", "fields"), "Fields", "map", "One a line: ours = theirs, such as churn_probability = ChurnRisk__c."),
)  # fmt: skip
ALL: Final = (*WHAT, *WHO, *OFFER, *VOLUNTARY, *INVOLUNTARY, *RATE, *HARM, *LIMITS, *HOLDOUT, *CRM)
_CAUSES: Final = (*VOLUNTARY, *INVOLUNTARY, *HARM)
BANDS: Final = get_args(Band)
KIND: Final = "success_kind"

Values = Mapping[str, str]


def values_of(definition: CampaignDefinition) -> dict[str, str]:
    """Return the fields of a definition as texts, and under `success_kind` whether it states its success by cause."""
    shown = {field.name: _shown(_kept(definition, field.place), field.kind) for field in ALL}
    by_cause = definition.offer.success is not None
    harm = definition.offer.harm_range
    if by_cause and harm is not None:
        shown |= {field.name: _shown(getattr(harm, field.place[-1]), "percent") for field in HARM}
    return shown | {KIND: BY_CAUSE if by_cause else SINGLE}


def values_in(form: FormData) -> dict[str, str]:
    """Return what was filled in, by field; line ends as files have them."""
    values = {}
    for field in ALL:
        if field.kind == "bands":
            values[field.name] = " ".join(str(band) for band in form.getlist(field.name))
        elif field.kind == "flag":
            values[field.name] = "yes" if form.get(field.name) else ""
        else:
            values[field.name] = str(form.get(field.name, "")).replace("\r\n", "\n").strip()
    values[KIND] = BY_CAUSE if form.get(KIND) == BY_CAUSE else SINGLE
    return values


def changes_of(values: Values, before: Values) -> dict[tuple[str, ...], TomlValue]:
    """Return the keys of the file that the form changes: those filled in otherwise than `before`; None for those left empty.

    Of the two ways to state success the one that was not chosen is left out of the file.
    """
    hidden = {field.name for field in (RATE if values[KIND] == BY_CAUSE else _CAUSES)}
    is_other_way = values[KIND] != before[KIND]
    changes: dict[tuple[str, ...], TomlValue] = {}
    for field in ALL:
        if field.name in hidden:
            if is_other_way:
                changes[field.place] = None
        elif values[field.name] != before[field.name] or (is_other_way and field in (*RATE, *_CAUSES)):
            changes[field.place] = _read(values[field.name], field.kind)
    return changes


def _kept(definition: CampaignDefinition, place: tuple[str, ...]) -> object:
    section, *keys = place
    value: object = definition if section == "campaign" else getattr(definition, section)
    for key in keys:
        value = getattr(value, key, None)
    return value


def _shown(value: object, kind: Kind) -> str:
    if value is None:
        return ""
    if kind == "flag":
        return "yes" if value else ""
    if kind == "bands" and isinstance(value, Sequence):
        return " ".join(value)
    if kind == "map" and isinstance(value, Mapping):
        return "\n".join(f"{ours} = {theirs}" for ours, theirs in value.items())
    if isinstance(value, str):
        return value
    number = Decimal(str(value))
    return _plain(100 * number if kind == "percent" else number)


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _read(text: str, kind: Kind) -> TomlValue:
    """Return what the file holds for a text; what is no number stays a text, which may be SQL or be complained of."""
    if kind == "flag":
        return bool(text)
    if kind == "bands":
        return text.split()
    if kind == "map":
        pairs = [line.partition("=") for line in text.splitlines() if line.strip()]
        return {ours.strip(): theirs.strip() for ours, _, theirs in pairs} or None
    return _number(text) if kind == "number" else _number(text, of=100) if kind == "percent" else text or None


def _number(text: str, *, of: int = 1) -> TomlValue:
    """Return a number written as a part `of` a whole (100 for percent) as the file holds it; None for nothing."""
    try:
        number = Decimal(text.removesuffix("%").strip()) / of
    except InvalidOperation:
        return text or None
    if not number.is_finite():
        return text
    return int(number) if of == 1 and number == number.to_integral_value() else Decimal(_plain(number))


def field_of(place: Sequence[str]) -> str:
    """Return the name of the field that a complaint about a key of the file belongs to; empty where there is none."""
    for end in range(len(place), 0, -1):
        name = ".".join(place[:end])
        if any(field.name == name for field in ALL):
            return name
        nearest = next((field.name for field in ALL if field.name.startswith(f"{name}.")), "")
        if nearest and end > 1:
            return nearest
    return ""
