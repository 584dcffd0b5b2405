"""Plans campaigns: whom to contact, whom to hold out."""

from churn.workflows.plan.plan import plan_campaigns
from churn.workflows.plan.request import PlannedCampaigns, PlanRequest

__all__ = ["PlanRequest", "PlannedCampaigns", "plan_campaigns"]
