"""Watches the model: drift, matured performance, retraining."""

from churn.workflows.monitor.keep import MonitorResult
from churn.workflows.monitor.monitor import monitor_model

__all__ = [
    "MonitorResult",
    "monitor_model",
]
