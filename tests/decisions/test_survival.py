from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.decisions.survival import kaplan_meier
from churn.errors import DataError


def test_the_product_limit_estimate_is_that_of_the_textbook() -> None:
    # Freireich's leukemia data, 6-MP arm: the standard example; S(6) = 0.857, S(10) = 0.753, S(23) = 0.448.
    lost = {6: 3, 7: 1, 10: 1, 13: 1, 16: 1, 22: 1, 23: 1}
    censored = {6: 1, 9: 1, 10: 1, 11: 1, 17: 1, 19: 1, 20: 1, 25: 1, 32: 2, 34: 1, 35: 1}
    ages = sorted({0, *lost, *censored})
    found = kaplan_meier(
        ages, [21 if a == 0 else 0 for a in ages], [lost.get(a, 0) for a in ages], [censored.get(a, 0) for a in ages]
    )
    assert found.after(6)[0] == pytest.approx(0.8571, abs=1e-4)
    assert found.after(10)[0] == pytest.approx(0.7529, abs=1e-4)
    assert found.after(23)[0] == pytest.approx(0.4482, abs=1e-4)
    assert found.median == 23
    share, low, _ = found.after(6)
    assert (share - low) / 1.959964 == pytest.approx(0.0764, abs=1e-4)  # Greenwood's standard error


def test_someone_seen_late_counts_from_then_on_only() -> None:
    found = kaplan_meier([0, 1, 2, 3], [2, 0, 2, 0], [0, 1, 0, 1], [0, 0, 0, 2])
    assert found.at_risk.tolist() == [2, 2, 1, 3]
    assert found.share.tolist() == pytest.approx([1, 0.5, 0.5, 1 / 3])


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30))
def test_survival_never_rises_and_stays_between_its_bounds(exits: list[tuple[int, int]]) -> None:
    lost, censored = (np.array(v, dtype=float) for v in zip(*exits, strict=True))
    entered = np.zeros(len(exits) + 1)
    entered[0] = lost.sum() + censored.sum()
    found = kaplan_meier(np.arange(len(exits) + 1), entered, np.append(0, lost), np.append(0, censored))
    assert np.all(np.diff(found.share) <= 1e-12)
    assert np.all((found.low >= 0) & (found.low <= found.share) & (found.share <= found.high) & (found.high <= 1))


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(DataError, match="more left than had come"):
        kaplan_meier([0, 1], [1, 0], [0, 2], [0, 0])
    with pytest.raises(DataError, match="rise"):
        kaplan_meier([1, 1], [1, 0], [0, 1], [0, 0])
