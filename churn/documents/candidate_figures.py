"""One candidate of a training on the test rows: what the registry keeps of a model, and the card of each candidate."""

from __future__ import annotations

from pydantic import ConfigDict

from churn.documents.document import Defined, Document

Ends = tuple[Defined, Defined]  # of a 95 % interval
ParameterValue = int | float | str | bool | None


class CardPart(Document):
    """A part of a card; keys that another version of churn wrote are kept."""

    model_config = ConfigDict(extra="allow")


_MONEY = ("net_profit", "empc")  # EMPC is the profit of a customer
_MONEY_ENDS = tuple(f"{name}_interval" for name in _MONEY)


class CandidateFigures(CardPart):
    """One candidate on the test rows: its figures, how it was made, and the 95 % interval of each figure.

    None where a figure is not defined; `threshold` is None where nobody would be contacted. `params` are what the
    candidate's own library takes.
    """

    name: str
    title: str
    is_baseline: bool
    recall: Defined
    precision: Defined
    f1: Defined
    net_profit: Defined
    brier: Defined
    log_loss: Defined
    ece: Defined
    auc: Defined
    pr_auc: Defined
    lift: Defined
    recall_at_budget: Defined
    empc: Defined
    threshold: Defined
    fit_seconds: float
    rows_per_second: int
    calibration: str
    is_calibrated: bool
    calibration_slope: Defined
    params: dict[str, ParameterValue]
    trials: int
    recall_interval: Ends
    precision_interval: Ends
    f1_interval: Ends
    net_profit_interval: Ends
    brier_interval: Ends
    log_loss_interval: Ends
    ece_interval: Ends
    auc_interval: Ends
    pr_auc_interval: Ends
    lift_interval: Ends
    recall_at_budget_interval: Ends
    empc_interval: Ends

    def without_money(self) -> CandidateFigures:
        """Return the same without what it earned: where the gate failed, probabilities are no money."""
        return self.model_copy(update=dict.fromkeys(_MONEY) | dict.fromkeys(_MONEY_ENDS, (None, None)))

    @property
    def shown(self) -> CandidateFigures:
        """What may be shown of a model by these figures: no profit where the gate failed."""
        return self if self.is_calibrated else self.without_money()
