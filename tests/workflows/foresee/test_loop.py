"""The whole loop of a programme in the town: a round, what became of everybody, what was learnt, what others would have earned."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest

from churn.decisions.recalibration import see_level
from churn.errors import ConfigError, NotEnoughData
from churn.store import open_store
from churn.views.programmes import show_programme
from churn.workflows.foresee import evaluate_policy, foresee_programme
from churn.workflows.measure import measure_campaign
from churn.workflows.report.campaign_facts import campaign_facts
from churn.workflows.report.month import Month
from tests.workflows.plan.keeping import MAIL, assigned, keep_in, logged, plan, write
from tests.workflows.plan.test_plan_learnt import teach
from tests.workflows.plan.town import DAY, SIZE, Town, customer, facts

PROGRAMME = """
[offers.call]
[offers.mail]
[holdout]
share = 0.4
[random_slice]
share = 0.4
limits_share = 1
leave_alone = 0.4
[limits]
cooldown_days = 0
"""


@pytest.fixture
def played(town: Town) -> Town:
    """A round whose outcomes are known: the call keeps whoever gets it, the mail nobody."""
    keep_in(town, PROGRAMME)
    plan(town)
    called = set(logged(town).filter(arm="call")["customer_id"])
    world, rng = facts(), np.random.default_rng(3)
    frame = dict(zip(logged(town)["customer_id"], logged(town)["churn_probability"], strict=True))
    for number in range(SIZE):
        name = customer(number)
        if name in frame and name not in called and rng.random() < frame[name]:
            for event in ("canceled", "ended"):
                world.add(
                    "subscription_events",
                    "2026-03-12",
                    customer_id=name,
                    subscription_id=f"{name}-{number:04d}",
                    event_type=event,
                    plan="basic",
                    monthly_fee=25.0,
                    end_reason=None,
                )
    world.told_until("2026-05-01")
    town.refresh(world)
    town.now = datetime(2026, 5, 1, 6)
    return town


def test_a_round_is_measured_learnt_from_and_told_of(played: Town) -> None:
    for name in ("call_20260301", "mail_20260301"):
        document = measure_campaign(played.context, name).document
        assert document.status == "measured"  # the split is as planned, slice and holdout apart
    shown = show_programme(played.context, "keep")
    call, mail = shown.offers
    assert (call.measured_rounds, mail.measured_rounds) == (1, 1)
    assert call.effect is not None
    assert call.effect.low > 0.1
    assert mail.effect is None or mail.effect.low < 0.05
    assert shown.net_profit is not None
    assert shown.spent > 0
    with open_store(played.settings.database_url) as store:
        (told,) = campaign_facts(store, Month(date(2026, 4, 1))).programmes
    assert (told.rounds, told.contacted) == (1, sum(offer.contacted for offer in shown.offers))
    assert told.net_profit == shown.net_profit
    assert [offer.effect for offer in told.offers] == [call.effect, mail.effect]
    played.publish(date(2026, 5, 1), run_id="r2")
    second = plan(played)
    learnt = {rate.file_expected: rate for part in second.plan.campaigns for rate in part.effect}
    assert learnt[0.4].expected > 0.5 > learnt[0.35].expected
    chosen = {arm.offer: arm.chosen for arm in second.arms}
    assert chosen["call"] > chosen["mail"]


def test_another_policy_is_judged_from_the_log(played: Town) -> None:
    with pytest.raises(ConfigError, match="no policy `cal`"):
        evaluate_policy(played.context, "keep", "cal")
    alone = evaluate_policy(played.context, "keep", "leave_alone").answer
    assert alone.kind == "refusal"  # some hundreds of customers say nothing for sure
    assert alone.reason == "too_few"
    assert show_programme(played.context, "keep").evaluations[0].answer == alone


def test_rounds_that_are_over_are_judged_where_the_newest_has_other_offers(played: Town) -> None:
    """An offer that is exchanged must not take away what the rounds before it told."""
    before = evaluate_policy(played.context, "keep", "leave_alone")
    assert before.rounds == 1
    played.campaign("letter", MAIL)
    write(played, PROGRAMME.replace("[offers.mail]", "[offers.letter]"))
    played.publish(date(2026, 5, 1), run_id="r2")
    assert plan(played).round == 2
    after = evaluate_policy(played.context, "keep", "leave_alone")
    assert after.answer == before.answer
    assert after.sentences == (*before.sentences, "One approved round had other offers and is left out.")


def test_nothing_is_judged_before_the_outcomes_are_final(town: Town) -> None:
    keep_in(town, PROGRAMME)
    with pytest.raises(NotEnoughData, match="no round's outcomes are final"):
        evaluate_policy(town.context, "keep", "plan")
    plan(town)
    with pytest.raises(NotEnoughData, match="no round's outcomes are final"):
        evaluate_policy(town.context, "keep", "plan")


def test_the_height_post_counts_with_what_rounds_showed_of_the_probabilities(town: Town) -> None:
    keep_in(town, PROGRAMME)
    before = foresee_programme(town.context, "keep", months=2)
    p = np.full(40_000, 0.2)
    version = town.plan("keep", is_dry_run=True).document.model_version
    fewer = see_level(np.arange(p.size) < 4_000, p, np.zeros(p.size), model_version=version, day=DAY, window_days=30)
    teach(town, 0.4, campaign="letters_1", levels=[fewer])  # half as many left as were expected
    after = foresee_programme(town.context, "keep", months=2)
    assert 0.0 < after.static_profit < 0.7 * before.static_profit


def test_the_height_post_is_kept_for_the_page(town: Town) -> None:
    keep_in(town, PROGRAMME)
    height = foresee_programme(town.context, "keep", months=2)
    assert height.customers == 437
    assert height.slice_cost > 0
    shown = show_programme(town.context, "keep")
    assert shown.height == height
    assert any("random slice" in sentence for sentence in shown.height_words)
    with open_store(town.settings.database_url) as store:
        assert store.programmes.height("other") is None
    assert assigned(town).is_empty()
