"""Salesforce: composite upsert, and Bulk API 2.0 for many rows."""

from churn.crm.connectors.salesforce.connector import connect

__all__ = ["connect"]
