"""Any REST CRM, by configuration alone."""

from churn.crm.connectors.rest.opening import connect

__all__ = ["connect"]
