"""Stretches chances of leaving from the days that a model speaks of to those that a campaign is judged after."""

from __future__ import annotations

import numpy as np

from churn.decisions.checks import Floats


def stretched(probability: Floats, days: int, horizon_days: int) -> Floats:
    """Return the chance of leaving within `days` of who leaves within `horizon_days` with `probability` (n,), at a constant rate."""
    return np.asarray(1.0 - (1.0 - probability) ** (days / horizon_days))
