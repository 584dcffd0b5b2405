"""Simulation documents for the tests of pages and terminal views."""

from datetime import date, datetime

import numpy as np

from churn.decisions.audit import audit
from churn.decisions.calibration import Gate
from churn.decisions.profit import Economics
from churn.decisions.simulation import simulate
from churn.workflows.simulate.document import Origin, build_document


def document(*, name="Spring call", currency="USD", is_overridden=False, value=69.16, known=False, **how):
    rng = np.random.default_rng(8)
    p = rng.beta(0.6, 6, 2_000)
    economics = Economics()
    result = simulate(p, rng.random(2_000) < p if known else None, value, economics, draws=100, **how)
    gate = Gate(not is_overridden, 1.02, 0.01, 0.0, 0.08, ("the slope is 3",) if is_overridden else ())
    origin = Origin(
        basis="evaluation" if known else "scores",
        currency=currency,
        name=name,
        model_version="20260131-random_forest",
        snapshot_date=date(2026, 1, 31),
        scored_at=None if known else datetime(2026, 1, 31, 3, 14),
        data_cutoff=None if known else datetime(2026, 1, 30, 23, 59),
    )
    findings = audit(result, economics, currency=currency, value_is_given=False)
    return build_document(result, economics, findings, origin, gate, is_overridden=is_overridden)
