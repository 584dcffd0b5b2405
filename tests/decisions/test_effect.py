"""Effects by cause: signed, learnt without taking a wrong probability for an effect, and covering the known truth."""

from __future__ import annotations

import numpy as np
import pytest

from churn.decisions.effect import Z_90, Evidence, RangePrior, believe, learn_evidence, share_kept

PRIORS = (
    RangePrior("voluntary", 0.1, 0.3, 0.5),
    RangePrior("involuntary", 0.2, 0.5, 0.8),
    RangePrior("harm", 0.0, 0.002, 0.006, is_rate=False),
)


def campaign(rng, count, truth, *, holdout=0.4, wrong=0.0, tilt=1.0):
    """Return churned, treated, the probability that the product sees, and the design, of customers of a known effect.

    `wrong` and `tilt` are intercept and slope of the true log-odds against the log-odds that the product sees.
    """
    seen = 1 / (1 + np.exp(-rng.normal(-1.8, 0.8, count)))
    share = rng.beta(1, 2, count)
    design = np.column_stack([seen * (1 - share), seen * share, -np.ones(count)])
    true = 1 / (1 + np.exp(-(wrong + tilt * np.log(seen / (1 - seen)))))
    treated = rng.random(count) >= holdout
    churned = rng.random(count) < np.clip(true - treated * (design @ truth), 0, 1)
    return churned, treated, seen, design


def test_churn_avoided_adds_the_causes_and_takes_the_harm_off() -> None:
    belief = believe(PRIORS)
    design = np.array([[0.10, 0.05, -1.0], [0.0, 0.0, -1.0]])
    assert belief.avoided(design) == pytest.approx([0.10 * 0.3 + 0.05 * 0.5 - 0.002, -0.002])


def test_without_outcomes_the_files_range_is_believed() -> None:
    belief = believe(PRIORS)
    assert [(n.low, n.mean, n.high) for n in belief.numbers[:2]] == [
        pytest.approx((0.1, 0.3, 0.5)),
        pytest.approx((0.2, 0.5, 0.8)),
    ]
    assert belief.measured == 0
    assert belief.contradiction == 0.0


def test_one_number_is_updated_as_the_normal_distribution_is_by_hand() -> None:
    # Prior N(0.3, 0.1^2), evidence N(0.1, 0.1^2): equal weights, so near 0.2, less what the wide prior takes.
    prior = RangePrior("all", 0.3 - Z_90 * 0.1, 0.3, 0.3 + Z_90 * 0.1)
    belief = believe([prior], [Evidence(("all",), ((100.0,),), (10.0,), 500, 500, 0.0, 1.0)])
    normal = np.exp(-0.5 * 0.2**2 / 0.02) / np.sqrt(0.02)
    spread = (
        prior.high
    )  # where the file is wrong the effect is around none, as large either way as the file holds possible
    wide = np.exp(-0.5 * 0.1**2 / (spread**2 + 0.01)) / np.sqrt(spread**2 + 0.01)
    wrong = 0.1 * wide / (0.1 * wide + 0.9 * normal)
    assert belief.contradiction == pytest.approx(wrong)
    assert belief.mean[0] == pytest.approx((1 - wrong) * 0.2 + wrong * 0.1 * 100 / (100 + spread**-2))


def test_evidence_of_other_numbers_is_left_out() -> None:
    strange = Evidence(("all",), ((1e6,),), (0.0,), 9, 9, 0.0, 1.0)
    assert believe(PRIORS, [strange]).mean == pytest.approx(believe(PRIORS).mean)


@pytest.mark.parametrize(("wrong", "tilt"), [(0.0, 1.0), (-0.7, 1.0), (0.5, 0.7)])
@pytest.mark.slow  # much arithmetic
def test_ninety_per_cent_ranges_cover_the_truth_even_where_the_probabilities_are_wrong(wrong, tilt) -> None:
    rng, hits, campaigns = np.random.default_rng(3), 0, 150
    for _ in range(campaigns):
        truth = np.array([rng.normal(p.expected, p.spread) for p in PRIORS])
        belief = believe(PRIORS, [learn_evidence(*campaign(rng, 1500, truth, wrong=wrong, tilt=tilt), PRIORS)])
        total = np.array([0.12, 0.06, -1.0])
        spread = np.sqrt(total @ belief.covariance @ total)
        hits += abs(total @ (belief.mean - truth)) <= Z_90 * spread
    assert 0.85 <= hits / campaigns <= 0.97


def test_a_probability_twice_too_high_is_not_learnt_as_an_effect() -> None:
    rng = np.random.default_rng(5)
    nothing = np.zeros(3)
    evidence = [learn_evidence(*campaign(rng, 4000, nothing, wrong=-0.8), PRIORS) for _ in range(2)]
    belief = believe(PRIORS, evidence)
    assert [piece.intercept for piece in evidence] == pytest.approx([-0.8, -0.8], abs=0.25)
    effect = belief.avoided(np.array([[0.12, 0.06, -1.0]]))[0]
    assert abs(effect) < 0.015
    assert effect < believe(PRIORS).avoided(np.array([[0.12, 0.06, -1.0]]))[0] / 3


