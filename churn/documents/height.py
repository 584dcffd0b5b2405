"""The height post of a programme as it is kept and answered: whether it can learn, prove itself and pay back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from churn.decisions.choices import Height, HeightReason
from churn.documents.document import Document

if TYPE_CHECKING:
    from churn.decisions.height import HeightPost


class ForeseenMonth(Document):
    """What is expected once `month` months are over; see `decisions.preposterior`."""

    month: int
    learnt: float | None
    certified: float
    gain: float


class HeightDocument(Document):
    """The verdict, what it rests on and what would be needed; see `decisions.height`. Money of a month unless said otherwise."""

    pays_back: bool
    reason: HeightReason
    height: Height
    months: int
    customers: float
    chance_to_certify: float
    months_to_learn: int | None
    months_to_certify: int | None
    customers_to_learn: float | None
    customers_to_certify: float | None
    slice_cost: float
    gain: float
    gain_without_slice: float
    static_profit: float
    rule_profit: float
    knowable: float
    ahead: tuple[ForeseenMonth, ...]

    @classmethod
    def of(cls, post: HeightPost) -> HeightDocument:
        """Return the post as a document."""
        return cls(**asdict(post))
