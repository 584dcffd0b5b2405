"""The allocation keeps every limit, comes as near its bound as it says, and agrees with another solver."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import optimize, sparse

from churn.decisions.allocation.allocate import allocate
from churn.errors import CampaignError, DataError


@dataclass
class World:
    """Arguments of one allocation."""

    profit: np.ndarray
    cost: np.ndarray
    limits: dict

    def allocate(self, **changed):
        return allocate(self.profit, self.cost, **{**self.limits, **changed})

    def pairs(self):
        """(customer, offer) of every pair that may be made and earns something."""
        eligible = self.limits.get("eligible")
        return np.nonzero((self.profit > 0) & (True if eligible is None else eligible))

    def rows(self):
        """Usage (m, pairs) of every limit and how much there is, straight from the words."""
        customer, offer = self.pairs()
        spent = np.broadcast_to(self.cost, self.profit.shape)[customer, offer]
        usage, limit = [], []
        for name, values in self.limits.items():
            if values is None or name in {"eligible", "channel"}:
                continue
            for j, value in enumerate(np.atleast_1d(values)):
                on = {
                    "budget": np.ones(offer.size),
                    "offer_capacity": offer == j,
                    "offer_budget": offer == j,
                    "channel_capacity": np.asarray(self.limits.get("channel", [0] * 9))[offer] == j,
                }[name]
                usage.append(on * (spent if "budget" in name else 1.0))
                limit.append(value)
        return np.array(usage).reshape(len(limit), offer.size), np.array(limit, dtype=float)

    def assert_kept(self, choice):
        usage, limit = self.rows()
        customer, offer = self.pairs()
        made = choice[customer] == offer
        assert made.sum() == (choice >= 0).sum(), "an offer that may not be made, or earns nothing"
        assert np.all(usage[:, made].sum(axis=1) <= limit + 1e-9 * np.maximum(1, limit))

    def relaxed(self, *, is_whole=False):
        """Profit of the relaxation, or of whole offers, by HiGHS on everything at once."""
        customer, offer = self.pairs()
        usage, limit = self.rows()
        once = sparse.csr_matrix(
            (np.ones(offer.size), (customer, np.arange(offer.size))), (len(self.profit), offer.size)
        )
        matrix = sparse.vstack([once, sparse.csr_matrix(usage)]).tocsc()
        most = np.concatenate([np.ones(len(self.profit)), np.where(np.isinf(limit), 1e12, limit)])
        gain = self.profit[customer, offer]
        if is_whole:
            rules = optimize.LinearConstraint(matrix, -np.inf, most)
            found = optimize.milp(
                -gain, integrality=np.ones(offer.size), bounds=optimize.Bounds(0, 1), constraints=rules
            )
        else:
            found = optimize.linprog(-gain, A_ub=matrix, b_ub=most, method="highs")
        return -found.fun


@st.composite
def worlds(draw, *, most=9):
    n, k = draw(st.integers(1, most)), draw(st.integers(1, 3))
    # Halves and quarters add up without rounding, so that "fits exactly" is tried often.
    money = st.integers(-8, 60).map(lambda x: x / 4)
    profit = draw(hnp.arrays(np.float64, (n, k), elements=money))
    shape = (n, k) if draw(st.booleans()) else (k,)
    cost = draw(hnp.arrays(np.float64, shape, elements=st.integers(0, 20).map(lambda x: x / 4)))
    limits = {}
    if draw(st.booleans()):
        limits["budget"] = draw(st.integers(0, 80)) / 4
    if draw(st.booleans()):
        limits["offer_capacity"] = draw(hnp.arrays(np.float64, k, elements=st.integers(0, 6)))
    if draw(st.booleans()):
        limits["offer_budget"] = draw(hnp.arrays(np.float64, k, elements=st.integers(0, 40).map(lambda x: x / 4)))
    if draw(st.booleans()):
        limits["channel"] = draw(hnp.arrays(np.int64, k, elements=st.integers(0, 1)))
        limits["channel_capacity"] = draw(hnp.arrays(np.float64, 2, elements=st.integers(0, 8)))
    if draw(st.booleans()):
        limits["eligible"] = draw(hnp.arrays(np.bool_, (n, k)))
    return World(profit, cost, limits)


def large(n, seed=0, *, own_costs=True, digits=None):
    """A company's worth of customers and six offers on three channels, with every kind of limit."""
    rng = np.random.default_rng(seed)
    p, value = rng.beta(0.8, 9, n), rng.gamma(4, 15, n)
    if digits is not None:  # few distinct customers, as isotonic calibration and price lists make them
        p, value = p.round(digits), rng.choice([10.0, 25.0, 60.0], n)
    cost = np.array([0.5, 1, 2, 4, 6, 10])
    if own_costs:
        cost = cost * rng.uniform(0.5, 1.5, (n, 6))
    profit = p[:, None] * value[:, None] * np.linspace(0.15, 1.5, 6) - cost
    if digits is None:
        profit *= rng.lognormal(0, 0.2, (n, 6))
    limits = {
        "budget": 0.2 * n,
        "offer_capacity": np.full(6, n // 20),
        "offer_budget": np.array([np.inf, np.inf, 0.05, 0.08, 0.04, 0.03]) * n,
        "channel": np.array([0, 0, 1, 1, 2, 2]),
        "channel_capacity": np.array([0.06 * n, 0.05 * n, 0.02 * n]),
    }
    return World(profit, cost, limits)


@given(worlds())
@pytest.mark.slow  # much arithmetic
def test_no_limit_is_broken_and_the_bound_holds(world):
    found = world.allocate()
    world.assert_kept(found.choice)
    assert found.profit <= found.bound
    assert found.gap == pytest.approx((found.bound - found.profit) / found.bound if found.bound else 0.0)
    made = np.flatnonzero(found.choice >= 0)
    assert found.profit == pytest.approx(world.profit[made, found.choice[made]].sum())
    assert found.cost == pytest.approx(np.broadcast_to(world.cost, world.profit.shape)[made, found.choice[made]].sum())
    assert found.contacts.tolist() == [int((found.choice == j).sum()) for j in range(world.profit.shape[1])]


@given(worlds())
@pytest.mark.slow  # much arithmetic
def test_the_bound_is_that_of_another_solver(world):
    if world.pairs()[0].size:
        assert world.allocate().bound == pytest.approx(world.relaxed(), rel=1e-9, abs=1e-9)


@given(worlds())
def test_few_customers_get_the_very_best_choice(world):
    if world.pairs()[0].size:
        assert world.allocate().profit == pytest.approx(world.relaxed(is_whole=True), rel=1e-9, abs=1e-9)


@given(worlds(), st.integers(1, 40))
@pytest.mark.slow  # much arithmetic
def test_more_budget_never_earns_less(world, more):
    budget = world.limits.get("budget", 5.0)
    little, much = world.allocate(budget=budget), world.allocate(budget=budget + more / 4)
    assert much.profit >= little.profit - 1e-9
    assert much.bound >= little.bound - 1e-9


@given(worlds(most=25))
@pytest.mark.slow  # much arithmetic
def test_it_is_never_worse_than_one_offer_dealt_out_greedily(world):
    found = world.allocate()
    usage, limit = world.rows()
    customer, offer = world.pairs()
    gain = world.profit[customer, offer]
    for only in range(world.profit.shape[1]):
        for key in (gain, gain / np.maximum(usage[:1].sum(axis=0), 0.1)):
            left, earned = limit.copy(), 0.0
            for pair in np.argsort(-key, kind="stable"):
                if offer[pair] == only and (usage[:, pair] <= left).all():
                    left, earned = left - usage[:, pair], earned + gain[pair]
            assert found.profit >= earned - 1e-9


@given(worlds(), st.permutations(range(3)))
@pytest.mark.slow  # much arithmetic
def test_the_order_of_offers_changes_nothing_but_ties(world, order):
    k = world.profit.shape[1]
    order = [j for j in order if j < k]
    limits = {
        name: values[..., order] if name in {"offer_capacity", "offer_budget", "channel", "eligible"} else values
        for name, values in world.limits.items()
    }
    turned = World(world.profit[:, order], world.cost[..., order], limits)
    assert turned.allocate().profit == pytest.approx(world.allocate().profit)


@pytest.mark.parametrize("own_costs", [True, False], ids=["own costs", "price list"])
@pytest.mark.parametrize("digits", [None, 2], ids=["all different", "many alike"])
@pytest.mark.slow  # much arithmetic
def test_thousands_are_as_near_the_bound_as_said_and_the_bound_is_exact(own_costs, digits):
    world = large(2_500, own_costs=own_costs, digits=digits)
    found = world.allocate()
    world.assert_kept(found.choice)
    assert found.bound == pytest.approx(world.relaxed(), rel=1e-8)
    assert found.gap < 3e-3


@pytest.mark.slow  # much arithmetic
def test_samples_of_many_customers_lead_to_the_same_bound(monkeypatch):
    world = large(5_000, seed=3)
    monkeypatch.setattr("churn.decisions.allocation.prices.SAMPLE", 1_000)
    monkeypatch.setattr("churn.decisions.allocation.prices.CLOSE", 200)
    found = world.allocate()
    world.assert_kept(found.choice)
    assert found.bound == pytest.approx(world.relaxed(), rel=1e-8)
    assert found.gap < 3e-3


def test_customers_who_are_all_alike_are_dealt_out_in_order():
    found = allocate(np.full((50_000, 2), 3.0), [1.0, 2.0], budget=15_000.5, offer_capacity=[12_500, 40_000])
    assert found.contacts.tolist() == [12_500, 1_250]
    assert found.profit == pytest.approx(41_250)
    assert np.flatnonzero(found.choice == -1).min() >= 13_750
    assert found.gap < 1e-4


@pytest.mark.slow  # much arithmetic
def test_the_same_arguments_give_the_same_choice():
    world = large(1_500, seed=5)
    assert np.array_equal(world.allocate().choice, world.allocate().choice)


def test_equal_customers_and_offers_are_taken_in_their_order():
    found = allocate(np.full((4, 2), 5.0), [1.0, 1.0], budget=2.0)
    assert found.choice.tolist() == [0, 0, -1, -1]


@pytest.mark.slow  # thousands of customers, solved twice and more
def test_shadow_prices_say_what_one_more_unit_earns():
    world = large(2_500, seed=2)
    found = world.allocate()
    more_money = world.allocate(budget=world.limits["budget"] + 1)
    assert found.shadow_budget > 0
    assert more_money.bound - found.bound == pytest.approx(found.shadow_budget, rel=0.02)
    capacity = world.limits["channel_capacity"].copy()
    capacity[2] += 1
    assert world.allocate(channel_capacity=capacity).bound - found.bound == pytest.approx(
        found.shadow_channel[2], rel=0.05
    )
    assert found.shadow_channel.shape == (3,)
    assert found.shadow_offer.shape == found.shadow_offer_budget.shape == (6,)


@pytest.mark.slow  # thousands of customers, solved twice and more
@pytest.mark.parametrize("own_costs", [True, False])
def test_the_next_thousand_earns_what_solving_again_says(own_costs):
    world = large(3_000, seed=4, own_costs=own_costs)
    found, again = world.allocate(), world.allocate(budget=world.limits["budget"] + 1_000)
    assert found.next_thousand == pytest.approx(again.bound - found.bound, rel=1e-6)
    assert found.next_thousand == pytest.approx(again.profit - found.profit, rel=0.06)
    assert found.next_thousand <= 1_000 * found.shadow_budget + 1e-6


def test_without_a_binding_budget_the_next_thousand_earns_nothing():
    found = allocate([[5.0], [4.0]], [1.0], budget=100.0)
    assert (found.next_thousand, found.shadow_budget, found.gap) == (0.0, 0.0, 0.0)
    assert allocate([[5.0]], [1.0]).next_thousand == 0.0


def test_no_budget_buys_only_what_is_free():
    found = allocate([[5.0, 3.0], [6.0, -1.0]], [1.0, 0.0], budget=0.0)
    assert found.choice.tolist() == [1, -1]
    assert found.next_thousand == pytest.approx(11.0 - 3.0)


def test_no_capacity_means_no_contact():
    found = allocate([[5.0], [6.0]], [1.0], offer_capacity=[0])
    assert found.choice.tolist() == [-1, -1]
    assert found.shadow_offer[0] == pytest.approx(6.0)
    assert allocate([[5.0]], [1.0], channel=[0], channel_capacity=[0]).profit == 0.0


def test_a_part_of_a_contact_is_no_contact():
    assert allocate([[5.0], [6.0]], [1.0], offer_capacity=[1.9]).choice.tolist() == [-1, 0]


def test_offers_that_lose_money_or_earn_nothing_are_not_made():
    found = allocate([[-1.0, 0.0]], [0.0, 0.0])
    assert (found.choice.tolist(), found.profit, found.bound, found.gap) == ([-1], 0.0, 0.0, 0.0)


@pytest.mark.parametrize("shape", [(0, 2), (3, 0), (0, 0)])
def test_nobody_or_nothing_to_offer_is_no_error(shape):
    found = allocate(np.ones(shape), np.ones(shape[1]), budget=10.0)
    assert found.choice.tolist() == [-1] * shape[0]
    assert (found.profit, found.bound, found.next_thousand) == (0.0, 0.0, 0.0)


def test_an_infinite_limit_is_none():
    assert allocate([[5.0]], [1.0], budget=np.inf, offer_capacity=[np.inf]).choice.tolist() == [0]


def test_amounts_of_offers_that_are_not_eligible_do_not_matter():
    found = allocate([[np.nan, 2.0]], [[np.inf, 1.0]], budget=5.0, eligible=[[False, True]])
    assert found.choice.tolist() == [1]


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (([[1.0], [np.nan]], [1.0]), "profit of customer 1, offer 0"),
        (([[1.0]], [np.nan]), "cost of customer 0, offer 0"),
        (([[1.0, 2.0]], [1.0, -2.0]), "cost of customer 0, offer 1"),
        (([1.0], [1.0]), "profit"),
        (([[1.0]], [1.0, 2.0]), "cost"),
    ],
)
def test_wrong_amounts_are_refused_by_name(arguments, where):
    with pytest.raises(DataError) as refused:
        allocate(*arguments)
    assert refused.value.where == where


