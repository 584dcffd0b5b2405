"""What learning uplift found: whom contact keeps, whether that can be told at all, and who is better left alone.

The effect is customers kept among those contacted less those kept among those left alone; all shares are 0..1.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from pydantic import ConfigDict, JsonValue, SerializerFunctionWrapHandler, model_serializer

from churn.documents.document import Document, Range

EffectSpan = tuple[float, float, float]  # effect, low, high


class UpliftPart(Document):
    """A part of the document. What another version of churn added to a kept one is passed over."""

    model_config = ConfigDict(extra="ignore")


class ContactEffect(UpliftPart):
    """The effect of contact with its 95 % interval, and the share that each arm kept."""

    delta: float
    low: float
    high: float
    p_value: float
    rate_treated: float
    rate_held_out: float


class LearnerPair(UpliftPart):
    """A learner with a candidate inside, and what the pair is called."""

    learner: str
    base: str
    title: str


class Contender(LearnerPair):
    """A pair that was tried, with its Qini out of fold."""

    qini: float


class QiniSpan(UpliftPart):
    """The best ranking's Qini: `low` to `high` allows for its having been chosen, `alone_low` to `alone_high` does not."""

    value: float
    low: float
    high: float
    alone_low: float
    alone_high: float


class DecileEffect(UpliftPart):
    """One slice of the ranking, 1 the highest predicted uplift; what was measured is None where an arm is empty."""

    decile: int
    customers: int
    treated: int | None
    held_out: int | None
    predicted: float
    effect: ContactEffect | None


class GainPoint(UpliftPart):
    """What contacting that share of customers gains per customer, best first, and what it gains in any order."""

    share: float
    gained: float
    chance: float


class GroupRule(UpliftPart):
    """A group of customers: a feature from `low` (included) to `high` (excluded), or of one `level`; None is open."""

    feature: str
    low: float | None = None
    high: float | None = None
    level: str | None = None


class HarmedGroup(UpliftPart):
    """A group that contact drives away: its rule, also in words, and its effect in the half that found and confirmed it."""

    rule: GroupRule
    customers: int
    share: float
    found: EffectSpan
    confirmed: EffectSpan
    p_value: float
    text: str


class HarmFindings(UpliftPart):
    """How many groups were looked at, how many looked harmed in one half, and which were confirmed on the other."""

    looked_at: int
    suspected: int
    groups: tuple[HarmedGroup, ...]
    sentence: str


class ArmDifference(UpliftPart):
    """A column in which the arms differ beyond chance."""

    feature: str
    p_value: float
    sentence: str


class UsedCustomers(UpliftPart):
    """How many customers were assigned and used; a campaign also says why the others were not."""

    assigned: int
    used: int
    not_mature: int | None = None
    other_share: int | None = None
    not_known: int | None = None

    @property
    def sampled_out(self) -> int:
        """How many were left out by chance, because there were more than are needed."""
        return self.assigned - self.used - sum(filter(None, (self.not_mature, self.other_share, self.not_known)))

    @model_serializer(mode="wrap")
    def _without_missing_parts(self, handler: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        written: dict[str, JsonValue] = handler(self)
        return {name: value for name, value in written.items() if value is not None}


class CustomersToLeave(UpliftPart):
    """How many customers belong to a harmed group, of how many; the day is None for those of a file."""

    customers: int
    of: int
    snapshot_date: date | None


class UpliftOrigin(UpliftPart):
    """What was learnt from, and when: a campaign's windows and dates, or a file."""

    campaign: str
    learnt_at: datetime
    window_days: tuple[int, ...] | None = None
    snapshot_dates: tuple[date, ...] | None = None
    file: str | None = None
    counts: UsedCustomers


class UpliftFigures(UpliftPart):
    """What training found. `outcome` names what contact was to bring: retention, or a file's column."""

    sentence: str
    is_better_than_nothing: bool
    outcome: str
    customers: int
    treated: int
    held_out: int
    treated_share: float
    effect: ContactEffect
    selected: LearnerPair
    qini: QiniSpan
    auuc: Range
    confidence: float
    draws: int
    convention: str
    method: str
    deciles: tuple[DecileEffect, ...]
    curve: tuple[GainPoint, ...]
    contenders: tuple[Contender, ...]
    harm: HarmFindings
    imbalances: tuple[ArmDifference, ...]
    seed: int


# What one of a campaign and a file has, and what is not known yet when the document is kept: the JSON then leaves it out.
_PARTS: Final = ("window_days", "snapshot_dates", "file", "version", "do_not_contact", "seconds")


class UpliftDocument(UpliftFigures, UpliftOrigin):
    """What was learnt from a campaign or a file, and the version that it is kept under."""

    version: str | None = None
    do_not_contact: CustomersToLeave | None = None
    seconds: float | None = None

    @classmethod
    def of(cls, origin: UpliftOrigin, figures: UpliftFigures) -> UpliftDocument:
        """Return the document of what training found in what `origin` names."""
        return UpliftDocument(**dict(origin), **dict(figures))

    @model_serializer(mode="wrap")
    def _without_missing_parts(self, handler: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        written: dict[str, JsonValue] = handler(self)
        return {name: value for name, value in written.items() if value is not None or name not in _PARTS}
