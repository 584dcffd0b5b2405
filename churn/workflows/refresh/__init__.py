"""Loads what is new, checks it, and builds features."""
