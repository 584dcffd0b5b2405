"""Learns an uplift model from a campaign or a file."""
