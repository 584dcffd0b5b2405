"""Exact reasons for each probability, and their sentences."""
