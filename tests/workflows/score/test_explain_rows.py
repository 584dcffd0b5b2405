"""Parts of a frame that are cut between blocks score and explain to the bits of the whole, whatever the model multiplies."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from threadpoolctl import threadpool_limits

from churn.workflows.score.explain_rows import ExplainRows
from tests.modeling.made_up import customers, train

ROWS = 64


@pytest.mark.parametrize("kind", ["logistic_regression", "mlp", "average", "xgboost"])
def test_packed_parts_unpack_to_the_bits_of_the_whole(kind: str) -> None:
    frame = customers(count=250)
    candidates = [kind] if kind != "average" else ["logistic_regression", "xgboost", "average"]
    model = train(frame, candidates=candidates).model
    work = ExplainRows("v1", model, None, 0.0, rows=ROWS)
    with threadpool_limits(2):
        whole = work(frame)
    parts = [frame[first : first + 3 * ROWS] for first in range(0, frame.height, 3 * ROWS)]
    with threadpool_limits(1):
        joined = work.unpack(pl.concat([work.pack(work(part)) for part in parts]))
    assert frame.height > 4 * ROWS
    for name in ("raw_score", "churn_probability", "contributions", "probability_points"):
        ours, theirs = (getattr(done.explanation, name) for done in (whole, joined))
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs), name
    assert joined.explanation.base_score == whole.explanation.base_score
    assert joined.explanation.method == whole.explanation.method
    assert joined.reasons.equals(whole.reasons)
