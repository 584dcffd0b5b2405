"""Snapshots: which customers on which dates, what was known of them then, and what became of them."""
