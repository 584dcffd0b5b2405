from __future__ import annotations

import numpy as np

from churn.decisions.profit import Economics, expected_profit
from churn.documents.monitoring import ChallengerContest
from churn.monitoring.challenge import contest

OFFER = Economics(contact_cost=5.0, success_rate=0.4)


def compared(
    seed: int, *, size: int = 4_000, blur: float = 2.5, tries: int = 1, customers: int | None = None
) -> ChallengerContest:
    """The challenger knows the truth; the champion knows it with noise in the log-odds."""
    random = np.random.default_rng(seed)
    truth = random.beta(0.6, 6.0, size)
    y = (random.random(size) < truth).astype(float)
    odds = np.log(np.clip(truth, 1e-6, 1 - 1e-6) / (1 - np.clip(truth, 1e-6, 1 - 1e-6)))
    blurred = 1 / (1 + np.exp(-(odds + random.normal(0, blur, size))))
    people = np.arange(size) % (customers or size)
    return contest(
        champion="old",
        challenger="new",
        dates=("2025-06-01",),
        customer=people.astype(np.int64),
        y=y,
        value=np.full(size, 70.0),
        p_champion=blurred,
        p_challenger=truth,
        economics=OFFER,
        active_customers=8_000,
        tries=tries,
    )


def test_a_challenger_that_surely_earns_more_wins_with_its_interval():
    found = compared(1)

    assert found.is_won
    assert 0 < found.low < found.gain < found.high
    assert found.gain_monthly == found.gain * 2
    assert found.sentence.startswith("The challenger wins: on 4,000 outcomes")


def test_equal_models_win_about_as_seldom_as_stated():
    random = np.random.default_rng(3)
    won = 0
    for _ in range(300):
        p, q = random.beta(0.6, 6.0, (2, 1_500))
        y = (random.random(1_500) < 0.09).astype(float)
        people = np.arange(1_500)
        terms = {"champion": "a", "challenger": "b", "dates": ("d",), "customer": people, "y": y}
        won += contest(
            **terms, value=np.full(1_500, 70.0), p_champion=p, p_challenger=q, economics=OFFER, active_customers=1
        ).is_won
    assert won <= 16  # 2.5 % of 300 are 7.5


def test_the_best_of_several_equal_candidates_wins_no_oftener_for_having_been_chosen_on_these_rows():
    random, size = np.random.default_rng(4), 1_500
    value, people = np.full(size, 70.0), np.arange(size)
    won = dict.fromkeys((1, 6), 0)
    for _ in range(200):
        p, y = random.beta(0.6, 6.0, (7, size)), (random.random(size) < 0.09).astype(float)
        earned = expected_profit(y, value, OFFER)
        best = max(p[1:], key=lambda own: float(((expected_profit(own, value, OFFER) > 0) * earned).sum()))
        for tries in won:
            won[tries] += contest(
                champion="a",
                challenger="b",
                dates=("d",),
                customer=people,
                y=y,
                value=value,
                p_champion=p[0],
                p_challenger=best,
                economics=OFFER,
                active_customers=1,
                tries=tries,
            ).is_won
    assert won[6] <= 10  # 2.5 % of 200 are 5
    assert won[1] > won[6]


def test_few_customers_decide_nothing():
    found = compared(1, size=400)

    assert not found.is_won
    assert "Not enough outcomes" in found.sentence


def test_rows_of_one_customer_and_many_tries_widen_the_interval():
    alone, among, thrice = compared(5), compared(5, tries=3), compared(5, customers=1_000)

    assert among.high - among.low > alone.high - alone.low
    assert thrice.customers == 1_000
    assert thrice.as_json()["rows"] == 4_000