def test_with_nobody_held_out_a_low_churn_of_the_treated_teaches_little() -> None:
    rng = np.random.default_rng(6)
    churned, treated, seen, design = campaign(rng, 3000, np.zeros(3), wrong=-0.8)
    only = treated
    belief = believe(PRIORS, [learn_evidence(churned[only], treated[only], seen[only], design[only], PRIORS)])
    row = np.array([[0.12, 0.06, -1.0]])
    assert belief.error(row) > 0.6 * believe(PRIORS).error(row)


def test_a_harmful_offer_is_believed_harmful_within_two_rounds() -> None:
    harmed = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        truth = np.array([-0.35, 0.0, 0.0])  # contact drives away a third as many as would cancel
        rounds = [learn_evidence(*campaign(rng, 1500, truth), PRIORS) for _ in range(2)]
        harmed += believe(PRIORS, rounds).avoided(np.array([[0.12, 0.06, -1.0]]))[0] < 0
    assert harmed >= 19


def test_two_rounds_tell_more_than_one_and_the_order_does_not_matter() -> None:
    rng = np.random.default_rng(8)
    truth = np.array([0.15, 0.5, 0.002])
    one, two = (learn_evidence(*campaign(rng, 2000, truth), PRIORS) for _ in range(2))
    row = np.array([[0.12, 0.06, -1.0]])
    assert believe(PRIORS, [one, two]).error(row) < believe(PRIORS, [one]).error(row)
    assert believe(PRIORS, [one, two]).mean == pytest.approx(believe(PRIORS, [two, one]).mean)


def test_a_few_of_whom_by_luck_nobody_left_are_not_sure_to_stay() -> None:
    prior = RangePrior("all", 0.0, 0.06, 0.15)
    p = np.full(440, 0.1)
    treated, beside = np.arange(440) < 36, np.arange(440) >= 40
    churned = (np.arange(440) >= 40) & (np.arange(440) % 10 == 0)
    evidence = learn_evidence(churned, treated, p, p[:, None], [prior], is_beside=beside)
    # 36 x 10 % would have left: nobody did, which happens by luck in two cases of a hundred.
    assert 1.0 / evidence.precision[0][0] > 0.5 * 0.1 * 0.9 / 36 / 0.1**2
    assert believe([prior], [evidence]).mean[0] < 0.25


def test_evidence_on_recalibrated_probabilities_says_the_same_of_the_churn_avoided() -> None:
    raw = Evidence(("all",), ((400.0,),), (120.0,), 500, 500, 0.0, 1.0, basis=(1.25,))
    moved = raw.recalibrated()
    assert moved.shift[0] / moved.precision[0][0] * 1.25 == pytest.approx(0.3)  # rate x recalibrated probability
    assert moved.precision[0][0] == pytest.approx(400.0 * 1.25**2)
    assert moved.recalibrated() == moved


def test_an_effect_beyond_what_the_file_holds_possible_is_believed_less_than_one_below_it() -> None:
    mail = RangePrior("all", 0.0, 0.06, 0.15)
    lucky, harmful = (
        believe([mail], [Evidence(("all",), ((40.0,),), (40.0 * rate,), 90, 10, 0.0, 1.0)]).mean[0]
        for rate in (0.6, -0.5)
    )
    assert 0.06 < lucky < 0.25
    assert -0.25 < harmful < 0.0


def rate_seen(rate: float, precision: float) -> Evidence:
    """Outcomes that say of a single rate what a normal distribution holds."""
    return Evidence(("all",), ((precision,),), (precision * rate,), 400, 40, 0.0, 1.0)


@pytest.mark.parametrize(
    ("seen", "kept"),
    [
        ([], 1.0),
        ([0.3, 0.3], 1.0),  # as the files say
        ([0.6], 1.0),  # more than they say is luck more often than news
        # By hand: 1 / .5^2 = 4 around 1, and of each other offer .3^2 x 100 = 9, which is worth 9 / (1 + 9 x .5^2) = 36 / 13.
        ([0.0], 4.0 / (4.0 + 36 / 13) + (4.0 + 36 / 13) ** -0.5),
        ([-0.3, -0.3], (4.0 - 72 / 13) / (4.0 + 72 / 13) + (4.0 + 72 / 13) ** -0.5),
    ],
)
def test_an_offer_begins_with_what_other_offers_are_shown_to_keep_of_their_files(seen, kept):
    assert share_kept([[((0.3,), rate_seen(rate, 100.0))] for rate in seen]) == pytest.approx(kept)


def test_rounds_of_one_other_offer_are_one_offer_however_surely_it_is_known():
    rounds = [((0.3,), rate_seen(0.0, 1e6))] * 4
    assert share_kept([rounds]) == pytest.approx(0.5 + 8.0**-0.5, abs=1e-3)  # it may be an offer of its own kind


def test_a_belief_that_begins_with_less_expects_less_and_outcomes_of_its_own_overrule_it():
    prior = RangePrior("all", 0.2, 0.3, 0.4)
    assert believe([prior], kept=0.5).mean == pytest.approx([0.15])
    assert believe([prior], kept=-0.5).mean == pytest.approx([-0.15])
    many = [rate_seen(0.3, 1e6)]
    assert believe([prior], many, -0.5).mean == pytest.approx(believe([prior], many).mean, abs=0.001)
    harm = RangePrior("harm", 0.0, 0.001, 0.003, is_rate=False)
    assert believe([prior, harm], kept=0.5).mean[1] == 0.001  # no promise
