"""HubSpot: contacts by batch upsert."""

from churn.crm.connectors.hubspot.connector import connect

__all__ = ["connect"]
