"""Plays the whole loop on a simulated company."""
