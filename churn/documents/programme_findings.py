"""What other policies would have earned in a programme's rounds, as it is kept and answered."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from churn.documents.document import Document
from churn.documents.off_policy import NoPolicyProfit, PolicyProfit


class EvaluatedPolicy(Document):
    """What a policy would have earned in the rounds whose outcomes are final, said in words too.

    `last_date` is that of the newest of these rounds.
    """

    programme: str
    rounds: int
    last_date: date
    currency: str
    answer: Annotated[PolicyProfit | NoPolicyProfit, Field(discriminator="kind")]
    sentences: tuple[str, ...]
