"""Scores a date and publishes the list."""

from churn.workflows.score.score import ScoreResult, score_customers

__all__ = ["ScoreResult", "score_customers"]