@pytest.mark.parametrize(
    ("limits", "where"),
    [
        ({"budget": -1.0}, "budget"),
        ({"budget": np.nan}, "budget"),
        ({"offer_capacity": [1.0, 2.0]}, "offer_capacity"),
        ({"offer_budget": [-0.5]}, "offer_budget"),
        ({"channel_capacity": [3.0]}, "channel"),
        ({"channel": [2], "channel_capacity": [3.0]}, "channel"),
        ({"eligible": [[True, False]]}, "eligible"),
    ],
)
def test_wrong_limits_are_refused_by_name(limits, where):
    with pytest.raises((CampaignError, DataError)) as refused:
        allocate([[1.0]], [1.0], **limits)
    assert refused.value.where == where


@pytest.mark.slow
@settings(max_examples=4)
@given(st.integers(0, 10_000))
def test_hundreds_are_within_three_percent_of_the_bound(seed):
    world = large(400, seed)
    found = world.allocate()
    world.assert_kept(found.choice)
    assert found.gap < 0.03


@pytest.mark.parametrize("seed", range(6))
def test_ties_in_every_place_do_not_hide_the_optimum(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(700, 1_500))
    alike = np.repeat(rng.normal(4, 5, (1, 3)), n, axis=0) + (rng.random((n, 3)) < 0.1)
    world = World(
        alike if seed % 2 else rng.integers(-3, 6, (n, 3)) * 1.0,
        rng.choice([0.0, 1.0, 2.0, 5.0], 3),
        {
            "budget": float(rng.choice([0.0, 0.05, 0.3]) * n),
            "channel": np.array([0, 1, 1]),
            "channel_capacity": np.array([n // 9, n // 7]),
        },
    )
    found = world.allocate()
    world.assert_kept(found.choice)
    assert found.bound == pytest.approx(world.relaxed(), rel=1e-8)
