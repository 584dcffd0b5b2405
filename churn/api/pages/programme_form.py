"""The form of a programme: the keys of its file as fields of a page, and what was filled in as changes of the file.

Whether an offer takes part is a box of its own: one that was never named comes into the file once it is ticked, and one that
is unticked stays in it, switched off, with what it may take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.datastructures import FormData

from churn.api.pages import campaign_form
from churn.api.pages.toml_form import (
    Changes,
    FileField,
    Values,
    changed,
    field_at,
    read_form,
    shown_value,
    value_at,
)
from churn.documents.programme import CompetingOffer, ProgrammeDefinition
from churn.languages.words import N_, tr

_IS_ON: Final = "is_on"
WHAT: Final = (
    FileField(("programme", "title"), N_("Title"), hint=N_("What people call it."), is_required=True),
    FileField(("programme", "description"), N_("What it is for"), "long", N_("In a sentence.")),
    FileField(("programme", "owner"), N_("Owner"), hint=N_("Who answers for it.")),
    FileField(("programme", "cadence"), N_("A round is planned"), "choice", choices=(
        ("monthly", N_("monthly, by the nightly job")), ("weekly", N_("weekly, by the nightly job")),
        ("daily", N_("daily, by the nightly job")), ("by_hand", N_("when somebody asks")),
    )),
)  # fmt: skip
WHO: Final = campaign_form.WHO
LIMITS: Final = (
    FileField(("limits", "budget"), N_("Budget a month"), "number", N_("For all offers together; left empty: none."), is_money=True),
    FileField(("limits", "cooldown_days"), N_("Days since the last contact"), "number", N_("Whoever was contacted within them is left alone.")),
    FileField(("limits", "min_expected_profit"), N_("Lowest expected profit"), "number", N_("Of one customer; left empty: each campaign's own."), is_money=True),
)  # fmt: skip
MEASURED: Final = (
    FileField(("holdout", "share"), N_("Left alone by chance"), "percent", N_("Of those chosen: that is how each offer's effect is measured.")),
    FileField(("random_slice", "share"), N_("Random slice"), "percent", N_("Of everybody: that is how one learns what the plan would never try. 0 for none.")),
    FileField(("random_slice", "leave_alone"), N_("Of these, left alone"), "percent"),
    FileField(("random_slice", "limits_share"), N_("The random slice takes at most"), "percent", N_("Of the budget, and of each offer's contacts.")),
)  # fmt: skip
APPROVAL: Final = (
    FileField(("approval", "required"), N_("Each round needs approval"), "flag", N_("Nobody in it is assigned or pushed before that.")),
    FileField(("approval", "by"), N_("Who may approve"), "names", N_("Names of users or keys, one per line; leave it empty for everybody who may push.")),
    FileField(("approval", "budget_owner"), N_("Who else may reject"), hint=N_("A user or key.")),
    FileField(("approval", "expires_days"), N_("A draft expires after"), "number", N_("Days.")),
)  # fmt: skip
_FIXED: Final = (*WHAT, *WHO, *LIMITS, *MEASURED, *APPROVAL)


def offer_fields(campaign: str) -> tuple[FileField, ...]:
    """Return the fields of one campaign's offer: whether it takes part, and how far it may go."""
    place = ("offers", campaign)
    return (
        FileField((*place, _IS_ON), tr("Takes part"), "flag"),
        FileField((*place, "capacity"), tr("Contacts a month"), "number"),
        FileField((*place, "cooldown_days"), tr("Days between contacts"), "number"),
        FileField((*place, "weight"), tr("Weight in the random slice"), "number"),
    )


def fields_for(campaigns: Sequence[str]) -> tuple[FileField, ...]:
    """Return every field of a programme whose offers may be those of `campaigns`."""
    return (*_FIXED, *(field for campaign in campaigns for field in offer_fields(campaign)))


def values_of(definition: ProgrammeDefinition, campaigns: Sequence[str]) -> dict[str, str]:
    """Return the fields of a definition as texts; offers of `campaigns` that it does not name are off."""
    unnamed = CompetingOffer(is_on=False)
    values = {f.name: shown_value(value_at(definition, f.place, "programme"), f.kind) for f in _FIXED}
    for campaign in campaigns:
        offer = definition.offers.get(campaign, unnamed)
        values |= {f.name: shown_value(getattr(offer, f.place[-1]), f.kind) for f in offer_fields(campaign)}
    return values


def values_in(form: FormData, campaigns: Sequence[str]) -> dict[str, str]:
    """Return what was filled in, by field."""
    return read_form(fields_for(campaigns), form)


def changes_of(values: Values, before: Values, named: Mapping[str, CompetingOffer]) -> Changes:
    """Return the keys of the file that the form changes; `named` are the offers that the file has already.

    An offer that is not in the file and is not ticked stays out of it, whatever else was filled in; one that takes part says so
    where anything of it changes, so that its section stays when its last key is emptied.
    """
    changes = changed(_FIXED, values, before)
    for campaign in dict.fromkeys(key.split(".")[1] for key in values if key.startswith("offers.")):
        fields = offer_fields(campaign)
        is_on = bool(values[fields[0].name])
        if not is_on and campaign not in named:
            continue
        if own := changed(fields, values, before):
            changes |= own | {fields[0].place: is_on}
    return changes


def field_of(place: Sequence[str], campaigns: Sequence[str]) -> str:
    """Return the name of the field that a complaint about a key of the file belongs to; empty where there is none."""
    return field_at(fields_for(campaigns), place)
