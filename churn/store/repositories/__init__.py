"""Reads and writes of the store, one file a subject."""
