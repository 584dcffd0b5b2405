"""Pushes lists to a CRM and keeps them in step."""

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
    "SyncOptions",
    "SyncResult",
    "check_sync",
    "retry_rejected",
    "sync_crm",
    "withdraw_campaign",
]
