"""Learns an uplift model from a campaign or a file."""

from churn.workflows.learn_uplift.from_campaign import LearntUplift, learn_uplift
from churn.workflows.learn_uplift.from_file import ExperimentFile, learn_uplift_file, read_experiment
from churn.workflows.learn_uplift.keep import LoadedUplift, latest_learning, latest_uplift

__all__ = [
    "ExperimentFile",
    "LearntUplift",
    "LoadedUplift",
    "latest_learning",
    "latest_uplift",
    "learn_uplift",
    "learn_uplift_file",
    "read_experiment",
]
