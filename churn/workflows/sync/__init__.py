"""Pushes lists to a CRM and keeps them in step."""
