"""Churn and retention, the whole loop: events, features, calibrated risk, reasons, and what acting on it is worth."""

__version__ = "0.1.0"
