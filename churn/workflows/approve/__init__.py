"""Decides about a planned round of a programme: approves it, which assigns its customers, or rejects it."""

from churn.workflows.approve.approve import approve_round, may_approve, may_reject, reject_round

__all__ = ["approve_round", "may_approve", "may_reject", "reject_round"]
