"""The profit expected of contacting a customer on the terms that a campaign's file has now, held ready for many requests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from churn.campaigns.offer_effect import NOTHING_TAUGHT
from churn.campaigns.own_terms import profit_on_terms
from churn.campaigns.reading import campaign_files
from churn.context import Context
from churn.views.advice import readable_campaigns
from churn.views.definition_in_force import campaign_or_offer
from churn.views.formula_values import NewestFormulaValues, own_terms_of
from churn.views.offer_evidence import taught_of_offers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from churn.campaigns.offer_effect import Taught
    from churn.documents.definition import CampaignDefinition
    from churn.store.score_row import ScoreRow

_SURE_SECONDS, _TAUGHT_SECONDS = 1.0, 60.0


class NewestTerms:
    """Reads campaign files again when they change, which is noticed within a second, and what rounds taught every minute."""

    def __init__(self, context: Context, formulas: NewestFormulaValues | None = None) -> None:
        self._context = context
        self._files: tuple[tuple[str, int], ...] = ()
        self._definitions: Mapping[str, CampaignDefinition] = {}
        self._taught: Mapping[str, Taught] = {}
        self._formulas = formulas or NewestFormulaValues(context.settings.home)
        self._sure_until = self._taught_until = 0.0

    def profit(self, campaign: str, score: ScoreRow, run_id: str) -> float | None:
        """Return the expected profit of contacting the customer of `score`, of the run named; None where only a plan can tell it."""
        self._look()
        definition = campaign_or_offer(self._definitions, campaign)
        if definition is None:
            return None
        involuntary, months = score["involuntary_probability"], score["months_after_save"]
        profit = profit_on_terms(
            definition,
            self._context.settings,
            np.array([score["churn_probability"]]),
            involuntary=None if involuntary is None else np.array([involuntary]),
            margin=np.array([score["monthly_margin"]]),
            published_value=np.array([score["value_of_save"]]),
            months=None if months is None else np.array([months]),
            taught=self._taught.get(definition.name, NOTHING_TAUGHT),
            own=own_terms_of(self._formulas.of(run_id), definition, [score["customer_id"]]),
        )
        return None if profit is None or np.isnan(profit[0]) else round(float(profit[0]), 4)

    def _look(self) -> None:
        now = time.monotonic()
        if now < self._sure_until:
            return
        paths = sorted(campaign_files(self._context.settings.home).items())
        files = tuple((name, path.stat().st_mtime_ns) for name, path in paths if path.is_file())
        if files != self._files or now >= self._taught_until:
            self._definitions = readable_campaigns(self._context)
            with self._context.open_store() as store:
                self._taught = taught_of_offers(store, list(self._definitions))
            self._files, self._taught_until = files, now + _TAUGHT_SECONDS
        self._sure_until = now + _SURE_SECONDS
