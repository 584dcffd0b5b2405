"""Analyses a finished experiment of any tool from its file, and applies what it says to other customers."""

from churn.workflows.experiment.amounts import amount_of
from churn.workflows.experiment.analyse import AnalysedExperiment, analyse_experiment
from churn.workflows.experiment.apply import apply_experiment
from churn.workflows.experiment.file import ExperimentFile, ExperimentRows, options_of, read_experiment

__all__ = [
    "AnalysedExperiment",
    "ExperimentFile",
    "ExperimentRows",
    "amount_of",
    "analyse_experiment",
    "apply_experiment",
    "options_of",
    "read_experiment",
]
