"""What the bench of six rounds says a first round must lose, and what it gives the product to know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.measuring import ROOT
from benchmarks.rounds import HARM, LEEWAY, Company, least_lost
from churn.campaigns.reading import load_campaign

VALUE, COST, TREATED = 100.0, 0.5, 0.9  # of a save, of a contact, and the share that is not held out


def company() -> Company:
    """Return two customers, of whom the offer truly keeps only the first."""
    both = np.ones((2, 1), dtype=bool)
    return Company(
        definitions=(load_campaign(ROOT, "fix_payment"),),
        ids=["A", "B"],
        bands=["high", "high"],
        probability=np.array([0.4, 0.3]),
        involuntary=np.array([0.2, 0.1]),
        value=np.full(2, VALUE),
        parts=((np.array([0.2, 0.2]), np.array([0.1, 0.2])),),
        admitted=both,
        reachable=both,
        alone=np.full(2, 0.3),
        under=np.array([[0.1], [0.3]]),
        level_error=0.0,
    )


def test_the_least_loss_is_that_of_the_contacts_that_truly_earn():
    kept, useless = VALUE * 0.2 - COST, -COST
    odds = HARM * 0.3 / 0.7
    harm = VALUE * (odds / (1.0 + odds) - 0.3) + COST
    share = (1.0 - LEEWAY) * (kept + useless) / kept  # of the contact with A
    assert least_lost(company(), np.zeros(2, dtype=np.int64)) == pytest.approx(share * TREATED * harm)


def test_other_probabilities_are_scaled_as_the_modifiers_scaled_the_models_own():
    given = company().knowing(np.array([0.1, 0.1]), np.array([0.4, 0.3]))
    assert given.probability == pytest.approx([0.5, 0.4])
    (first, second), *_ = given.parts
    assert first == pytest.approx([0.1, 0.1])  # scaled by 1
    assert second == pytest.approx([0.2, 0.6])  # by a half, and by 2
    assert replace(given, parts=()).involuntary == pytest.approx([0.4, 0.3])
