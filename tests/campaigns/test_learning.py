"""What a campaign's outcomes teach of its offer, by hand; kept with the measurement and read back as it was."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from churn.campaigns.learning import evidence_in, evidence_of, learning_of, level_of, levels_in
from churn.campaigns.offer_effect import NOTHING_TAUGHT, Taught, believed_rates, offer_effect, priors_of
from churn.campaigns.rounds import offer_of_campaign
from churn.decisions.profit import ALIKE
from churn.decisions.recalibration import known_recalibration
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
    assert offer_effect(SINGLE, NOTHING_TAUGHT, p, np.zeros(2), ALIKE) is None
    effect = offer_effect(
        SINGLE, Taught([evidence_of(SINGLE, assigned(9000, 2700, 9000, 2700))]), p, np.zeros(2), ALIKE
    )
    assert effect.avoided == pytest.approx(effect.belief.mean[0] * p)
    assert abs(effect.belief.mean[0]) < 0.05


def test_an_offer_begins_with_the_share_of_its_file_that_other_offers_kept() -> None:
    p = np.array([0.3, 0.1])
    effect = offer_effect(SINGLE, Taught(kept=0.4), p, np.zeros(2), ALIKE)
    assert effect is not None
    assert effect.avoided == pytest.approx(0.4 * 0.3 * p)
    (rate,) = believed_rates(effect.belief)
    assert (rate.expected, rate.file_expected) == (pytest.approx(0.12), 0.3)
    assert effect.belief.measured == 0


def test_a_rate_of_another_modifier_is_another_rate() -> None:
    assert [prior.key for prior in priors_of(BY_CAUSE)] == ["voluntary", "involuntary x has_unpaid_bill", "harm"]


@pytest.mark.parametrize("name", ["support_call", "support_call_2026_08", "support_call_trial", "support_call_pilot_2"])
def test_rounds_of_an_offer_share_its_name(name) -> None:
    assert offer_of_campaign(name) == "support_call"


def test_what_rounds_show_of_the_level_is_kept_and_the_churn_avoided_stays_what_was_measured() -> None:
    day = date(2026, 7, 1)
    frame = assigned(4000, 480, 4000, 600).with_columns(
        snapshot_date=pl.lit(day)
    )  # 15 % and 12 % where 30 % were expected
    evidence = evidence_of(SINGLE, frame)
    level = level_of(frame, None, model_version="m1", day=day, window_days=30)
    assert (level.customers, level.churned, level.expected) == (4000, 600, pytest.approx(1200))
    learnt = learning_of(SINGLE, evidence, [], [level])
    again = OfferLearning.model_validate(learnt.model_dump(mode="json"))
    assert levels_in(again) == [level]
    assert evidence_in(again) == evidence
    recalibration = known_recalibration(levels_in(again))
    taught, p = Taught([evidence], recalibration), np.array([0.3])
    assert recalibration is not None
    factor = taught.factor(p, np.zeros(1))
    assert p * factor == pytest.approx([0.15], abs=0.01)
    assert evidence.basis == (pytest.approx(factor[0], abs=0.01),)
    (piece,) = taught.pieces
    assert piece.shift[0] / piece.precision[0][0] * 0.15 == pytest.approx(0.03, abs=0.003)


def test_causes_that_are_off_by_different_shares_are_not_learnt_as_an_effect() -> None:
    rng = np.random.default_rng(11)
    count = 40_000
    p = np.full(count, 0.1)
    involuntary = np.where(np.arange(count) < 8_000, 0.08, 0.01)
    true = np.where(involuntary > 0.05, 0.13, 0.1)  # only involuntary churn is likelier than the model says
    left = rng.random(count) < true
    beside = pl.DataFrame(
        {"split": "a", "churn_probability": p, "involuntary_probability": involuntary, "has_churned": left}
    )
    chosen = pl.DataFrame(
        {
            "split": "a",
            "plan_id": "a",
            "arm": ["treatment" if n % 10 else "holdout" for n in range(3_000)],
            "churn_probability": p[:3_000],
            "voluntary_part": 0.02,
            "involuntary_part": involuntary[:3_000],
            "has_churned": rng.random(3_000) < true[:3_000],
        }
    )
    with_causes = evidence_of(SINGLE, chosen.with_columns(involuntary_probability=pl.lit(0.08)), beside)
    blind = evidence_of(SINGLE, chosen, beside.drop("involuntary_probability"))
    rates = [piece.shift[0] / piece.precision[0][0] for piece in (with_causes, blind)]
    assert abs(rates[0]) < 0.1  # contact does nothing
    assert rates[1] < rates[0] - 0.05
