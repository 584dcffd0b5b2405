"""Watches the model: drift, matured performance, retraining."""
