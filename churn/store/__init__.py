"""Serving and state: the current scores, the model registry, campaigns, saved simulations and the job ledger, in SQLite or PostgreSQL.

Importing this is cheap: SQLAlchemy is loaded when a store is opened, Alembic only when there is something to migrate.
"""

from churn.store.campaign_records import Added, Alert, Measurement, PlanRecord
from churn.store.connection import Store, open_store
from churn.store.crm_records import MappingChange, OutboxRow, Rejection, Settled, SyncRun
from churn.store.job_records import Delivery, ScheduledRun, ScheduledStep, Worker
from churn.store.monitoring_records import MonitoringRun
from churn.store.records import JobRun, ModelChange, ModelVersion, ScorePage, ScoreRun, Simulation

__all__ = [
    "Added",
    "Alert",
    "Delivery",
    "JobRun",
    "MappingChange",
    "Measurement",
    "ModelChange",
    "ModelVersion",
    "MonitoringRun",
    "OutboxRow",
    "PlanRecord",
    "Rejection",
    "ScheduledRun",
    "ScheduledStep",
    "ScorePage",
    "ScoreRun",
    "Settled",
    "Simulation",
    "Store",
    "SyncRun",
    "Worker",
    "open_store",
]
