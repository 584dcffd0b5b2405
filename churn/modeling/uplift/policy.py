"""Whom an experiment says to contact, chosen for money, and what that choice brings by customers it was not made on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from churn.decisions.checks import Bools, Floats
from churn.decisions.rollout import PolicyWorth, policy_worth
from churn.modeling.uplift.contest import FOLDS, folds
from churn.modeling.uplift.model import Scale
from churn.modeling.uplift.train import Contest, average_effect, slope_of

# The average effect is the first chance to find something where there is nothing, the policy is a second one: the two
# together must not be wrong in more than 5 of 100 experiments, and 1 in 100 is left for the policy.
CONFIDENCE: Final = 0.98
POLICY_METHOD: Final = (
    "Customers are split into five parts. For each part the other four choose the model by money and scale its predictions; "
    "a customer is contacted where predicted effect x value is more than contact and incentive cost. What that brought is "
    "then read off the part itself, as assigned: the treated among those to contact, the untreated among the others. Its "
    f"intervals are of {CONFIDENCE:.0%}, as it is the second question put to the same customers."
)


@dataclass(frozen=True)
class Prices:
    """Money of each customer, (n,): what the outcome is worth, what a contact costs, what a treated outcome costs more.

    `expected_value`: what is known of the value before contact, which is what a policy may go by.
    """

    value: Floats
    expected_value: Floats
    contact_cost: Floats
    incentive_cost: Floats

    def net(self, happened: Floats, treated: Bools) -> Floats:
        """Return what each customer brought less what they cost, as assigned, (n,)."""
        spent = self.contact_cost + self.incentive_cost * happened
        return happened * self.value - np.where(treated, spent, 0.0)

    def pays(self, uplift: Floats, outcome_rate: float) -> Bools:
        """Return whom to contact: where predicted effect x value exceeds the cost. `outcome_rate`: of the treated."""
        return np.asarray(uplift * self.expected_value > self.contact_cost + self.incentive_cost * outcome_rate)

    def rows(self, index: Bools | NDArray[np.int64]) -> Prices:
        """Return those of some of the customers."""
        return Prices(
            self.value[index], self.expected_value[index], self.contact_cost[index], self.incentive_cost[index]
        )


@dataclass(frozen=True)
class TargetedPolicy:
    """The policy: the pair that predicts, whom it contacts out of fold (n,), and what that is worth."""

    winner: tuple[str, str]
    contacted: Bools
    worth: PolicyWorth


def targeted_policy(contest: Contest, prices: Prices, confidence: float = CONFIDENCE) -> TargetedPolicy:
    """Return the policy of an experiment and its worth out of fold, in money; `prices` in the order of its customers.

    `winner` is the pair whose policy earns most on all customers: the one to fit for customers to come.
    """
    experiment = contest.experiment
    stayed, treated = experiment.stayed, experiment.treated
    fold = folds(experiment, contest.seed)
    net = prices.net(stayed, treated)
    contacted = np.zeros(stayed.size, dtype=np.bool_)
    for number in range(FOLDS):
        seen, unseen = fold != number, fold == number
        pair, scale, rate = _best_pair(contest, prices, net, seen)
        contacted[unseen] = prices.rows(unseen).pays(scale(contest.uplifts[pair][unseen]), rate)
    winner, _, _ = _best_pair(contest, prices, net, np.ones(stayed.size, dtype=np.bool_))
    return TargetedPolicy(winner, contacted, policy_worth(net, treated, contacted, confidence))


def _best_pair(contest: Contest, prices: Prices, net: Floats, rows: Bools) -> tuple[tuple[str, str], Scale, float]:
    """Return the pair whose policy earned most on `rows`, its scale there, and the share of their treated who stayed."""
    stayed, treated = contest.experiment.stayed[rows], contest.experiment.treated[rows]
    effect = average_effect(stayed, treated).delta
    rate = float(stayed[treated].mean())
    priced, gains, scales = prices.rows(rows), {}, {}
    for pair, uplift in contest.uplifts.items():
        scale = Scale(float(uplift[rows].mean()), slope_of(stayed, treated, uplift[rows]), effect)
        worth = policy_worth(net[rows], treated, priced.pays(scale(uplift[rows]), rate))
        scales[pair], gains[pair] = scale, worth.gain.value if worth.is_judged else 0.0
    pair = max(gains, key=lambda name: gains[name])
    return pair, scales[pair], rate
