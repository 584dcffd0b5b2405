"""Keeps what the quality rules found and how fresh each source is in a file that pages read, since they never open the warehouse."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import JsonValue

from churn.context import Context
from churn.documents.quality import QualityDocument, RuleFinding, SourceFreshness
from churn.errors import ResourceError
from churn.languages.words import tr
from churn.views.status import StatusKind

# Where a source's facts lie once loaded, and the column that says when each happened.
FACTS = {
    "sessions": ("staging.sessions", "occurred_at"),
    "payments": ("staging.payments", "occurred_at"),
    "support_tickets": ("staging.support_tickets", "occurred_at"),
    "events": ("staging.events", "occurred_at"),
    "contacts": ("staging.contacts", "occurred_at"),
    "subscriptions": ("staging.subscription_events", "occurred_at"),
    "churn_events": ("staging.churn_events", "occurred_at"),
}


def quality_path(home: Path) -> Path:
    """Return the file's path."""
    return home / "serving" / "quality.json"


def read_quality(home: Path) -> QualityDocument | None:
    """Return what the rules found last, and the sources; None before the first load.

    Raises ResourceError for a file that cannot be read, ContractBroken for one that another version wrote.
    """
    path = quality_path(home)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ResourceError(
            tr("cannot be read: {error}", error=error), where=str(path), remedy=tr("Run `churn refresh`.")
        ) from error
    return QualityDocument.read(values, where=str(path))


@dataclass(frozen=True)
class ShownRule:
    """A rule as pages show it: `kind` and `words` of its status, its example as text, and what to do."""

    message: str
    defect_count: int
    example: str
    kind: StatusKind
    words: str
    remedy: str


@dataclass(frozen=True)
class ShownSource:
    """A source as pages show it: `kind` and `words` of its status."""

    source: str
    files: int
    rows: int
    rejected: int
    loaded_at: datetime | None
    newest_at: datetime | None
    kind: StatusKind
    words: str


@dataclass(frozen=True)
class DataQuality:
    """The rules that found something (blocking first), those that hold, and the sources."""

    failed: tuple[ShownRule, ...]
    holding: tuple[ShownRule, ...]
    checked_at: datetime | None
    sources: tuple[ShownSource, ...]

    @property
    def count(self) -> int:
        """How many rules there are."""
        return len(self.failed) + len(self.holding)


def data_quality(context: Context) -> DataQuality | None:
    """Return what the rules found last and how fresh the sources are; None before a load. Raises as `read_quality`."""
    document = read_quality(context.settings.home)
    if document is None:
        return None
    failed = sorted(
        (check for check in document.checks if check.defect_count), key=lambda c: (c.level != "block", c.rule)
    )
    newest = max((source.newest_at for source in document.sources if source.newest_at), default=None)
    return DataQuality(
        failed=tuple(_rule(check) for check in failed),
        holding=tuple(_rule(check) for check in document.checks if not check.defect_count),
        checked_at=max((check.checked_at for check in document.checks), default=None),
        sources=tuple(_source(source, newest) for source in document.sources),
    )


def _rule(check: RuleFinding) -> ShownRule:
    kind: StatusKind = "watch"
    words = tr("Warns")
    if not check.defect_count:
        kind, words = "ok", tr("Holds")
    elif check.level == "block":
        kind, words = "act", tr("Blocks scoring")
    example = ", ".join(f"{name.replace('_', ' ')} {_plain(value)}" for name, value in check.example.items())
    return ShownRule(check.message, check.defect_count, example, kind, words, check.remedy)


def _plain(value: JsonValue) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _source(source: SourceFreshness, newest: datetime | None) -> ShownSource:
    kind, words = _freshness(source, newest)
    return ShownSource(
        source=source.source,
        files=source.files,
        rows=source.rows,
        rejected=source.rejected,
        loaded_at=source.loaded_at,
        newest_at=source.newest_at,
        kind=kind,
        words=words,
    )


def _freshness(source: SourceFreshness, newest: datetime | None) -> tuple[StatusKind, str]:
    if not source.files and not source.rows:
        return "off", tr("Never loaded")
    if source.newest_at is None or newest is None:
        return "ok", tr("Loaded")
    behind = newest - source.newest_at
    if source.is_late:
        return "watch", tr("{days} days behind", days=behind.days)
    return "ok", tr("Fresh")
