"""Measures what a campaign caused."""
