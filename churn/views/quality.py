"""Keeps what the quality rules found and how fresh each source is in a file that pages read, since they never open the warehouse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

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
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ResourceError(f"cannot be read: {error}", where=str(path), remedy="Run `churn refresh`.") from error
    return found


LATE_DAYS: Final = 14  # behind the newest source, as the rule `sources_are_fresh` has it
_STEADY: Final = frozenset({"sessions", "payments", "support_tickets", "events"})  # these never pause by nature


def data_quality(context: Context) -> dict[str, Any] | None:
    """Return the rules that found something (blocking first), those that hold, and the sources; None before a load.

    A rule: rule, level, defect_count, example (text), message, checked_at, as_of, kind and words of its status.
    A source: source, files, rows, rejected, loaded_at, newest_at, kind and words. Raises ResourceError.
    """
    kept = read_quality(context.settings.home)
    if kept is None:
        return None
    checks = [_told(check) for check in kept["checks"]]
    failed = sorted((c for c in checks if c["defect_count"]), key=lambda c: (c["level"] != "block", c["rule"]))
    dates = [datetime.fromisoformat(one["newest_at"]) for one in kept["sources"] if one["newest_at"]]
    newest = max(dates, default=None)
    return {
        "failed": failed,
        "holding": [check for check in checks if not check["defect_count"]],
        "count": len(checks),
        "checked_at": max((check["checked_at"] for check in checks), default=None),
        "as_of": max((check["as_of"] for check in checks), default=None),
        "sources": [_source(one, newest) for one in kept["sources"]],
    }


def _told(check: Mapping[str, Any]) -> dict[str, Any]:
    if not check["defect_count"]:
        kind, words = "ok", "Holds"
    elif check["level"] == "block":
        kind, words = "act", "Blocks scoring"
    else:
        kind, words = "watch", "Warns"
    example = ", ".join(f"{name.replace('_', ' ')} {_plain(value)}" for name, value in check["example"].items())
    return {**check, "kind": kind, "words": words, "example": example, "title": check["rule"].replace("_", " ")}


def _plain(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _source(one: Mapping[str, Any], newest: datetime | None) -> dict[str, Any]:
    if not one["files"] and not one["rows"]:
        return {**one, "kind": "off", "words": "Never loaded"}
    if one["newest_at"] is None or newest is None:
        return {**one, "kind": "ok", "words": "Loaded"}
    behind = newest - datetime.fromisoformat(one["newest_at"])
    if one["source"] in _STEADY and behind > timedelta(days=LATE_DAYS):
        return {**one, "kind": "watch", "words": f"{behind.days} days behind"}
    return {**one, "kind": "ok", "words": "Fresh"}
