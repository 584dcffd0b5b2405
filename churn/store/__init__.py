"""Serving and state: the current scores, the model registry, campaigns, saved simulations and the job ledger, in SQLite or PostgreSQL.

polars is loaded when frames are asked for, Alembic only when there is something to migrate.
"""

from churn.store.programme_records import LoggedChoice, MomentDecision, ProgrammeRound
from churn.store.records import (
    Added,
    Alert,
    AssignmentCounts,
    BucketCounts,
    MappingChange,
    Measurement,
    ModelChange,
    ModelVersion,
    OutboxRow,
    OutcomeCount,
    PlanRecord,
    Rejection,
    ScorePage,
    ScoreRun,
    Settled,
    Simulation,
    SyncRun,
    WorkflowRun,
)
from churn.store.service_records import AlertDelivery, ScheduledRun, ScheduledStep, Worker
from churn.store.store import Store, open_store

__all__ = [
    "Added",
    "Alert",
    "AlertDelivery",
    "AssignmentCounts",
    "BucketCounts",
    "LoggedChoice",
    "MappingChange",
    "Measurement",
    "ModelChange",
    "ModelVersion",
    "MomentDecision",
    "OutboxRow",
    "OutcomeCount",
    "PlanRecord",
    "ProgrammeRound",
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
    "WorkflowRun",
    "open_store",
]
