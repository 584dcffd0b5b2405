"""Looks at a programme as a whole: whether it is tall enough to learn, prove itself and pay back, and what other policies would have earned."""

from churn.workflows.foresee.evaluate import POLICIES, evaluate_policy
from churn.workflows.foresee.height import foresee_programme

__all__ = ["POLICIES", "evaluate_policy", "foresee_programme"]
