"""Which of our fields goes into which field of a remote system, applied row by row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from churn.crm.connector import RemoteField, Value

OurKind = Literal["text", "number", "date", "datetime"]

# Everything that a push may carry, and what it is.
OUR_FIELDS: dict[str, OurKind] = {
    "churn_probability": "number",
    "risk_band": "text",
    "percentile": "number",
    "expected_profit": "number",
    "churn_within_90d": "number",
    "churn_within_180d": "number",
    "churn_within_360d": "number",
    "months_kept": "number",
    "reasons": "text",
    "reason_codes": "text",
    "recommended_action": "text",
    "next_best_offer": "text",
    "campaign": "text",
    "model_version": "text",
    "scored_at": "datetime",
    "run_id": "text",
    "snapshot_date": "date",
    "email_sha256": "text",
}
EMAIL_HASH = "email_sha256"  # goes to audiences alone
# These say something of a campaign, so they are never pushed for whoever is in its holdout.
CAMPAIGN_FIELDS = frozenset({"campaign", "recommended_action", "expected_profit"})
ON_REQUEST = frozenset({"next_best_offer", EMAIL_HASH})  # pushed only where a mapping names it
DIGITS = {
    "churn_probability": 4,
    "percentile": 1,
    "expected_profit": 2,
    "churn_within_90d": 2,
    "churn_within_180d": 2,
    "churn_within_360d": 2,
    "months_kept": 1,
}
TEXT_LENGTH = 1_000  # of reasons where the system names no length of its own
BANDS = ("low", "medium", "high", "critical")
NO_BAND = "none"


@dataclass(frozen=True)
class FieldMapping:
    """Ours -> theirs, with what the remote schema says of theirs where it can be asked."""

    fields: Mapping[str, str]
    schema: Mapping[str, RemoteField] = field(default_factory=dict)

    def values(self, row: Mapping[str, Value]) -> dict[str, Value]:
        """Return one customer's remote fields and values: rounded, cut to length, as the type that theirs has."""
        return {theirs: self._converted(ours, theirs, row.get(ours)) for ours, theirs in self.fields.items()}

    def leaving(self, acknowledged: Mapping[str, Value]) -> dict[str, Value]:
        """Return what empties every field that we wrote."""
        return dict.fromkeys(acknowledged)

    def marked(self, acknowledged: Mapping[str, Value]) -> dict[str, Value]:
        """Return what sets the risk band to "none" and empties what else we wrote."""
        values: dict[str, Value] = dict.fromkeys(acknowledged)
        if (band := self.fields.get("risk_band")) is not None:
            values[band] = NO_BAND
        return values

    def _converted(self, ours: str, theirs: str, value: Value) -> Value:
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return None
        remote = self.schema.get(theirs)
        kind = remote.kind if remote is not None else OUR_FIELDS[ours]
        if ours in DIGITS and not isinstance(value, date):
            value = round(float(value), DIGITS[ours]) + 0.0
            return f"{value:.{DIGITS[ours]}f}" if kind == "text" else float(value)
        if isinstance(value, datetime):
            at = value.replace(microsecond=0)
            return at.date() if kind == "date" else at.isoformat() if kind == "text" else at
        if isinstance(value, date):
            return (
                datetime.combine(value, datetime.min.time())
                if kind == "datetime"
                else (value.isoformat() if kind == "text" else value)
            )
        longest = remote.max_length if remote is not None and remote.max_length else TEXT_LENGTH
        return shortened(str(value), longest)


def shortened(text: str, length: int) -> str:
    """Return `text`, cut at a separator or a word where it is longer than `length`."""
    if len(text) <= length:
        return text
    head = text[:length]
    for mark in ("; ", ",", " "):
        cut = head.rfind(mark)
        if cut > length // 2:
            return head[:cut]
    return head
