"""Monitoring: whether customers, scores, outcomes or the rules between them have changed, and what should follow."""
