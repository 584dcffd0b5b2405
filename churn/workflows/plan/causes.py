"""The involuntary part of each customer's churn probability, where offers act by cause: the model's, or the usual share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from churn.context import Context
from churn.decisions.checks import Floats
from churn.modeling import load_card
from churn.wording import percent

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class InvoluntaryChurn:
    """The involuntary part of each customer's probability, (n,), and what must be said where the model does not know it."""

    part: Floats
    note: str | None


def involuntary_churn(context: Context, frame: pl.DataFrame, model_version: str) -> InvoluntaryChurn:
    """Return the model's own parts; where it has none everybody is given the share that was seen in its training."""
    published, p = frame["involuntary_probability"], frame["churn_probability"]
    if not published.null_count():
        return InvoluntaryChurn(published.to_numpy(), None)
    with context.open_store() as store:
        bundle = store.models.get(model_version).bundle
    counts = load_card(context.settings.models_path / bundle).counts
    involuntary, voluntary = counts.get("involuntary", 0), counts.get("voluntary", 0)
    share = involuntary / (involuntary + voluntary) if involuntary else 0.0
    note = (
        f"{model_version} does not tell whose churn would be involuntary, so everybody is given the usual share of "
        f"{percent(share)}."
    )
    return InvoluntaryChurn(published.fill_null(p * share).to_numpy(), note if 0.0 < share < 1.0 else None)
