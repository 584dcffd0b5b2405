"""Trains the candidates and chooses a challenger; promotes a version, and rolls back."""

from churn.workflows.train.registry import promote_model, rollback_model
from churn.workflows.train.train import TrainedModel, register_model, train_model, training_rows

__all__ = ["TrainedModel", "promote_model", "register_model", "rollback_model", "train_model", "training_rows"]
