"""What campaigns promise and bring in: the profit that plans expect, and the net profit that measurements found."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import PlainSerializer

from churn.documents.document import Document, Range
from churn.documents.measurement import Verdict


class PromisedProfit(Document):
    """What a campaign's plans expect together. Their ranges are added, which is the wider reading."""

    profit: float
    low: float
    high: float
    cost: float
    saves: float


class BroughtProfit(Document):
    """The measured net profit with its interval, and the verdict behind it."""

    value: float
    low: float
    high: float
    verdict: Verdict | None
    saves: Range
    is_mature: bool
    # With a space between day and hour, as the facts of reports have always had it.
    measured_at: Annotated[datetime, PlainSerializer(str, return_type=str, when_used="json")]


class SavedProfit(Document):
    """The net profit of all campaigns that were measured; `waiting` ones run and are not measured yet."""

    value: float
    low: float
    high: float
    saves: float
    measured: int
    waiting: int
