"""Bundles, the registry, and scoring one row now."""
