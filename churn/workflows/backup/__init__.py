"""Backs the home and its store up into a folder, and brings them back."""

from churn.workflows.backup.back_up import BackupResult, back_up
from churn.workflows.backup.restore import RestoreResult, restore

__all__ = ["BackupResult", "RestoreResult", "back_up", "restore"]
