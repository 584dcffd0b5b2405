"""What the quality rules found, and how fresh each source is."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, JsonValue

from churn.documents.document import Document

RuleLevel = Literal["block", "warn"]


class RuleFinding(Document):
    """One rule: 0 defects is a pass. `example` is one row that breaks it, `message` the rule in words, `remedy` what to do."""

    rule: str
    level: RuleLevel
    defect_count: int
    example: dict[str, JsonValue]
    message: str
    checked_at: datetime
    as_of: datetime
    remedy: str = ""


class SourceFreshness(Document):
    """One source: what was loaded of it, when last, when its newest fact happened, and whether it stopped in its rhythm."""

    source: str
    files: int
    rows: int
    rejected: int
    loaded_at: datetime | None
    newest_at: datetime | None
    is_late: bool = False


class QualityDocument(Document):
    """All rules by name, and all sources. What another version of churn added is passed over."""

    model_config = ConfigDict(extra="ignore")

    checks: tuple[RuleFinding, ...] = ()
    sources: tuple[SourceFreshness, ...] = ()
