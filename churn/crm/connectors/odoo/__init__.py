"""Odoo: contacts by XML-RPC or JSON-RPC."""

from churn.crm.connectors.odoo.connector import connect

__all__ = ["connect"]
