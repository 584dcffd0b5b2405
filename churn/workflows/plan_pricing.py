"""Names the profit model of each campaign, and prices every customer under it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from churn.campaigns.definition import CampaignDefinition
from churn.decisions.profit import ProfitModel
from churn.workflows.context import Context
from churn.workflows.plan_choice import Priced, price

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from churn.workflows.plan_facts import Facts
    from churn.workflows.plan_scores import ScoreList


def price_campaigns(
    context: Context,
    definitions: Sequence[CampaignDefinition],
    scores: ScoreList,
    facts: Facts,
) -> list[Priced]:
    """Return each campaign priced under the model its definition names; `auto` takes a measured uplift if there is one."""
    found = []
    for definition in definitions:
        model, uplift, sentence = _model(definition)
        economics = definition.economics(context.settings.business, model)
        found.append(price(definition, economics, scores.frame, facts.left_out[definition.name], uplift, sentence))
    return found


def _model(definition: CampaignDefinition) -> tuple[ProfitModel, NDArray[np.float64] | None, str | None]:
    asked = definition.offer.profit_model
    if asked in {"case_study", "incentive"}:
        return asked, None, None
    fallback = "uplift" if asked == "uplift" else definition.offer.risk_based_model
    sentence = (
        f"`{definition.name}` has not been measured yet, so churn avoided is taken as success rate x probability."
    )
    return fallback, None, sentence
