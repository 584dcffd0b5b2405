"""Odoo: contacts by XML-RPC or JSON-RPC."""
