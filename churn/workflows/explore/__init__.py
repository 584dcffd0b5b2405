"""Explores the data: profile and insights."""
