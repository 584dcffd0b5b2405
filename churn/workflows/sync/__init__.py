"""Pushes lists to a CRM and keeps them in step."""

from churn.workflows.sync.preflight import FieldPreflight, Preflight, preflight_crm
from churn.workflows.sync.sync import (
    RISK_LIST,
    WITHDRAW_ONE,
    SyncOptions,
    SyncResult,
    check_sync,
    retry_rejected,
    sync_crm,
    withdraw_campaign,
)

__all__ = [
    "RISK_LIST",
    "WITHDRAW_ONE",
    "FieldPreflight",
    "Preflight",
    "SyncOptions",
    "SyncResult",
    "check_sync",
    "preflight_crm",
    "retry_rejected",
    "sync_crm",
    "withdraw_campaign",
]
