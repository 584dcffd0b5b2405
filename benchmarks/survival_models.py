"""What the product's hazards are held against: Cox's regression, the shifted-beta-geometric model by cohort, one curve for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.survival_cases import SurvivalCase
from churn.decisions.lifetime import extended, survival
from churn.decisions.survival_scores import integrated_brier, product_limit
from churn.modeling.lifetime.hazards import fit_hazards, fit_scaling
from churn.modeling.lifetime.learn import known_periods

if TYPE_CHECKING:
    from numpy.typing import NDArray

PENALTIES = (0.003, 0.03, 0.3)  # of Cox's regression; the best on the judging rows counts, which flatters it


def score(case: SurvivalCase, curves: NDArray[np.float64]) -> float:
    """Return the integrated Brier score of curves of the judging rows, (n, periods + 1)."""
    observed = np.minimum(case.test.observed, case.periods)
    return integrated_brier(curves, observed, case.test.is_lost & (case.test.observed < case.periods))


def ours(case: SurvivalCase) -> NDArray[np.float64]:
    """Return the curves of the product's hazards, before they are anchored to any probability."""
    scaling = fit_scaling(case.learn_matrix, list(range(case.learn_matrix.shape[1])))
    periods = min(case.periods, known_periods(case.learn)) if case.periods <= 12 else case.periods
    fitted = fit_hazards(scaling(case.learn_matrix), case.learn, 1, periods)
    return survival(extended(fitted.weights.hazards(scaling(case.test_matrix), fitted.trust), case.periods))


def everyone(case: SurvivalCase) -> NDArray[np.float64]:
    """Return the product-limit curve, the same for all."""
    known, at_risk = product_limit(case.learn.observed, case.learn.is_lost, case.periods)
    known = known[: max(int(np.count_nonzero(at_risk > 0)), 1)]
    return np.repeat(survival(extended(known[None, :, None], case.periods)), case.test.size, axis=0)


def cox(case: SurvivalCase) -> NDArray[np.float64]:
    """Return the curves of lifelines' Cox regression on the same columns, with the ridge penalty that does best."""
    import pandas as pd
    from lifelines import CoxPHFitter

    scaling = fit_scaling(case.learn_matrix, list(range(case.learn_matrix.shape[1])))
    learn, test = scaling(case.learn_matrix).astype(np.float64), scaling(case.test_matrix).astype(np.float64)
    names = [f"x{i}" for i in range(learn.shape[1])]
    table = pd.DataFrame(learn, columns=names)
    table["time"] = case.learn.observed + case.learn.is_lost
    table["lost"] = case.learn.is_lost
    table = table[table["time"] > 0]
    best: tuple[float, NDArray[np.float64]] | None = None
    for penalty in PENALTIES:
        fitted = CoxPHFitter(penalizer=penalty).fit(table, "time", "lost")
        times = list(range(case.periods + 1))
        curves = fitted.predict_survival_function(pd.DataFrame(test, columns=names), times=times).to_numpy().T
        curves = np.ascontiguousarray(np.clip(curves, 0.0, 1.0))
        found = score(case, curves)
        if best is None or found < best[0]:
            best = (found, curves)
    assert best is not None
    return best[1]


def sbg(case: SurvivalCase) -> NDArray[np.float64]:
    """Return the curves of the shifted-beta-geometric model, fitted by cohort, each row from its months as a customer on."""
    cohorts, test_cohorts = np.array(case.cohort(case.learn)), np.array(case.cohort(case.test))
    curves = np.empty((case.test.size, case.periods + 1))
    for name in np.unique(test_cohorts):
        chosen = cohorts == name if np.count_nonzero(cohorts == name) >= 100 else np.ones(cohorts.size, dtype=bool)
        rows = case.learn.some(chosen)
        alpha, beta = fit_sbg(case.tenure(rows), rows.observed, rows.is_lost)
        place = test_cohorts == name
        tenure = case.tenure(case.test)[place].astype(np.float64)
        steps = np.arange(case.periods + 1)
        curves[place] = np.exp(
            _log_there(tenure[:, None] + steps, alpha, beta) - _log_there(tenure, alpha, beta)[:, None]
        )
    return curves


def fit_sbg(tenure: NDArray[np.int64], observed: NDArray[np.int64], is_lost: NDArray[np.bool_]) -> tuple[float, float]:
    """Return alpha and beta of greatest likelihood (Fader and Hardie 2007), of rows seen from `tenure` periods on.

    S(t) = B(alpha, beta + t) / B(alpha, beta); a loss in the period after `observed` has S(t) - S(t + 1).
    """
    from scipy.optimize import minimize

    start = tenure.astype(np.float64)
    end = start + observed

    def loss(theta: NDArray[np.float64]) -> float:
        alpha, beta = np.exp(theta)
        stays = _log_there(end, alpha, beta) - _log_there(start, alpha, beta)
        left = np.log(alpha / (alpha + beta + end))  # the hazard of the next period
        return float(-np.sum(stays) - np.sum(left[is_lost]))

    found = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-8, "maxiter": 2_000})
    alpha, beta = np.exp(found.x)
    return float(alpha), float(beta)


def _log_there(t: NDArray[np.float64], alpha: float, beta: float) -> NDArray[np.float64]:
    from scipy.special import betaln

    return np.asarray(betaln(alpha, beta + t) - betaln(alpha, beta))
