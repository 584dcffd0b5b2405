"""Choosing whom to contact: whatever the limits, they hold as spent, and each band keeps its share of the holdout."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from churn.campaigns.assignment import Arms
from churn.decisions.profit import Economics
from churn.documents.definition import CampaignDefinition
from churn.workflows.plan.choose import choose
from churn.workflows.plan.limits import RemainingLimits, Used
from churn.workflows.plan.priced import price

SIZE = 90
RANDOM = np.random.default_rng(3)
SCORES = pl.DataFrame(
    {
        "customer_id": [f"C{i:03d}" for i in range(SIZE)],
        "churn_probability": RANDOM.beta(2, 3, SIZE),
        "risk_band": RANDOM.choice(["high", "critical"], SIZE),
        "value_of_save": RANDOM.uniform(20, 90, SIZE),
    }
)


def campaign(name, *, cost, share=0.2, channel="phone", contacts=None, budget=None):
    document = {
        "name": name,
        "title": name,
        "owner": None,
        "description": None,
        "window_days": 30,
        "audience": {},
        "offer": {"channel": channel, "contact_cost": cost},
        "limits": {"contacts": contacts, "budget": budget},
        "holdout": {"share": share},
        "crm": {},
    }
    definition = CampaignDefinition.model_validate(document)
    return price(definition, Economics(contact_cost=cost), SCORES, {})


COSTS = st.sampled_from([0.0, 0.5, 2.0, 3.75])
SHARES = st.sampled_from([0.0, 0.1, 1 / 3, 0.5])
SOME = st.one_of(st.none(), st.integers(1, 40))
CAMPAIGNS = st.lists(st.tuples(COSTS, SHARES, st.sampled_from(["phone", "email"]), SOME, SOME), min_size=1, max_size=3)


@settings(max_examples=15, deadline=None)
@given(CAMPAIGNS, st.one_of(st.none(), st.floats(0.1, 150)), SOME, st.integers(0, 6))
def test_no_limit_is_ever_overrun(drawn, budget, phone, before):
    priced = [
        campaign(f"c{i}", cost=cost, share=share, channel=channel, contacts=contacts, budget=own)
        for i, (cost, share, channel, contacts, own) in enumerate(drawn)
    ]
    used = [Used({"high": Arms(before, before // 2)}, before * each.values.unit_cost) for each in priced]
    choice = choose(priced, used, RemainingLimits(budget, {} if phone is None else {"phone": float(phone)}), SCORES)
    treated = [choice.treated(k).size for k in range(len(priced))]
    spent = [count * each.values.unit_cost for count, each in zip(treated, priced, strict=True)]
    if budget is not None:
        assert sum(spent) <= budget + 1e-6
    by_phone = sum(n for n, each in zip(treated, priced, strict=True) if each.definition.offer.channel == "phone")
    assert phone is None or by_phone <= phone
    for count, cost, each, had in zip(treated, spent, priced, used, strict=True):
        limits = each.definition.limits
        assert limits.contacts is None or count <= max(limits.contacts - had.treatment, 0)
        assert limits.budget is None or cost <= max(float(limits.budget) - had.committed, 0) + 1e-6
    assert (choice.campaign >= -1).all()
    for k, each in enumerate(priced):
        chosen = choice.campaign == k
        assert (each.profit[chosen] > 0).all()
        if each.definition.holdout.share == 0:
            assert not choice.is_holdout[chosen].any()


def test_a_holdout_lets_more_be_chosen_than_the_budget_could_contact():
    one = choose([campaign("a", cost=2.0, share=0.0)], [Used({}, 0.0)], RemainingLimits(40.0, {}), SCORES)
    half = choose([campaign("a", cost=2.0, share=0.5)], [Used({}, 0.0)], RemainingLimits(40.0, {}), SCORES)
    assert (one.campaign == 0).sum() == 20
    assert (half.campaign == 0).sum() == 40
    assert half.treated(0).size == 20


def test_shadow_prices_are_per_contact_made():
    choice = choose(
        [campaign("a", cost=2.0, share=0.5, contacts=10)], [Used({}, 0.0)], RemainingLimits(None, {}), SCORES
    )
    profit = np.sort(campaign("a", cost=2.0).profit)[::-1]
    assert profit[20] - 1e-6 <= choice.allocation.shadow_offer[0] <= profit[19] + 1e-6


def test_where_a_plan_stands_nobody_is_chosen_even_if_contacts_cost_nothing():
    choice = choose([campaign("a", cost=0.0)], [Used({}, 0.0)], RemainingLimits(None, {}), SCORES, nobody=True)
    assert (choice.campaign == -1).all()
