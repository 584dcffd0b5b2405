from __future__ import annotations

import math

import numpy as np
import pytest

from churn.decisions.experiment import newcombe
from churn.decisions.rollout import PolicyWorth, RolloutEstimate, conclude, policy_worth, split_state
from churn.errors import CampaignError

TREATED = np.array([True, True, True, False, False, False, True, True, False, False])
NET = np.array([10.0, 12.0, 14.0, 5.0, 6.0, 7.0, 1.0, 3.0, 4.0, 8.0])
QUANTILE = 2.6370543  # of t with 4.61 degrees of freedom at 97.5 %
FIRST = np.arange(10) < 6


def test_a_policy_is_worth_its_treated_inside_and_its_untreated_outside() -> None:
    worth = policy_worth(NET, TREATED, FIRST)
    assert worth.contacted == 6
    assert worth.total.value == pytest.approx(6 * 12.0 + 4 * 6.0)
    assert worth.gain.value == pytest.approx(6 * (12.0 - 6.0))
    assert worth.over_everybody.value == pytest.approx(4 * (6.0 - 2.0))


def test_the_interval_is_welchs() -> None:
    worth = policy_worth(NET, TREATED, np.ones(10, dtype=bool))
    t, c = NET[TREATED], NET[~TREATED]
    parts = t.var(ddof=1) / 5, c.var(ddof=1) / 5
    degrees = sum(parts) ** 2 / (parts[0] ** 2 / 4 + parts[1] ** 2 / 4)
    assert degrees == pytest.approx(4.6118, abs=0.0001)
    half = 10 * QUANTILE * math.sqrt(sum(parts))
    assert worth.gain.high - worth.gain.value == pytest.approx(half, rel=2e-3)
    assert worth.gain.value == pytest.approx(10 * (t.mean() - c.mean()))


def test_contacting_nobody_gains_nothing_and_everybody_is_no_better_than_itself() -> None:
    nobody = policy_worth(NET, TREATED, np.zeros(10, dtype=bool))
    assert nobody.gain == RolloutEstimate(0.0, 0.0, 0.0)
    assert nobody.total.value == pytest.approx(10 * NET[~TREATED].mean())
    assert policy_worth(NET, TREATED, np.ones(10, dtype=bool)).over_everybody == RolloutEstimate(0.0, 0.0, 0.0)


def test_where_an_arm_is_absent_among_those_contacted_nothing_is_known() -> None:
    worth = policy_worth(NET, TREATED, np.arange(10) < 3)
    assert math.isnan(worth.gain.value)
    assert worth.gain.low == -math.inf
    assert not worth.is_judged


def test_left_alone_who_brought_nothing_alike_do_not_prove_that_leaving_them_alone_pays() -> None:
    rng = np.random.default_rng(1)
    treated = np.arange(2_000) % 2 == 0
    few = np.arange(2_000) >= 1_930
    net = np.where(few, 0.0, rng.normal(5.0, 2.0, 2_000)) - np.where(treated, 0.1, 0.0)
    worth = policy_worth(net, treated, ~few)
    assert worth.over_everybody.low == pytest.approx(7.0)  # 70 contacts of 0.1 are saved, and that is all that is known
    assert worth.is_judged
    assert not worth.is_compared


def test_an_experiment_without_an_arm_is_refused() -> None:
    with pytest.raises(CampaignError, match="holdout arm has 0"):
        policy_worth(NET, np.ones(10, dtype=bool), FIRST)


@pytest.mark.parametrize(
    ("p_value", "state"),
    [(None, "not_checked"), (0.011, "as_planned"), (0.009, "suspicious"), (0.00101, "suspicious"), (0.00099, "broken")],
)
def test_the_split_warns_below_1_percent_and_is_broken_below_a_tenth_of_it(p_value: float | None, state: str) -> None:
    assert split_state(p_value) == state


def worth_of(
    low: float,
    high: float,
    *,
    contacted: int = 400,
    over: float = -1.0,
    is_judged: bool = True,
    is_compared: bool = True,
) -> PolicyWorth:
    gain = RolloutEstimate((low + high) / 2, low, high)
    return PolicyWorth(1_000, contacted, gain, gain, RolloutEstimate(over, over, over + 2), is_judged, is_compared)


WORKS = newcombe(100, 1_000, 200, 1_000)
HARMS = newcombe(200, 1_000, 100, 1_000)
OPEN = newcombe(150, 1_000, 155, 1_000)
PAYS, LOSES = worth_of(5, 15, contacted=1_000), worth_of(-15, -5, contacted=1_000)


@pytest.mark.parametrize(
    ("split", "effect", "everybody", "some", "verdict", "advice"),
    [
        ("broken", WORKS, PAYS, worth_of(5, 15), "split_broken", "find_the_fault"),
        ("as_planned", HARMS, LOSES, worth_of(5, 15, over=9), "harms", "contact_nobody"),
        ("suspicious", HARMS, PAYS, None, "harms", "contact_nobody"),
        ("as_planned", OPEN, worth_of(-5, 15), None, "no_proof", "contact_nobody"),
        ("as_planned", OPEN, worth_of(-5, 15), worth_of(-1, 15), "no_proof", "contact_nobody"),
        ("as_planned", OPEN, worth_of(-5, 15), worth_of(1, 15), "works", "contact_some"),
        ("as_planned", OPEN, worth_of(1, 15), worth_of(1, 15, contacted=1_000), "no_proof", "contact_nobody"),
        ("as_planned", OPEN, worth_of(-5, 15), worth_of(1, 15, is_judged=False), "no_proof", "contact_nobody"),
        ("not_checked", WORKS, PAYS, worth_of(1, 9), "works", "contact_everybody"),
        ("as_planned", WORKS, PAYS, worth_of(6, 16, over=0.5), "works", "contact_some"),
        ("as_planned", WORKS, PAYS, worth_of(6, 16, over=0.5, is_compared=False), "works", "contact_everybody"),
        ("as_planned", WORKS, LOSES, worth_of(1, 9), "works", "contact_some"),
        ("as_planned", WORKS, LOSES, worth_of(-1, 9), "works", "contact_nobody"),
    ],
)
def test_the_verdict_goes_by_split_harm_and_proof_in_this_order(
    split, effect, everybody, some, verdict: str, advice: str
) -> None:
    conclusion = conclude(split, effect, everybody, some, has_money=True)
    assert (conclusion.verdict, conclusion.advice) == (verdict, advice)


def test_without_money_a_proven_effect_is_enough() -> None:
    assert (
        conclude("as_planned", WORKS, worth_of(-1, 9, contacted=1_000), None, has_money=False).advice
        == "contact_everybody"
    )
