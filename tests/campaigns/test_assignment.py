"""Arms by stable hash: every stratum has its share, and nothing but the seed, the campaign and the customer decides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn.campaigns.assignment import Arms, global_holdout, held_out, places

IDS = st.lists(st.text("abcdefgh0123456789", min_size=1, max_size=6), unique=True, max_size=120)
SHARES = st.floats(0, 0.95)
STRATA = ("low", "medium", "high", "critical")


def stratum(customer: str) -> str:
    return STRATA[sum(map(ord, customer)) % 4]


def split(customers, *, campaign="calls", seed=1, share=0.2, before=None):
    mask = held_out(
        customers, [stratum(c) for c in customers], campaign=campaign, seed=seed, share=share, before=before
    )
    return {c for c, is_out in zip(customers, mask, strict=True) if is_out}


def counted(customers, out):
    return {
        name: Arms(
            treatment=sum(stratum(c) == name and c not in out for c in customers),
            holdout=sum(stratum(c) == name and c in out for c in customers),
        )
        for name in STRATA
        if any(stratum(c) == name for c in customers)
    }


@given(IDS, SHARES)
def test_every_stratum_holds_its_share_within_one_customer_and_the_whole_within_one_half(customers, share):
    out = split(customers, share=share)
    for name in STRATA:
        mine = [c for c in customers if stratum(c) == name]
        assert abs(len(out & set(mine)) - share * len(mine)) < 1 + 1e-9
    assert abs(len(out) - share * len(customers)) <= 0.5 + 1e-9


@given(IDS, SHARES, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter_and_a_rerun_gives_the_same(customers, share, random):
    shuffled = list(customers)
    random.shuffle(shuffled)
    assert split(customers, share=share) == split(shuffled, share=share) == split(customers, share=share)


@given(IDS, SHARES, st.integers(0, 120))
def test_whoever_joins_later_fills_up_the_share_and_moves_nobody(customers, share, cut):
    first, later = customers[:cut], customers[cut:]
    out = split(first, share=share)
    before = counted(first, out)
    joined = split(later, share=share, before=before)
    assert joined <= set(later)
    total = counted(customers, out | joined)
    for name, arms in total.items():
        had = before.get(name, Arms()).holdout
        # Those assigned stay, so a share already exceeded by rounding stays so; else every stratum is within two.
        assert arms.holdout <= max(had, share * arms.size + 1 + 1e-9)
        assert arms.holdout >= min(share * arms.size - 2, had + sum(stratum(c) == name for c in later)) - 1e-9


@pytest.mark.slow  # much arithmetic
def test_shares_stay_true_over_many_small_plans():
    customers = [f"C{i}" for i in range(2_000)]
    out: set[str] = set()
    for start in range(0, 2_000, 7):
        before = counted(customers[:start], out)
        out |= split(customers[start : start + 7], share=0.1, before=before)
    for arms in counted(customers, out).values():
        assert abs(arms.holdout - 0.1 * arms.size) < 2


def test_each_campaign_draws_for_itself():
    customers = [f"C{i}" for i in range(4_000)]
    one, other = (places(customers, campaign=name, seed=1) for name in ("calls", "mails"))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.05
    assert abs(np.corrcoef(one, places(customers, campaign="calls", seed=2))[0, 1]) < 0.05


def test_places_are_spread_evenly_and_do_not_depend_on_the_machine():
    drawn = places([f"C{i}" for i in range(20_000)], campaign="calls", seed=1)
    counts = np.histogram(drawn, bins=20, range=(0, 1))[0]
    assert (drawn >= 0).all()
    assert (drawn < 1).all()
    assert ((counts - 1_000) ** 2 / 1_000).sum() < 45  # chi-square of 19 degrees, p above .0007
    assert places(["C1", "ü"], campaign="calls", seed=1) == pytest.approx([0.6116, 0.4241], abs=1e-4)


@settings(max_examples=20)
@given(st.floats(0, 1), st.integers(0, 5))
def test_the_global_holdout_only_grows_with_its_share(share, seed):
    customers = [f"C{i}" for i in range(300)]
    small = global_holdout(customers, share=share / 2, seed=seed)
    large = global_holdout(customers, share=share, seed=seed)
    assert not (small & ~large).any()
    assert abs(large.mean() - share) < 0.12
