"""Trains the candidates and chooses a challenger."""
