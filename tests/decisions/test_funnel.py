"""The funnel: from whom it pays to contact down to those who are, each customer counted at the first reason."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from churn.decisions.funnel import STEPS, Admission
from churn.decisions.profit import Economics, value_contacts
from churn.decisions.simulation import simulate

RULES = [rule for rules in STEPS.values() for rule in rules]


@given(st.integers(0, 10_000), st.sampled_from(["optimum", "contacts"]))
def test_every_step_is_the_one_before_less_those_it_names(seed, mode):
    rng = np.random.default_rng(seed)
    p, value = rng.beta(1, 5, 80), rng.uniform(5, 90, 80)
    left_out = {rule: rng.random(80) < 0.15 for rule in RULES}
    admission, terms = Admission.of(left_out, 80), Economics()
    who = admission.is_admitted
    assert np.array_equal(who, ~np.logical_or.reduce(list(left_out.values())))
    result = simulate(p[who], None, value[who], terms, mode=mode, amount=3 if mode == "contacts" else None, draws=20)
    profit = value_contacts(p, value, terms).profit
    scored, *steps, chosen = admission.funnel(profit, result.point)
    assert scored.customers == 80
    before = scored.customers
    for step in steps:
        assert step.customers == before - sum(step.removed.values())
        before = step.customers
    assert np.isclose(steps[0].profit, np.sum(profit[profit > 0]))
    assert np.isclose(steps[-1].profit, np.sum(profit[who & (profit > 0)]))
    assert chosen.customers == result.point.contacts
    if mode == "optimum":
        assert chosen.customers == before
        assert np.isclose(chosen.profit, steps[-1].profit)


def test_whoever_several_rules_leave_out_is_counted_at_the_first():
    refused = np.array([True, True, False])
    admission = Admission.of({"objected": refused, "no_consent": refused, "open_ticket": np.array([True] * 3)}, 3)
    point = simulate([0.9], None, 50.0, Economics(), draws=20).point
    removed = {rule: n for step in admission.funnel(np.ones(3), point) for rule, n in step.removed.items()}
    assert removed["no_consent"] == 2
    assert removed["open_ticket"] == 1
    assert "objected" not in removed
