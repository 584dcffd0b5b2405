"""Measures what a campaign caused, by what became of its customers."""

from churn.workflows.measure.follow import FollowedCustomers, follow_customers
from churn.workflows.measure.measure import MeasuredCampaign, measure_campaign, open_alarms
from churn.workflows.measure.outcomes import RecordedOutcomes, import_outcomes, pull_outcomes, take_outcomes
from churn.workflows.measure.write import check_ending, write_measurement

__all__ = [
    "FollowedCustomers",
    "MeasuredCampaign",
    "RecordedOutcomes",
    "check_ending",
    "follow_customers",
    "import_outcomes",
    "measure_campaign",
    "open_alarms",
    "pull_outcomes",
    "take_outcomes",
    "write_measurement",
]
