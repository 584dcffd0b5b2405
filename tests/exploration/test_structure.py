"""Kinds of customers: found where there are some, and the same on every run."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from churn.exploration.structure import structure
from tests.exploration.worlds import explored


def three_kinds(n: int = 9_000, seed: int = 3) -> tuple[pl.DataFrame, np.ndarray, np.ndarray]:
    """Return columns of three kinds of customers, half, a third and a sixth of them, who leave at unlike rates."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, n, p=[0.5, 0.33, 0.17])
    middle = np.array([[0.0, 0.0, 0.0, 0.0], [6.0, 6.0, 0.0, 1.0], [0.0, 6.0, 6.0, -1.0]])[kind]
    values = middle + rng.normal(size=(n, 4))
    frame = pl.DataFrame({name: values[:, i] for i, name in enumerate(["usage", "fees", "tickets", "noise"])})
    return frame, kind, rng.random(n) < np.array([0.05, 0.1, 0.3])[kind]


def test_the_kinds_there_are_come_out_the_largest_first() -> None:
    frame, _, churned = three_kinds()
    found = structure(explored(frame, churned))
    assert found is not None
    assert [round(group.share, 1) for group in found.groups] == [0.5, 0.3, 0.2]
    rates = [group.churn_rate for group in found.groups]
    assert rates == pytest.approx([0.05, 0.1, 0.3], abs=0.03)
    assert found.groups[2].marks[0].name == "tickets"
    assert sum(group.share_of_churned for group in found.groups) == pytest.approx(1.0)


def test_components_are_those_of_the_correlation_matrix_and_their_largest_weight_is_positive() -> None:
    frame, _, churned = three_kinds()
    table = explored(frame, churned)
    found = structure(table)
    assert found is not None
    values = np.stack([column.values for column in table.columns], axis=1).astype(float)
    low, high = np.quantile(values, (0.02, 0.98), axis=0)
    clipped = np.clip(values, low, high)
    spread, directions = np.linalg.eigh(np.corrcoef(clipped, rowvar=False))
    assert [part.share for part in found.components] == pytest.approx(spread[::-1] / 4, abs=1e-3)
    for part, direction in zip(found.components, directions.T[::-1], strict=True):
        loadings = {column.name: column.loading for column in part.columns}
        told = np.array([loadings[column.name] for column in table.columns])
        assert abs(float(told @ direction)) == pytest.approx(1.0, abs=1e-3)
        assert part.columns[0].loading > 0


@pytest.mark.slow  # much arithmetic
def test_the_same_rows_give_the_same_bytes_in_whatever_order_they_come() -> None:
    frame, _, churned = three_kinds(60_000)
    shuffled = np.random.default_rng(1).permutation(frame.height)
    first, again = explored(frame, churned), explored(frame, churned, order=shuffled)
    for column, other in zip(first.columns, again.columns, strict=True):
        assert column.edges == other.edges
        assert column.codes.tobytes() == other.codes.tobytes()
    assert first.profiles == again.profiles
    documents = [structure(table) for table in (first, again, first)]
    assert len({document.model_dump_json() for document in documents if document is not None}) == 1


def test_too_few_rows_or_columns_have_no_structure() -> None:
    frame, _, churned = three_kinds(180)
    assert structure(explored(frame, churned)) is None
    frame, _, churned = three_kinds(900)
    assert structure(explored(frame.select("usage", "fees"), churned)) is None
