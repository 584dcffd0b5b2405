"""Requests of the API and the pages to the job runner, which do not wait for it."""

from churn.jobs.requests.campaigns import ask_measure, ask_plan, ask_retry, ask_sync
from churn.jobs.requests.experiments import ExperimentRequest, ask_experiment, experiments_at_work
from churn.jobs.requests.privacy import RightsAsked, ask_erase, ask_export, ask_object, ready_export, rights_of
from churn.jobs.requests.programmes import ask_evaluation, ask_height
from churn.jobs.requests.risk_list import ask_list_push, push_targets, pushes_of_the_list
from churn.jobs.requests.work import RequestedWork, work_on

__all__ = [
    "ExperimentRequest",
    "RequestedWork",
    "RightsAsked",
    "ask_erase",
    "ask_evaluation",
    "ask_experiment",
    "ask_export",
    "ask_height",
    "ask_list_push",
    "ask_measure",
    "ask_object",
    "ask_plan",
    "ask_retry",
    "ask_sync",
    "experiments_at_work",
    "push_targets",
    "pushes_of_the_list",
    "ready_export",
    "rights_of",
    "work_on",
]
