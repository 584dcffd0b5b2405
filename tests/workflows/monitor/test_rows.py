"""What monitors read of a date a slice of its customers at a time is what all of them at once say."""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl
import pytest

from churn.bootstrap import build_context
from churn.modeling import load_extra
from churn.monitoring.reference import FILE, Reference
from churn.snapshots.dataset import scoring_slices
from churn.views.champion import bundle_path, load_champion
from churn.workflows.monitor import rows
from churn.workflows.monitor.rows import rows_of, scored_day
from churn.workflows.score import score_customers


@pytest.mark.parametrize("slice_rows", [37, 250_000])
def test_a_scored_day_is_that_of_all_its_customers(company, monkeypatch, slice_rows):
    context = build_context(home=company.home)
    (result,) = score_customers(context)
    version, model = load_champion(context)
    reference = Reference.kept(load_extra(bundle_path(context, version), FILE))
    assert reference is not None
    monkeypatch.setattr(rows, "scoring_slices", partial(scoring_slices, rows=slice_rows))

    with context.open_warehouse("test") as warehouse:
        whole = rows_of(warehouse, context, model, result.snapshot_date)
        scored = scored_day(warehouse, context, model, result.snapshot_date, reference=reference, sampled=50)
        nobody = scored_day(warehouse, context, model, result.snapshot_date.replace(year=1999), sampled=50)

    step = whole.height // 50
    assert step > 1
    assert scored.sample.equals(whole[::step])
    names = ("customer_id", "monthly_margin")
    assert scored.customers.select(names).equals(whole.select(names))
    expected = model.predict(whole).churn_probability
    assert np.allclose(scored.probabilities, expected, rtol=1e-5, atol=0), "but for the last bits of sums"
    assert scored.counts is not None
    for feature in reference.features:
        assert scored.counts.of_feature(feature).tolist() == feature.count(whole).tolist()
    assert nobody.counts is None
    assert (nobody.customers.height, nobody.sample.height) == (0, 0)
    assert nobody.customers.schema["churn_probability"] == pl.Float64
