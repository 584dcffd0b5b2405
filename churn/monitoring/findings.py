"""One finding of a monitor, and the order in which people should read many of them: by the money at risk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from churn.decisions.drift import Severity

RANK: Final[dict[Severity, int]] = {"act": 0, "watch": 1, "unknown": 2, "ok": 3}


@dataclass(frozen=True)
class Finding:
    """What one monitor says of one subject, in a sentence.

    `value` and `limit` are in the monitor's own unit, None where there is none; `money_at_risk` is an estimate per month
    in the configured currency, None where nothing can be estimated; `run_ids` name the runs it was read from.
    """

    monitor: str
    subject: str
    severity: Severity
    sentence: str
    value: float | None = None
    limit: float | None = None
    money_at_risk: float | None = None
    run_ids: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; what is no number becomes None."""
        found = asdict(self) | {"run_ids": list(self.run_ids)}
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in found.items()}


def ranked(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings by severity, then by money at risk, most first; the order is the same however they came."""
    return sorted(
        findings, key=lambda f: (RANK[f.severity], -(f.money_at_risk or 0.0), f.monitor, -(f.value or 0.0), f.subject)
    )


def worst(severities: Sequence[Severity]) -> Severity:
    """Return the most serious severity; of none, unknown. What is not known does not count where something is."""
    known = [s for s in severities if s != "unknown"]
    return min(known, key=RANK.__getitem__) if known else "unknown"
