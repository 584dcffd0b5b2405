"""Scores a date and publishes the list."""
