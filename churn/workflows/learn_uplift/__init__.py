"""Learns an uplift model from a campaign."""

from churn.workflows.learn_uplift.from_campaign import LearntUplift, learn_uplift
from churn.workflows.learn_uplift.keep import LoadedUplift, latest_learning, latest_uplift

__all__ = [
    "LearntUplift",
    "LoadedUplift",
    "latest_learning",
    "latest_uplift",
    "learn_uplift",
]
