"""What a campaign's outcomes teach of its offer, by hand; kept with the measurement and read back as it was."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from churn.campaigns.learning import evidence_in, evidence_of, learning_of
from churn.campaigns.offer_effect import offer_effect, priors_of
from churn.campaigns.rounds import offer_of_campaign
from churn.decisions.profit import ALIKE
from churn.documents.definition import Offer
from churn.documents.measurement import OfferLearning

SINGLE = Offer.model_validate({"success_rate_low": 0.1, "success_rate_expected": 0.3, "success_rate_high": 0.5})
RATES = {"low": 0.1, "expected": 0.3, "high": 0.5}
BY_CAUSE = Offer.model_validate(
    {"success": {"voluntary": RATES, "involuntary": {**RATES, "scaled_by": "has_unpaid_bill"}}}
)


def assigned(treated: int, lost: int, held: int, left: int, *, split: str = "a", p: float = 0.3) -> pl.DataFrame:
    """Return customers of one probability: `lost` of `treated` and `left` of `held` churned."""
    return pl.DataFrame(
        {
            "split": [split] * (treated + held),
            "plan_id": [split] * (treated + held),
            "arm": ["treatment"] * treated + ["holdout"] * held,
            "churn_probability": [p] * (treated + held),
            "voluntary_part": [0.2] * (treated + held),
            "involuntary_part": [0.1] * (treated + held),
            "has_churned": [n < lost for n in range(treated)] + [n < left for n in range(held)],
        }
    )


def test_the_rate_of_two_arms_is_their_difference_over_the_probability() -> None:
    # 30 % of the holdout left and 24 % of the treated: 6 points of the 30 that would leave, a rate of 0.2.
    evidence = evidence_of(SINGLE, assigned(4000, 960, 4000, 1200))
    assert evidence.shift[0] / evidence.precision[0][0] == pytest.approx(0.2, abs=0.005)
    variance = (0.24 * 0.76 + 0.30 * 0.70) / 4000 / 0.3**2
    assert 1.0 / evidence.precision[0][0] == pytest.approx(variance, rel=0.05)
    assert (evidence.treated, evidence.holdout, evidence.rounds) == (4000, 4000, 1)


def test_probabilities_that_were_wrong_are_recalibrated_and_the_effect_stays_the_difference() -> None:
    evidence = evidence_of(SINGLE, assigned(4000, 480, 4000, 600))  # 15 % and 12 % where 30 % were expected
    assert evidence.shift[0] / evidence.precision[0][0] == pytest.approx(0.1, abs=0.01)
    assert 1 / (1 + np.exp(-evidence.intercept - evidence.slope * np.log(0.3 / 0.7))) == pytest.approx(0.15, abs=0.01)


def test_draws_add_up_and_one_without_both_arms_teaches_nothing() -> None:
    once = evidence_of(SINGLE, assigned(400, 96, 400, 120))
    twice = evidence_of(SINGLE, pl.concat([assigned(400, 96, 400, 120), assigned(400, 96, 400, 120, split="b")]))
    assert twice.precision[0][0] == pytest.approx(2 * once.precision[0][0])
    assert (twice.treated, twice.rounds) == (800, 2)
    assert evidence_of(SINGLE, assigned(400, 96, 0, 0)) is None


def test_customers_whose_parts_were_not_kept_teach_nothing_of_an_offer_by_cause() -> None:
    frame = assigned(400, 96, 400, 120)
    assert evidence_of(BY_CAUSE, frame) is not None
    nothing = pl.lit(None, dtype=pl.Float64)
    assert evidence_of(BY_CAUSE, frame.with_columns(voluntary_part=nothing)) is None


def test_what_is_learnt_stands_beside_the_file_and_is_read_back_as_it_was() -> None:
    evidence = evidence_of(SINGLE, assigned(4000, 1080, 4000, 1200))  # a rate of 0.1
    learnt = learning_of(SINGLE, evidence, [])
    (rate,) = learnt.effect
    assert rate.file_expected == 0.3
    assert 0.08 < rate.expected < 0.16
    assert rate.low < rate.expected < rate.high
    again = OfferLearning.model_validate(learnt.model_dump(mode="json"))
    assert evidence_in(again) == evidence


def test_a_single_rate_acts_by_what_was_measured_and_is_left_alone_before() -> None:
    p = np.array([0.3, 0.1])
    assert offer_effect(SINGLE, [], p, np.zeros(2), ALIKE) is None
    effect = offer_effect(SINGLE, [evidence_of(SINGLE, assigned(9000, 2700, 9000, 2700))], p, np.zeros(2), ALIKE)
    assert effect.avoided == pytest.approx(effect.belief.mean[0] * p)
    assert abs(effect.belief.mean[0]) < 0.05


def test_a_rate_of_another_modifier_is_another_rate() -> None:
    assert [prior.key for prior in priors_of(BY_CAUSE)] == ["voluntary", "involuntary x has_unpaid_bill", "harm"]


@pytest.mark.parametrize("name", ["support_call", "support_call_2026_08", "support_call_trial", "support_call_pilot_2"])
def test_rounds_of_an_offer_share_its_name(name) -> None:
    assert offer_of_campaign(name) == "support_call"
