"""Says what to do about a customer: the campaign they are in, that they are held out, or which campaign looks right."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np

from churn.campaigns.offer_effect import NOTHING_TAUGHT, Taught
from churn.campaigns.own_terms import profit_on_terms
from churn.campaigns.reading import campaign_files, examine
from churn.context import Context
from churn.decisions.offer_terms import CustomersTerms
from churn.documents.definition import CampaignDefinition
from churn.languages.words import tr
from churn.views.definition_in_force import campaign_or_offer
from churn.views.scored_customer import ShownReason

if TYPE_CHECKING:
    from churn.config import Settings
    from churn.store.records import CustomerAssignment


# The terms of a campaign that differ by customer, of the one customer looked at; see `own_terms_of`.
TermsOf = Callable[[CampaignDefinition], CustomersTerms | None]
AdviceKind = Literal["campaign", "holdout", "suggested", "unprofitable", "none"]
_WORD = re.compile(r"[A-Za-z_]\w*")


def readable_campaigns(context: Context) -> dict[str, CampaignDefinition]:
    """Return the campaigns whose files can be read, by name; what is wrong with the others `churn check` says."""
    files = sorted(campaign_files(context.settings.home).items())
    definitions = {name: examine(name, path)[0] for name, path in files}
    return {name: definition for name, definition in definitions.items() if definition is not None}


def title_of(campaign: str, definitions: Mapping[str, CampaignDefinition]) -> str:
    """Return what people call a campaign; its name in words where its file is gone or wrong."""
    known = definitions.get(campaign)
    return campaign.replace("_", " ").capitalize() if known is None else known.title


@dataclass(frozen=True)
class Advice:
    """What to do about a customer: `campaign` and its `title` where there is one, and `text`, a sentence.

    Kinds: `campaign` (assigned to be contacted), `holdout` (leave alone), `suggested` (a campaign that asks for what
    raises this customer's risk), `unprofitable` (contact costs more than it brings), `none`.
    """

    kind: AdviceKind
    campaign: str | None
    title: str | None
    text: str


class AdviceSubject(TypedDict):
    """What advice goes by: a part of `ScoredCustomer`."""

    expected_profit: float | None
    risk_band: str
    reasons: list[ShownReason]


def advise(
    customer: AdviceSubject,
    assigned: Sequence[CustomerAssignment],
    campaigns: Mapping[str, CampaignDefinition],
    groups: Mapping[str, str],
) -> Advice:
    """Return what to do; `groups` names each feature's group.

    Only a plan decides who is contacted: it knows consent, budget and cooldown.
    """
    if held := next((a for a in reversed(assigned) if a.arm == "holdout"), None):
        return _advice(
            "holdout",
            held.campaign,
            campaigns,
            tr("Drawn by chance into the comparison group: contacting them would spoil the measurement."),
        )
    wanted = [a for a in assigned if (known := campaigns.get(a.campaign)) is None or known.archived is None]
    if wanted:
        return _advice("campaign", wanted[-1].campaign, campaigns, tr("Chosen by the newest plan of this campaign."))
    if customer["expected_profit"] is not None and customer["expected_profit"] <= 0:
        return _advice("unprofitable", None, campaigns, tr("A contact would cost more than it is expected to bring."))
    if (name := _suitable(customer, campaigns, groups)) is not None:
        return _advice("suggested", name, campaigns, tr("This campaign is for what raises the risk here. No plan yet."))
    return _advice("none", None, campaigns, tr("No campaign asks for what raises the risk here."))


def campaign_profit(
    advice: Advice,
    campaigns: Mapping[str, CampaignDefinition],
    settings: Settings,
    *,
    churn_probability: float,
    involuntary_probability: float | None,
    monthly_margin: float,
    value_of_save: float,
    months_after_save: float | None = None,
    taught: Mapping[str, Taught] | None = None,
    terms_of: TermsOf | None = None,
) -> float | None:
    """Return the expected profit of contacting a customer on the terms of the campaign that is advised, as its file has them now.

    None where no campaign is, or its file cannot be read, or it acts by causes that are not known. A campaign that goes by
    measured uplift is priced by risk here; `taught` is what measured rounds taught of the offers, by campaign, `terms_of`
    reads the customer's terms where those of a campaign are SQL over features.
    """
    definition = campaign_or_offer(campaigns, advice.campaign)
    if definition is None or advice.kind not in {"campaign", "suggested"}:
        return None
    profit = profit_on_terms(
        definition,
        settings,
        np.array([churn_probability]),
        involuntary=None if involuntary_probability is None else np.array([involuntary_probability]),
        margin=np.array([monthly_margin]),
        published_value=np.array([value_of_save]),
        months=None if months_after_save is None else np.array([months_after_save]),
        taught=(taught or {}).get(definition.name, NOTHING_TAUGHT),
        own=None if terms_of is None else terms_of(definition),
    )
    return None if profit is None or np.isnan(profit[0]) else float(profit[0])


def _advice(kind: AdviceKind, campaign: str | None, campaigns: Mapping[str, CampaignDefinition], text: str) -> Advice:
    known = campaign_or_offer(campaigns, campaign)
    return Advice(kind, campaign, known.title if known else campaign, text)


def _suitable(
    customer: AdviceSubject, campaigns: Mapping[str, CampaignDefinition], groups: Mapping[str, str]
) -> str | None:
    """Return the campaign whose condition reads features of the group that raises the risk most."""
    for reason in customer["reasons"]:
        if not reason["is_actionable"] or reason["points"] <= 0:
            continue
        group = groups.get(reason["feature"])
        for name, campaign in campaigns.items():
            if campaign.archived is not None:
                continue
            if campaign.audience.customer_list is not None:
                continue  # a list says whom it is for, not what raises their risk
            words = set(_WORD.findall(campaign.audience.filter or ""))
            is_named = reason["feature"] in words or (
                group is not None and group in {groups.get(word) for word in words}
            )
            if is_named and customer["risk_band"] in campaign.audience.bands:
                return name
    return None
