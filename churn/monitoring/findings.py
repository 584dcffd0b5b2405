"""The order in which people should read many findings: by severity, then by the money at risk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from churn.decisions.severity import Severity
from churn.documents.monitoring import Finding

RANK: Final[dict[Severity, int]] = {"act": 0, "watch": 1, "unknown": 2, "ok": 3}


def ranked(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings by severity, then by money at risk, most first; the order is the same however they came."""
    return sorted(
        findings, key=lambda f: (RANK[f.severity], -(f.money_at_risk or 0.0), f.monitor, -(f.value or 0.0), f.subject)
    )


def worst(severities: Sequence[Severity]) -> Severity:
    """Return the most serious severity; of none, unknown. What is not known does not count where something is."""
    known = [severity for severity in severities if severity != "unknown"]
    return min(known, key=RANK.__getitem__) if known else "unknown"
