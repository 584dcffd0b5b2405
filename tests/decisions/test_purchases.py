"""BG/NBD: the published figures of CDNOW (Fader, Hardie and Lee 2005), by formula and by fit, and what a simulation of it gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from churn.decisions.purchases import BuyingHistory, BuyingModel, fit_buying
from churn.errors import DataError

PUBLISHED = BuyingModel(r=0.243, alpha=4.414, a=0.793, b=2.426)  # in weeks
CDNOW = Path(__file__).resolve().parents[3] / "shared" / "data" / "cdnow" / "CDNOW_master.txt"


def history(*rows: tuple[float, float, float]) -> BuyingHistory:
    return BuyingHistory(*np.array(rows, dtype=float).T)


def test_a_customer_of_the_paper_buys_1_226_times_in_the_next_39_weeks():
    """The note on BG/NBD in Excel works this one out: x = 2, t_x = 30.43, T = 38.86."""
    one = history((2, 30.43, 38.86))
    assert PUBLISHED.expected(one, 39.0)[0] == pytest.approx(1.226, abs=5e-4)


def test_the_chance_of_being_alive_falls_with_silence_and_is_1_after_one_purchase():
    silent = PUBLISHED.alive(history((2, 38.0, 38.86), (2, 20.0, 38.86), (2, 5.0, 38.86), (0, 0.0, 38.86)))
    assert np.all(np.diff(silent[:3]) < 0)
    assert silent[3] == 1.0
    odds = 0.793 / (2.426 + 1.0) * ((4.414 + 38.86) / (4.414 + 20.0)) ** 2.243
    assert silent[1] == pytest.approx(1 / (1 + odds))


def simulated(model: BuyingModel, customers: int, seed: int) -> tuple[BuyingHistory, np.ndarray]:
    """Draw histories over 39 weeks, and how many purchases follow in the next 39."""
    rng = np.random.default_rng(seed)
    rate, drop = rng.gamma(model.r, 1 / model.alpha, customers), rng.beta(model.a, model.b, customers)
    known = rng.uniform(27, 39, customers)
    again, last, later = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    for i in range(customers):
        at = 0.0
        while rate[i] > 1e-12:
            at += rng.exponential(1 / rate[i])
            if at > known[i] + 39:
                break
            if at <= known[i]:
                again[i], last[i] = again[i] + 1, at
            else:
                later[i] += 1
            if rng.random() < drop[i]:
                break
    return BuyingHistory(again, last, known), later


@pytest.mark.slow  # much arithmetic
def test_a_fit_finds_the_numbers_that_customers_were_drawn_with_and_foretells_what_they_buy():
    seen, later = simulated(PUBLISHED, 6_000, 3)
    model = fit_buying(seen)
    assert model.r == pytest.approx(PUBLISHED.r, rel=0.15)
    assert model.alpha == pytest.approx(PUBLISHED.alpha, rel=0.25)
    assert model.a / (model.a + model.b) == pytest.approx(0.793 / 3.219, rel=0.2)
    assert model.log_likelihood(seen) >= PUBLISHED.log_likelihood(seen)
    assert model.expected(seen, 39.0).sum() == pytest.approx(later.sum(), rel=0.1)


@pytest.mark.slow  # much arithmetic
def test_time_may_be_counted_in_days_as_well():
    seen, _ = simulated(PUBLISHED, 1_500, 4)
    days = BuyingHistory(seen.again, seen.last * 7, seen.known * 7)
    weekly, daily = fit_buying(seen), fit_buying(days)
    assert daily.alpha == pytest.approx(7 * weekly.alpha, rel=1e-3)
    assert daily.alive(days) == pytest.approx(weekly.alive(seen), rel=1e-3)


@pytest.mark.parametrize("rows", [[(1, 5.0, 4.0)], [(0, 1.0, 4.0)], [(-1, 0.0, 4.0)]])
def test_times_that_cannot_be_are_refused(rows):
    with pytest.raises(DataError, match="bought outside the time"):
        history(*rows)


def test_too_few_customers_teach_nothing():
    with pytest.raises(DataError, match="too few to learn from"):
        fit_buying(history(*[(1, 2.0, 4.0)] * 20))


@pytest.mark.skipif(not CDNOW.is_file(), reason="the public data set is not on this machine")
@pytest.mark.slow  # much arithmetic
def test_of_all_customers_of_cdnow_the_fit_is_near_the_published_one_of_a_tenth_and_foretells_39_weeks():
    import polars as pl

    text = [line.split() for line in CDNOW.read_text().splitlines()[1:] if line.strip()]
    frame = pl.DataFrame({"customer": [row[0] for row in text], "day": [row[1] for row in text]})
    frame = frame.with_columns(pl.col("day").str.to_date("%Y%m%d")).unique()
    end = pl.date(1997, 9, 30)
    first = frame.group_by("customer").agg(pl.col("day").min().alias("first"))
    seen = frame.join(first, on="customer").with_columns(
        ((pl.col("day") - pl.col("first")).dt.total_days() / 7).alias("at")
    )
    early = seen.filter(pl.col("day") <= end)
    told = (
        early.group_by("customer")
        .agg((pl.len() - 1).alias("again"), pl.col("at").max().alias("last"), pl.col("first").first())
        .with_columns(((end - pl.col("first")).dt.total_days() / 7).alias("known"))
        .sort("customer")
    )
    model = fit_buying(BuyingHistory(*(told[name].to_numpy().astype(float) for name in ("again", "last", "known"))))
    assert model.r == pytest.approx(0.243, abs=0.05)
    assert model.alpha == pytest.approx(4.414, abs=1.0)
    assert model.a / (model.a + model.b) == pytest.approx(0.793 / 3.219, abs=0.06)
    later = seen.filter(pl.col("day") > end).height
    known = BuyingHistory(*(told[name].to_numpy().astype(float) for name in ("again", "last", "known")))
    assert model.expected(known, 39.0).sum() == pytest.approx(later, rel=0.15)
