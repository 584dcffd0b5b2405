"""Writes the monthly report."""
