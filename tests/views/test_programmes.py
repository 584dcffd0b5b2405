"""Effects of several rounds together."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from churn.decisions.experiment import newcombe
from churn.documents.measurement import MeasuredEffect
from churn.store import Measurement
from churn.views.programmes import pooled_effect
from tests.documents.samples import measurement_document


def measured(left_t: int, n_t: int, left_c: int, n_c: int) -> Measurement:
    """A round in which `left_t` of `n_t` treated left, and `left_c` of `n_c` held out."""
    effect = newcombe(left_t, n_t, left_c, n_c)
    told = {name: getattr(effect, name) for name in MeasuredEffect.model_fields if name in vars(effect)}
    whole = MeasuredEffect(**told, is_proven=effect.is_proven, is_harmful=effect.is_harmful)
    return Measurement(1, "call", [], datetime(2026, 5, 1), True, measurement_document(effect=whole))


def test_one_of_a_few_who_left_proves_nothing_of_an_offer() -> None:
    """The one contacted left, of the two left alone nobody did; in the other round nobody left."""
    pooled = pooled_effect([measured(1, 1, 0, 2), measured(0, 4, 0, 2)])
    assert pooled is not None
    assert pooled.low < 0.0 < pooled.high
    assert pooled.delta == pytest.approx(-1 / 3, abs=1e-6)  # arms of 1 and 2 tell half of what those of 4 and 2 do


def test_one_round_is_itself_and_none_tells_nothing() -> None:
    effect = newcombe(30, 900, 12, 100)
    pooled = pooled_effect([measured(30, 900, 12, 100), None])
    assert pooled is not None
    assert (pooled.delta, pooled.low, pooled.high) == pytest.approx((effect.delta, effect.low, effect.high), abs=1e-6)
    assert pooled_effect([None]) is None


@pytest.mark.parametrize(
    ("sizes", "churn"), [(((6, 2), (4, 2), (5, 3)), 0.1), (((900, 100), (40, 10), (300, 80)), 0.06)]
)
def test_the_interval_of_several_rounds_holds_what_is_true(sizes: tuple[tuple[int, int], ...], churn: float) -> None:
    rng = np.random.default_rng(8)
    held, errors = 0, []
    for _ in range(400):
        rounds = [measured(int(rng.binomial(t, churn)), t, int(rng.binomial(c, 2 * churn)), c) for t, c in sizes]
        pooled = pooled_effect(rounds)
        assert pooled is not None
        held += pooled.low <= churn <= pooled.high
        errors.append(pooled.delta - churn)
    assert held >= 0.93 * 400
    assert abs(float(np.mean(errors))) < 3 * float(np.std(errors)) / 20  # not pulled by which rounds seem sure
