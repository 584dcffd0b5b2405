"""Turns what the arithmetic says of another policy into the document that is kept and answered."""

from __future__ import annotations

from dataclasses import asdict

from churn.decisions.off_policy import OffPolicyEstimate, OffPolicyRefusal
from churn.documents.off_policy import NoPolicyProfit, PolicyProfit


def policy_profit(
    answer: OffPolicyEstimate | OffPolicyRefusal, *, policy: str, against: str | None = None
) -> PolicyProfit | NoPolicyProfit:
    """Return the answer as a document, under the names of the policies."""
    if isinstance(answer, OffPolicyRefusal):
        return NoPolicyProfit(policy=policy, against=against, **asdict(answer))
    return PolicyProfit(policy=policy, against=against, **asdict(answer))
