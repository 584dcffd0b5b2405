"""Writes whom a campaign contacts, or the risk list, as a hashed audience for an ad platform."""

from churn.workflows.audience.export import WrittenAudience, export_audience

__all__ = ["WrittenAudience", "export_audience"]
