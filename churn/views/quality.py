"""Reads what the quality rules found and how fresh each source is, from the file that a load leaves: pages never open the warehouse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from churn.context import Context
from churn.errors import ResourceError

# Where a source's facts lie once loaded, and the column that says when each happened.
FACTS = {
    "sessions": ("staging.sessions", "occurred_at"),
    "payments": ("staging.payments", "occurred_at"),
    "support_tickets": ("staging.support_tickets", "occurred_at"),
    "events": ("staging.events", "occurred_at"),
    "contacts": ("staging.contacts", "occurred_at"),
    "subscriptions": ("staging.subscription_events", "occurred_at"),
}


def quality_path(home: Path) -> Path:
    """Return the file's path."""
    return home / "serving" / "quality.json"


def read_quality(home: Path) -> dict[str, Any] | None:
    """Return what the rules found last, by rule, and the sources; None before the first load.

    Raises ResourceError for a file that cannot be read.
    """
    path = quality_path(home)
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ResourceError(f"cannot be read: {error}", where=str(path), remedy="Run `churn refresh`.") from error
    return kept


StatusKind = Literal["ok", "watch", "act", "off"]
LATE_DAYS: Final = 14  # behind the newest source, as the rule `sources_are_fresh` has it
_STEADY: Final = frozenset({"sessions", "payments", "support_tickets", "events"})  # these never pause by nature


@dataclass(frozen=True)
class RuleStatus:
    """What a rule found last, in words; `kind` is how its status is drawn."""

    rule: str
    level: str
    defect_count: int
    example: str
    message: str
    checked_at: str
    as_of: str
    kind: StatusKind
    words: str


@dataclass(frozen=True)
class SourceStatus:
    """How far a source reaches, and how much of it was loaded."""

    source: str
    files: int
    rows: int
    rejected: int
    loaded_at: str | None
    newest_at: str | None
    kind: StatusKind
    words: str


@dataclass(frozen=True)
class DataQuality:
    """The rules that found something (blocking first), those that hold, and the sources."""

    failed: list[RuleStatus]
    holding: list[RuleStatus]
    checked_at: str | None
    sources: list[SourceStatus]

    @property
    def count(self) -> int:
        """How many rules there are."""
        return len(self.failed) + len(self.holding)


def data_quality(context: Context) -> DataQuality | None:
    """Return what the last load found; None before the first. Raises ResourceError."""
    kept = read_quality(context.settings.home)
    if kept is None:
        return None
    rules = [_rule(check) for check in kept["checks"]]
    dates = [datetime.fromisoformat(source["newest_at"]) for source in kept["sources"] if source["newest_at"]]
    newest = max(dates, default=None)
    return DataQuality(
        failed=sorted((r for r in rules if r.defect_count), key=lambda r: (r.level != "block", r.rule)),
        holding=[rule for rule in rules if not rule.defect_count],
        checked_at=max((rule.checked_at for rule in rules), default=None),
        sources=[_source(source, newest) for source in kept["sources"]],
    )


def _rule(check: Mapping[str, Any]) -> RuleStatus:
    kind: StatusKind
    if not check["defect_count"]:
        kind, words = "ok", "Holds"
    elif check["level"] == "block":
        kind, words = "act", "Blocks scoring"
    else:
        kind, words = "watch", "Warns"
    example = ", ".join(f"{name.replace('_', ' ')} {_plain(value)}" for name, value in check["example"].items())
    return RuleStatus(**{**check, "example": example}, kind=kind, words=words)


def _plain(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _source(source: Mapping[str, Any], newest: datetime | None) -> SourceStatus:
    kind, words = _freshness(source, newest)
    return SourceStatus(**source, kind=kind, words=words)


def _freshness(source: Mapping[str, Any], newest: datetime | None) -> tuple[StatusKind, str]:
    if not source["files"] and not source["rows"]:
        return "off", "Never loaded"
    if source["newest_at"] is None or newest is None:
        return "ok", "Loaded"
    behind = newest - datetime.fromisoformat(source["newest_at"])
    if source["source"] in _STEADY and behind > timedelta(days=LATE_DAYS):
        return "watch", f"{behind.days} days behind"
    return "ok", "Fresh"
