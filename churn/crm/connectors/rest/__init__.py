"""Any REST CRM, by configuration alone."""

from churn.crm.connectors.rest.connector import connect

__all__ = ["connect"]
