"""Publishes the tables that SQL and BI read: in the home, and where [publish] says."""

from churn.workflows.publish.destinations import Copied, forget_customer, publishes_elsewhere, reach_destinations
from churn.workflows.publish.publish import PublishResult, publish_tables

__all__ = ["Copied", "PublishResult", "forget_customer", "publish_tables", "publishes_elsewhere", "reach_destinations"]
